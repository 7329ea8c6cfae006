"""Several processes train what one trains, and go on where others stopped."""

from __future__ import annotations

import copy
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ornstein import training
from ornstein.common.errors import InputError, RunError
from ornstein.common.ranks import ALONE, Ranks, current, joined
from ornstein.covariance import Dense
from ornstein.denoisers import Gaussian, Network
from ornstein.nets import MLP, Condition
from ornstein.training import Budget, Checkpoints, HeldOut, LogNormal, Loss, Run, Trainer, Uncertainty
from ornstein.training.distributed import bare, spread, whole
from ornstein.training.session import _together
from ornstein.training.state import restore, state_of
from ranked import ranked

SHAPE, CASES, BATCH = (1, 5), 23, 11
ROUNDING = 1e-12
"""Sums in another order, in float64."""

ROOT = Path(__file__).parents[2]


def signals() -> Tensor:
    z = torch.randn(CASES, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return (z @ torch.linspace(0.2, 1.5, 25, dtype=torch.float64).reshape(5, 5)).reshape(CASES, *SHAPE)


def module(seed: int = 0) -> nn.Module:
    """In float64, with every weight away from 0, and sizes that two do not divide."""
    net = MLP(SHAPE, width=7, depth=2, classes=2, seed=seed).double()
    generator = torch.Generator().manual_seed(seed)
    for p in net.parameters():
        p.data = 0.3 * torch.randn(p.shape, generator=generator, dtype=p.dtype)
    return net


def made(ranks: Ranks, parallel: str, seed: int = 0) -> Run:
    """A run with all that a process has a share of: parts of an odd batch, clipping, averages, a learned weight, held-out cases."""
    x, label = signals(), Condition(torch.arange(CASES) % 2)
    network = Network.of(module(seed), Gaussian(x.mean(0), Dense(x.flatten(1).T.cov())))
    weight = Uncertainty()
    weight.head.double()
    loss = Loss(LogNormal(), weight, drop=0.3)
    options: dict[str, Any] = {"condition": label, "batch": BATCH, "accumulate": 2, "clip": 0.05, "lengths": (4.0, 16.0), "rate": 0.02}
    trainer = Trainer(network, x, loss, ranks=ranks, parallel=parallel, **options)
    return Run(trainer, Budget(steps=100), HeldOut(x[:7], loss, label[slice(7)], ranks=ranks))


def numbers(run: Run) -> Tensor:
    """Everything that was learned, as one vector: weights, averages, moments, the learned weight."""
    state = run.trainer.optimiser.state_dict()["state"]
    optimiser = [state[i][name] for i in sorted(state) for name in ("exp_avg", "exp_avg_sq")]
    averages = [value for values in run.trainer.averages.values for value in values]
    every = [*run.trainer.parameters, *averages, *optimiser, *run.trainer.loss.parameters()]
    return torch.cat([whole(value.detach()).flatten() for value in every])


def reports(run: Run, steps: int) -> Tensor:
    """Loss and gradient norm of some steps, and the held-out loss after them."""
    taken = [run.trainer.step() for _ in range(steps)]
    assert run.held_out is not None
    held = run.held_out(run.trainer.network, 100)
    return torch.stack([*(s.loss.double() for s in taken), *(s.gradient for s in taken), torch.tensor(held)])


def trained(parallel: str, seed_of_others: int = 0) -> tuple[Tensor, Tensor, int]:
    with joined() as ranks:
        run = made(ranks, parallel, seed=0 if ranks.main else seed_of_others)
        told = reports(run, 4)
        return numbers(run), told, sum(p.to_local().numel() if hasattr(p, "to_local") else p.numel() for p in run.trainer.parameters)


def check_as_one(count: int, parallel: str) -> None:
    alone, told, size = trained("auto")
    for many, told_many, own in ranked(count, trained, parallel, 1):  # the weights are those of process 0
        torch.testing.assert_close(many, alone, rtol=0, atol=ROUNDING)
        torch.testing.assert_close(told_many, told, rtol=1e-6, atol=0)  # the loss is summed in float32 on the way
        assert own <= (size if parallel == "ddp" else 0.75 * size)


@pytest.mark.parametrize("parallel", ["ddp", "fsdp"])
def test_two_processes_train_as_one(parallel):
    check_as_one(2, parallel)


@pytest.mark.slow
@pytest.mark.parametrize("parallel", ["ddp", "fsdp"])
def test_four_processes_train_as_one(parallel):
    check_as_one(4, parallel)


def saved(folder: Path, parallel: str) -> Tensor:
    """Three steps and an evaluation, a checkpoint, two steps more."""
    with joined() as ranks:
        run = made(ranks, parallel)
        reports(run, 3)
        run._evaluate(0.5)
        checkpoints = Checkpoints(folder)
        ranks.first(lambda: checkpoints.start(False, False))
        tensors, values = state_of(run)
        checkpoints.save(3, tensors, values, {}, ranks)
        reports(run, 2)
        return numbers(run)


def resumed(folder: Path, parallel: str) -> Tensor:
    """Another network goes on from the checkpoint, for two steps."""
    with joined() as ranks:
        run = made(ranks, parallel, seed=2)
        found = Checkpoints(folder).newest(ranks)
        assert found is not None
        tensors, values, _ = found
        restore(run, tensors if isinstance(tensors, dict) else _together(run, tensors), values)
        assert run.best.values
        best = torch.cat([whole(value).flatten() for value in run.best.values])
        reports(run, 2)
        return torch.cat([numbers(run), best])


def check_resume(folder: Path, writers: tuple[int, str], readers: tuple[tuple[int, str], ...]) -> None:
    def on(count: int, *job: Any) -> Tensor:
        return ranked(count, *job)[0] if count else job[0](*job[1:])

    end = on(writers[0], saved, folder, writers[1])
    first = None
    for count, parallel in readers:
        found = on(count, resumed, folder, parallel)
        torch.testing.assert_close(found[: len(end)], end, rtol=0, atol=ROUNDING)
        first = found if first is None else first
        torch.testing.assert_close(found, first, rtol=0, atol=ROUNDING)


def test_a_checkpoint_of_parts_goes_on_alone_and_together(tmp_path):
    check_resume(tmp_path / "run", (2, "fsdp"), ((0, "auto"), (2, "ddp")))
    assert sorted(p.name for p in (tmp_path / "run").iterdir()) == ["checkpoint-000000003.json", "checkpoint-000000003.parts"]


def test_a_checkpoint_of_one_process_goes_on_in_parts(tmp_path):
    check_resume(tmp_path / "run", (0, "auto"), ((2, "fsdp"),))


@pytest.mark.slow
def test_checkpoints_go_on_with_any_number_of_processes(tmp_path):
    check_resume(tmp_path / "two", (2, "fsdp"), ((1, "fsdp"), (4, "fsdp"), (4, "ddp")))
    check_resume(tmp_path / "four", (4, "fsdp"), ((0, "auto"), (2, "fsdp")))
    check_resume(tmp_path / "copies", (2, "ddp"), ((0, "auto"), (4, "fsdp")))


def test_a_damaged_part_is_noticed_and_the_checkpoint_before_is_taken(tmp_path):
    ranked(1, saved, tmp_path / "run", "fsdp")
    part = next((tmp_path / "run" / "checkpoint-000000003.parts").iterdir())
    content = bytearray(part.read_bytes())
    content[-1] ^= 1
    part.write_bytes(content)
    with pytest.warns(UserWarning, match="damaged.*checksums of its parts"):
        assert Checkpoints(tmp_path / "run").newest() is None


def unwritable(folder: Path) -> str:
    with joined() as ranks:
        run = made(ranks, "fsdp")
        try:
            Checkpoints(folder).save(0, *state_of(run), {}, ranks)
        except RunError as error:
            return str(error)
    return "written"


def test_a_disk_that_refuses_is_an_error_on_all(tmp_path):
    (tmp_path / "file").write_text("")
    for sentence in ranked(2, unwritable, tmp_path / "file"):
        assert "cannot be written" in sentence or "failed, so all stop" in sentence


class Nested(nn.Module):
    """Blocks within blocks, and a list of lists."""

    def __init__(self) -> None:
        super().__init__()
        inner = nn.ModuleList([nn.Linear(5, 5), nn.Linear(5, 5)])
        self.lists = nn.ModuleList([inner, nn.ModuleList([nn.ModuleList([nn.Linear(5, 5)])])])

    def forward(self, x: Tensor) -> Tensor:
        (first, second), ((third,),) = self.lists
        return third(second(first(x)))


def nested() -> tuple[Tensor, Tensor]:
    torch.manual_seed(0)
    module, x = Nested(), torch.ones(2, 5)
    module(x).sum().backward()
    with joined() as ranks:
        own = spread(module, ranks, "fsdp").own
        own.zero_grad()
        own(x).sum().backward()
        grads = [whole(p.grad) for p in own.parameters() if p.grad is not None]
    return torch.stack([g.norm() for g in grads]), torch.stack([p.grad.norm() for p in module.parameters() if p.grad is not None])


def test_blocks_within_blocks_are_split():
    for found, alone in ranked(1, nested):
        torch.testing.assert_close(found, alone)


def fitted(parallel: str) -> tuple[Tensor, float | None, bool]:
    x, net = signals(), module()
    for p in net.parameters():
        p.data *= 0.1  # near the Gaussian, so that a few steps get below it
    options: dict[str, Any] = {"steps": 30, "rate": 0.01, "warm_up": 0, "batch": BATCH, "held_out": 0.2, "lengths": (4.0,)}
    result = training.fit(x, net, Gaussian(x.mean(0) + 1, Dense(2 * x.flatten(1).T.cov())), parallel=parallel, device="cpu", **options)
    there = result.network(x, 0.5).mean
    plain = all(type(p) in (Tensor, nn.Parameter) for p in result.network.module.parameters())
    return there, result.held_out, plain and result.network.module is net


@pytest.mark.parametrize("parallel", ["auto", "fsdp"])
def test_fit_returns_the_callers_module_on_every_process(parallel):
    alone, held, _ = fitted("auto")
    for there, held_there, own in ranked(2, fitted, parallel):
        torch.testing.assert_close(there, alone, rtol=0, atol=ROUNDING)
        assert held_there == pytest.approx(held, rel=ROUNDING)
        assert own


def exchanged() -> tuple[Any, ...]:
    ranks = current()
    begin, end = ranks.share(5)
    rows = torch.arange(10.0).reshape(5, 2)
    total = ranks.total(torch.tensor([1.0 + ranks.rank]))
    said = ranks.first(lambda: ranks.rank), ranks.each(lambda: 10 * ranks.rank)
    failures = []
    for work in (lambda: int("x"), lambda: (_ for _ in ()).throw(InputError("no"))):
        try:
            ranks.first(work)
        except (RunError, InputError) as error:
            failures.append(type(error).__name__)
    try:
        ranks.each(lambda: 1 // ranks.rank)
    except RunError as error:
        failures.append("process 0 of 2" in str(error))
    ranks.wait()
    return ranks.gathered(rows[begin:end], 5), float(total), said, failures


def test_what_processes_tell_each_other():
    for gathered, total, said, failures in ranked(2, exchanged):
        torch.testing.assert_close(gathered, torch.arange(10.0).reshape(5, 2), rtol=0, atol=0)
        assert (total, said, failures) == (3.0, (0, [0, 10]), ["RunError", "InputError", True])


def test_shares_and_parts_cover_everything_once():
    for items in range(1, 40):
        for count in range(1, 6):
            for size in (1, 3, 8):
                parts = [Ranks(rank, count).parts(items, size) for rank in range(count)]
                assert [i for own in parts for begin, end in own for i in range(begin, end)] == list(range(items))
                assert len({len(own) for own in parts}) == 1
                assert all(end - begin <= size + 1 for own in parts for begin, end in own)
                assert items < count or all(end > begin for own in parts for begin, end in own)


def test_what_cannot_be_spread_is_refused():
    with pytest.raises(InputError, match="parallel is 'dp'"):
        spread(module(), ALONE, "dp")
    with pytest.raises(InputError, match="needs several processes"):
        spread(module(), ALONE, "fsdp")
    with pytest.raises(InputError, match="batch is 11"):
        made(Ranks(0, 12), "auto")
    assert current() == ALONE
    own = module()
    assert bare(spread(own, ALONE).own) is own
    assert copy.copy(ALONE) == Ranks(0, 1)


def torchrun(processes: int, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    run = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes), *command]
    return subprocess.run(run, env=os.environ | environment, capture_output=True, text=True, check=False, timeout=600)


@pytest.mark.slow
def test_the_example_trains_on_two_processes(tmp_path):
    done = torchrun(2, str(ROOT / "examples" / "train_many.py"), str(tmp_path / "run"))
    assert done.returncode == 0, done.stderr
    assert "2 processes" in done.stdout
    assert done.stdout.count("held-out loss") == 1


KILLED = """
import os, signal, sys, torch
sys.path[:0] = [{tests!r}, {here!r}]
from ornstein import training
from ornstein.common import ranks
from ornstein.training import session
from test_distributed import module, signals
session.SAVE_SECONDS = session.SAVE_SHARE = 0.0
folder, parallel, kill = sys.argv[1:]
with ranks.joined("cpu") as group:
    last = group.each(os.getpid)[-1]
    def progress(record):
        if kill == "kill" and record.step >= 300:
            os.kill(last, signal.SIGKILL)
    resume = kill == "resume"
    result = training.fit(signals(), module(), steps=500, batch=11, held_out=0.2, device="cpu", parallel=parallel, folder=folder,
                          resume=resume, progress=progress, patience=None)
    if group.main:
        torch.save(result.network(signals(), 0.5).mean, folder + ".pt")
"""


@pytest.mark.slow
@pytest.mark.parametrize("parallel", ["ddp", "fsdp"])
def test_a_killed_process_costs_nothing_but_time(tmp_path, parallel):
    script, folder = tmp_path / "script.py", str(tmp_path / "run")
    script.write_text(KILLED.format(tests=str(ROOT / "tests"), here=str(Path(__file__).parent)))
    assert torchrun(2, str(script), folder, parallel, "kill").returncode != 0
    assert list(Path(folder).glob("checkpoint-*.json"))
    assert not Path(folder + ".pt").exists()
    done = torchrun(1 if parallel == "ddp" else 4, str(script), folder, parallel, "resume")
    assert done.returncode == 0, done.stderr
    alone = training.fit(signals(), module(), steps=500, batch=11, held_out=0.2, device="cpu", patience=None)
    torch.testing.assert_close(torch.load(folder + ".pt"), alone.network(signals(), 0.5).mean, rtol=0, atol=1e-8)
