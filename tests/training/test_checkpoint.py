"""Checkpoints: a run that was stopped anywhere ends with the same bits, and no kill or full disk loses one."""

from __future__ import annotations

import errno
import itertools
import json
import os
import random
import shutil
import signal
import time
from pathlib import Path

import pytest
import torch
from small_runs import Small, labels, reference, signals
from torch import Tensor

import ornstein.common.files
from ornstein.common.errors import InputError, RunError
from ornstein.training import Checkpoints, Trained, fit, held_out, read_journal
from ornstein.training import run as module_of_run
from ornstein.training.checkpoint import fingerprint
from ornstein.training.interrupts import deferred

pytestmark = pytest.mark.filterwarnings("ignore:no network got below the held-out loss")

OPTIONS = {"steps": 30, "batch": 10, "accumulate": 3, "seed": 4, "rate": 0.01, "condition": labels(), "weight": "uncertainty"}


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module_of_run, "APART", 4)
    monkeypatch.setattr(held_out, "PAIRS", 40)


class Stopping(Small):
    """Sends a signal to its own process while it takes its ``call``-th gradient."""

    def __init__(self, call: int | None = None, number: int = signal.SIGINT) -> None:
        super().__init__(share=0.2)
        self.left, self.number = call, number

    def forward(self, x: Tensor, noise: Tensor, condition: object = None) -> Tensor:
        if self.training and self.left is not None:
            self.left -= 1
            if self.left == 0:
                os.kill(os.getpid(), self.number)
        return super().forward(x, noise, condition)  # type: ignore[arg-type]


def train(folder: Path | None, call: int | None = None, *, number: int = signal.SIGINT, **more: object) -> Trained:
    x = signals()
    return fit(x, Stopping(call, number), reference(x), folder=folder, **OPTIONS | more)  # type: ignore[arg-type]


def stopped(folder: Path, call: int, **more: object) -> None:
    with pytest.raises(KeyboardInterrupt, match=r"training was interrupted after \d+ steps, and saved in .*: go on with resume=True"):
        train(folder, call, **more)


def contents(folder: Path) -> tuple[dict[str, Tensor], dict[str, object]]:
    found = Checkpoints(folder).newest()
    assert found is not None
    return found[0], {name: value for name, value in found[1].items() if name not in ("seconds", "reserve")}


