"""One step: its gradient, its optimiser, what it leaves out, and what it does without memory."""

from __future__ import annotations

import copy
from functools import partial

import pytest
import torch
from small_runs import CASES, SHAPE, Small, labels, reference, signals, trainer, weights
from torch import Tensor, nn

from ornstein.common.buffers import keep_freed
from ornstein.common.errors import InputError, RunError
from ornstein.denoisers import Network
from ornstein.training import LogNormal, Loss, Order, Trainer
from ornstein.training.forward import Forward, low_precision, seeded_layers
from ornstein.training.loss import Draw

STEPS = 7


def by_hand(module: nn.Module, x: Tensor, paces: list[float], *, batch: int, clip: float, rate: float, seed: int) -> Tensor:
    """The same training written out with the textbook formulas of Adam (Kingma & Ba 2015, algorithm 1)."""
    network, loss, parameters = Network.of(module, reference(x)), Loss(LogNormal()), list(module.parameters())
    first, second = [torch.zeros_like(p) for p in parameters], [torch.zeros_like(p) for p in parameters]
    order = Order(len(x), batch, seed)
    for k, pace in enumerate(paces):
        module.zero_grad()
        loss(network, x[order(k)], Draw(seed, k, 0, batch)).mean().backward()
        gradients = [p.grad.clone() for p in parameters if p.grad is not None]
        norm = torch.cat([g.flatten() for g in gradients]).norm()
        for p, g, m, v in zip(parameters, gradients, first, second, strict=True):
            g = g * (clip / norm).clamp_max(1.0)
            m.mul_(0.9).add_(0.1 * g)
            v.mul_(0.99).add_(0.01 * g**2)
            step = (m / (1 - 0.9 ** (k + 1))) / ((v / (1 - 0.99 ** (k + 1))).sqrt() + 1e-8)
            p.data -= rate * pace * step
    return weights(module)


@pytest.mark.parametrize("clip", [0.05, 100.0])
def test_steps_are_those_of_adam_on_the_clipped_gradient(clip: float) -> None:
    x, paces = signals().double(), [0.2, 0.6, 1.0, 1.0, 1.0, 0.5, 0.1]
    expected = by_hand(Small().double(), x, paces, batch=12, clip=clip, rate=0.01, seed=3)
    found = trainer(x=x, rate=0.01, clip=clip, seed=3)
    norms = torch.stack([found.step(pace).gradient for pace in paces])
    assert bool(((norms > 0.05) & (norms < 100)).all())  # one clip always acts, the other never
    torch.testing.assert_close(weights(found.network.module), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("accumulate", [2, 5, 12])
def test_a_batch_in_parts_has_the_same_gradient(accumulate: int) -> None:
    whole, parts = (trainer(condition=labels(), accumulate=a, clip=0.1) for a in (1, accumulate))
    for one, several in zip(whole.steps(STEPS), parts.steps(STEPS), strict=True):
        torch.testing.assert_close(one.gradient, several.gradient, rtol=1e-10, atol=0)
        torch.testing.assert_close(one.loss, several.loss, rtol=1e-5, atol=0)
    torch.testing.assert_close(weights(whole.network.module), weights(parts.network.module), rtol=0, atol=1e-7)


def test_parts_are_as_small_as_asked() -> None:
    seen: list[int] = []
    module = Small().double()
    module.register_forward_hook(lambda _, arguments, __: seen.append(len(arguments[0])))
    next(trainer(module, accumulate=5).steps(1))
    assert seen == [3, 3, 3, 3]


def test_a_step_without_a_finite_gradient_is_left_out() -> None:
    x = signals().double()
    bad = x.clone()
    bad[7] = torch.nan
    good, found = trainer(x=x, batch=10), trainer(x=bad, batch=10)
    met = [bool((good.order(k) == 7).any()) for k in range(8)]
    assert met.count(True) == 2
    for k, step in enumerate(found.steps(8)):
        before = copy.deepcopy((weights(good.network.module), good.optimiser.state_dict()["state"], good.averages.values))
        good.step()
        if met[k]:  # as if this step had not been: neither weights nor moments move
            good.network.module.load_state_dict(found.network.module.state_dict())
            assert torch.equal(weights(found.network.module), before[0])
            good.optimiser.load_state_dict({"state": before[1], "param_groups": good.optimiser.state_dict()["param_groups"]})
        assert bool(step.taken) is not met[k]
        assert torch.equal(weights(found.network.module), weights(good.network.module))
        assert int(found.skipped_in_a_row) == int(met[k])
    assert int(found.skipped) == 2
    assert all(bool(torch.isfinite(v).all()) for values in found.averages.values for v in values)


class Hungry(Small):
    """Runs out of memory with more than ``limit`` cases; with ``backward`` only when gradients are taken."""

    limit = CASES

    def forward(self, x: Tensor, noise: Tensor, condition: object = None) -> Tensor:
        if len(x) > self.limit:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return super().forward(x, noise)


@pytest.mark.parametrize(("limit", "part"), [(12, 12), (11, 6), (4, 3), (1, 1)])
def test_out_of_memory_halves_the_parts_and_not_the_batch(limit: int, part: int) -> None:
    expected, found = trainer(), trainer(Hungry().double())
    found.network.module.limit = limit  # type: ignore[assignment]
    for one, other in zip(expected.steps(STEPS), found.steps(STEPS), strict=True):
        torch.testing.assert_close(one.gradient, other.gradient, rtol=1e-10, atol=0)
    assert found.part == part
    torch.testing.assert_close(weights(expected.network.module), weights(found.network.module), rtol=0, atol=1e-7)


def test_no_memory_for_a_single_case() -> None:
    found = trainer(Hungry().double())
    found.network.module.limit = 0  # type: ignore[assignment]
    with pytest.raises(RunError, match=r"memory does not hold a single case of shape \(2, 5\): use a smaller network or signals"):
        found.step()


def test_random_layers_follow_the_seed_and_leave_the_generator_alone() -> None:
    def drawn(*seed: int) -> Tensor:
        with seeded_layers(seed, torch.device("cpu")):
            return torch.nn.functional.dropout(torch.ones(200))

    torch.testing.assert_close(drawn(0, 0, 0), drawn(0, 0, 0))
    seeds = [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1), (1 << 32, 0, 0)]
    assert len({tuple(drawn(*seed).tolist()) for seed in seeds}) == len(seeds)
    runs = [trainer(Small(share=0.5).double()) for _ in range(2)]
    for run in runs:
        torch.rand(1)  # the state of the global generator does not matter
        state = torch.get_rng_state()
        run.step()
        assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(weights(runs[0].network.module), weights(runs[1].network.module))