def assert_same(one: Path, other: Path) -> None:
    """To the bit: weights, averages, moments, the best weights; and every counter."""
    tensors, values = contents(one)
    expected, as_well = contents(other)
    assert values == as_well
    assert tensors.keys() == expected.keys()
    for name, tensor in tensors.items():
        assert torch.equal(tensor, expected[name]), name


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was never stopped."""
    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module_of_run, "APART", 4)
        patch.setattr(held_out, "PAIRS", 40)
        train(folder)
    return folder


@pytest.mark.parametrize("calls", [(1,), (12,), (36, 1), (30, 30), (87,), (5, 5, 5)])
def test_a_run_that_was_stopped_ends_with_the_same_bits(tmp_path: Path, whole: Path, calls: tuple[int, ...]) -> None:
    """A step has three parts of the batch, and held-out cases are looked at every fourth step."""
    for k, call in enumerate(calls):
        stopped(tmp_path, call, resume=k > 0)
    before = contents(tmp_path)[1]["step"]
    assert isinstance(before, int)
    assert 0 < before < 30
    train(tmp_path, resume=True)
    assert_same(tmp_path, whole)


def test_a_short_run_is_saved_once_at_its_end(whole: Path) -> None:
    assert [file.name for file in whole.glob("checkpoint-*.json")] == ["checkpoint-000000030.json"]


def test_a_second_signal_does_what_it_always_did() -> None:
    asleep = signal.signal(signal.SIGINT, signal.default_int_handler)  # started in the background, Python ignores Ctrl-C
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with deferred() as asked:
        assert not asked()
        os.kill(os.getpid(), signal.SIGINT)
        assert asked()
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert asked.signal == signal.SIGINT
    assert handlers == [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    signal.signal(signal.SIGINT, asleep)


def test_early_stopping_goes_on_counting(tmp_path: Path) -> None:
    options = {"steps": 200, "patience": 2, "rate": 0.2, "weight": "edm"}
    ended = train(tmp_path / "whole", **options)
    assert ended.stopped == "patience"
    assert 8 < ended.steps < 200
    stopped(tmp_path / "parts", 3 * (ended.steps - 2), **options)
    again = train(tmp_path / "parts", resume=True, **options)
    assert (again.stopped, again.steps, again.held_out, again.chosen) == ("patience", ended.steps, ended.held_out, ended.chosen)
    assert_same(tmp_path / "whole", tmp_path / "parts")
    once_more = train(tmp_path / "parts", resume=True, **options)
    assert once_more.steps == ended.steps
    for one, other in zip(once_more.network.module.parameters(), ended.network.module.parameters(), strict=True):
        assert torch.equal(one, other)


def test_a_run_that_ended_can_be_given_more_steps(tmp_path: Path, whole: Path) -> None:
    """30 steps, then 60 in all: the weights move on from where they were, evaluations are due again, and the pace ends at 0 once more."""
    shutil.copytree(whole, tmp_path / "run")
    before = contents(tmp_path / "run")[0]
    longer = train(tmp_path / "run", resume=True, steps=60)
    assert (longer.steps, longer.stopped) == (60, "steps")
    evaluated = [record.step for record in longer.history if record.held_out is not None]
    assert [step for step in evaluated if 30 < step < 60] == list(range(34, 60, 4))
    assert not all(torch.equal(value, before[name]) for name, value in contents(tmp_path / "run")[0].items() if name.startswith("module."))
    assert longer.history[-1].rate is not None
    assert longer.history[-1].rate < 0.1 * max(record.rate or 0.0 for record in longer.history)
    with pytest.raises(InputError, match="steps was 60 and is 30"):
        train(tmp_path / "run", resume=True, steps=30)


def test_a_run_that_lost_hours_to_a_crash_goes_on_from_its_last_checkpoint(
    tmp_path: Path, whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ornstein.training.session.SAVE_SECONDS", 0.0)
    monkeypatch.setattr("ornstein.training.session.SAVE_SHARE", 0.0)

    class Crash(Exception):
        pass

    def crash(record: object) -> None:
        if record.step == 20:  # type: ignore[attr-defined]
            raise Crash

    with pytest.raises(Crash):
        train(tmp_path, progress=crash)
    assert contents(tmp_path)[1]["step"] == 16
    train(tmp_path, resume=True)
    assert_same(tmp_path, whole)
    steps = [line["step"] for line in read_journal(tmp_path / "events.jsonl")]
    assert steps == [0, 0, 4, 8, 12, 16, 16, 20, 24, 28, 30]


def test_sigterm_saves_too(tmp_path: Path, whole: Path) -> None:
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with pytest.raises(RunError, match="training was interrupted after 7 steps, and saved in"):
        train(tmp_path, 21, number=signal.SIGTERM)
    assert handlers == [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    train(tmp_path, resume=True)
    assert_same(tmp_path, whole)


def test_ctrl_c_without_a_folder() -> None:
    with pytest.raises(KeyboardInterrupt, match="after 2 steps, and nothing was kept: give a folder"):
        train(None, 5)


@pytest.mark.parametrize("damage", ["tensors cut", "tensors changed", "tensors missing", "json cut", "json changed"])
def test_a_damaged_checkpoint_is_skipped_with_a_sentence(tmp_path: Path, whole: Path, damage: str) -> None:
    stopped(tmp_path, 30)
    stopped(tmp_path, 30, resume=True)
    file = sorted(tmp_path.glob("checkpoint-*.json"))[-1]
    what, how = damage.split()
    file = file if what == "json" else file.with_suffix(".safetensors")
    data = bytearray(file.read_bytes())
    if how == "missing":
        file.unlink()
    elif how == "cut":
        file.write_bytes(data[: len(data) // 2])
    else:
        place = data.index(b'"seconds"') + 12 if what == "json" else len(data) - 5
        data[place] = ord("7") if data[place] != ord("7") else ord("8")
        file.write_bytes(data)
    with pytest.warns(UserWarning, match=r"the checkpoint checkpoint-000000020.json in .* is damaged \(.*\) and is skipped"):
        train(tmp_path, resume=True)
    assert_same(tmp_path, whole)


def test_the_last_ones_are_kept(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path / "run", keep=2)
    checkpoints.start(False, False)
    for step in (1, 2, 10, 11):
        checkpoints.save(step, {"w": torch.full((2,), float(step))}, {"step": step}, {})
        (checkpoints.folder / "checkpoint-000000003.safetensors").touch()  # left by a kill between the two files
    checkpoints.save(12, {"w": torch.zeros(2)}, {"step": 12}, {})
    names = sorted(file.name for file in checkpoints.folder.iterdir())
    assert names == [f"checkpoint-0000000{step}.{kind}" for step in (11, 12) for kind in ("json", "safetensors")]


def test_an_earlier_run_is_not_overwritten(tmp_path: Path, whole: Path) -> None:
    stopped(tmp_path, 30)
    with pytest.raises(InputError, match=r"holds a run of 10 steps: go on with resume=True \(--resume\), replace it with force=True"):
        train(tmp_path)
    train(tmp_path, force=True)
    assert_same(tmp_path, whole)
    assert read_journal(tmp_path / "events.jsonl")[0]["step"] == 0
    assert [line["step"] for line in read_journal(tmp_path / "events.jsonl")].count(0) == 2


def test_to_go_on_needs_the_same_data_and_arguments(tmp_path: Path) -> None:
    stopped(tmp_path, 30)
    for change, said in (
        ({"batch": 12, "rate": 0.02}, "batch was 10 and is 12; rate was 0.01 and is 0.02"),
        ({"condition": None}, "condition is not the same"),
        ({"steps": 20}, "steps was 30 and is 20"),
    ):
        with pytest.raises(InputError, match=rf"was started differently \({said}\): give what it had, or pass force=True"):
            train(tmp_path, resume=True, **change)
    with pytest.raises(InputError, match=r"started differently \(x is not the same; reference is not the same\)"):
        fit(signals(seed=1), Stopping(), reference(signals(seed=1)), folder=tmp_path, resume=True, **OPTIONS)  # type: ignore[arg-type]
    assert train(tmp_path, resume=True, force=True, steps=40).steps == 40


def test_to_go_on_from_nothing_is_to_start(tmp_path: Path, whole: Path) -> None:
    train(tmp_path / "new", resume=True)
    assert_same(tmp_path / "new", whole)


@pytest.mark.parametrize(("name", "said"), [("a/b", "does not exist: create it"), ("file", "is a file, but must be a folder")])
def test_a_folder_that_cannot_be(tmp_path: Path, name: str, said: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=said):
        train(tmp_path / name)


@pytest.mark.parametrize("after", [0, 1])
def test_a_full_disk_leaves_the_checkpoints_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    """The disk is full while the tensors are written, or the JSON file after them."""
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(1, {"w": torch.ones(3)}, {"step": 1}, {})
    room = [after]
    real = ornstein.common.files.sync

    def full(path: Path) -> None:
        if path.is_file():
            room[0] -= 1
            if room[0] < 0:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(path)

    monkeypatch.setattr(ornstein.common.files, "sync", full)
    with pytest.raises(RunError, match=r"checkpoint-000000002\.\w+ cannot be written \(No space left on device\): free space"):
        checkpoints.save(2, {"w": torch.zeros(3)}, {"step": 2}, {})
    found = checkpoints.newest()
    assert found is not None
    assert found[1] == {"step": 1}
    assert torch.equal(found[0]["w"], torch.ones(3))


def test_fingerprints_see_every_value_shape_and_type() -> None:
    x = torch.arange(6.0)
    prints = [fingerprint(*given) for given in ((x,), (x.view(2, 3),), (x.double(),), (x, None), (None, x), (x + (x == 5) * 1e-6,))]
    assert len(set(prints)) == 6
    assert fingerprint(x.view(2, 3)) == fingerprint(x.view(3, 2).T.contiguous().view(2, 3) * 0 + x.view(2, 3))
    assert fingerprint(x.view(2, 3).T) == fingerprint(x.view(2, 3).T.contiguous())


def kills(folder: Path, count: int) -> None:
    """Kill a process that saves all the time, at any moment: what it said is saved is there, whole."""
    chance = random.Random(0)
    checkpoints, said = Checkpoints(folder, keep=3), 0
    for _ in range(count):
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                for step in itertools.count(said + 1):
                    checkpoints.save(step, {"w": torch.full((20_000,), float(step))}, {"step": step}, {})
                    os.write(writer, step.to_bytes(8, "big"))
            finally:
                os._exit(1)  # never a second run of the tests
        os.close(writer)
        told = os.read(reader, 8)  # it is at work
        time.sleep(chance.uniform(0, 0.02))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        while part := os.read(reader, 1 << 16):
            told += part
        os.close(reader)
        last = int.from_bytes(told[-8:], "big")
        found = checkpoints.newest()
        assert found is not None
        said = found[1]["step"]
        assert said in (last, last + 1)  # the kill may come after the file and before the word
        assert bool((found[0]["w"] == said).all())


def test_ten_kills_while_saving_lose_nothing(tmp_path: Path) -> None:
    kills(tmp_path, 10)


@pytest.mark.slow
def test_two_hundred_kills_while_saving_lose_nothing(tmp_path: Path) -> None:
    kills(tmp_path, 200)
    Checkpoints(tmp_path).start(resume=True, force=False)
    assert not list(tmp_path.glob(".ornstein-*"))
    assert json.loads(next(tmp_path.glob("*.json")).read_bytes())["format"] == 1