def test_only_the_module_computes_in_lower_precision() -> None:
    seen: dict[str, torch.dtype] = {}
    module = Small()
    module.first.register_forward_hook(lambda _, __, out: seen.update(inner=out.dtype))
    forward = Forward(module, torch.bfloat16, False)
    out = forward(torch.randn(3, *SHAPE, generator=torch.Generator().manual_seed(0)), torch.zeros(3))
    assert seen["inner"] == torch.bfloat16
    assert out.dtype == torch.float32
    x = signals()
    network = Network.of(module, reference(x))
    low, plain = (Trainer(network, x, Loss(LogNormal()), batch=12, precision=p) for p in ("bfloat16", "float32"))
    close, exact = low._gradient(), plain._gradient()
    assert close is not None
    assert exact is not None
    assert not torch.equal(close, exact)
    torch.testing.assert_close(close, exact, rtol=0.02, atol=0)  # bfloat16 has 8 bits
    assert all(p.dtype == torch.float32 for p in module.parameters())


def test_precision_of_a_device() -> None:
    assert low_precision("auto", torch.device("cpu")) is None
    assert low_precision("float32", torch.device("cpu")) is None
    with pytest.raises(InputError, match="precision is 'bf16', but must be one of auto, bfloat16, float32"):
        low_precision("bf16", torch.device("cpu"))


def test_nothing_to_train() -> None:
    module = Small().double().requires_grad_(False)
    with pytest.raises(InputError, match="the module has no trainable parameters: set requires_grad"):
        trainer(module)


def test_frozen_parameters_stay() -> None:
    module = Small().double()
    module.first.requires_grad_(False)
    before = module.first.weight.clone(), module.last.weight.clone()
    for _ in trainer(module).steps(3):
        pass
    assert torch.equal(module.first.weight, before[0])
    assert not torch.equal(module.last.weight, before[1])


@pytest.mark.parametrize(
    ("argument", "value"), [("batch", 41), ("batch", 0), ("accumulate", 13), ("rate", 0.0), ("clip", -1.0), ("seed", -1)]
)
def test_arguments_out_of_range(argument: str, value: float) -> None:
    with pytest.raises(InputError, match=f"{argument} is"):
        trainer(**{argument: value})


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the compiler's own imports
def test_a_compiled_module_trains_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="eager"))  # traced all the same, without a C++ compiler
    x = signals()
    runs = [Trainer(Network.of(Small(), reference(x)), x, Loss(LogNormal()), batch=12, compiled=c) for c in (False, True)]
    for one, other in zip(runs[0].steps(STEPS), runs[1].steps(STEPS), strict=True):
        torch.testing.assert_close(one.loss, other.loss, rtol=1e-4, atol=0)
    assert torch.equal(weights(runs[0].network.module), weights(runs[1].network.module))


def test_what_a_step_frees_is_there_for_the_next_one() -> None:
    """48 MB in twelve buffers, freed and asked for again: 12 288 page faults a round where the system gets them back."""
    import resource

    def faults() -> int:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        buffers = [torch.zeros(1 << 20) for _ in range(12)]
        del buffers
        return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

    trainer()
    found = min(faults() for _ in range(4))
    if not keep_freed():
        pytest.skip("memory is not kept: another C library, or somebody has chosen")
    assert found < 1000
