"""Modules of someone else: what they compute in, and one sentence for each of their mistakes."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from kinds import EVENT, gaussian, normal
from ornstein.common.errors import InputError
from ornstein.denoisers import Network, Predicted
from ornstein.nets import MLP, Condition, accepts
from ornstein.schedules import VP, Cosine

X = normal(4, *EVENT, seed=1)


class Linear(nn.Module):
    """x_0 = W x_t + b, with dropout and batch statistics on the way, in float32."""

    def __init__(self) -> None:
        super().__init__()
        self.linear, self.drop, self.norm = nn.Linear(3, 3), nn.Dropout(0.5), nn.BatchNorm1d(2)
        with torch.no_grad():
            self.linear.weight.copy_(normal(3, 3, seed=2))
            self.linear.bias.copy_(normal(3, seed=3))
        self.norm.eval()
        self.dtypes: list[torch.dtype] = []

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        self.dtypes += [x.dtype, t.dtype]
        out: Tensor = self.norm(self.drop(self.linear(x)))
        return out


@pytest.mark.parametrize("sigma", [0.5, torch.tensor([0.1, 0.5, 1.0, 3.0], dtype=torch.float64)])
def test_modules_compute_in_their_own_type_and_without_dropout(sigma: float | Tensor) -> None:
    """float64 in and out around a module in float32, in evaluation mode and then in its own again, buffers untouched; 1e-5."""
    module, schedule = Linear().train(), Cosine()
    module.norm.eval()
    buffers = [b.clone() for b in module.buffers()]
    got = Predicted(module, "x0", schedule, EVENT)(X, sigma).mean
    alpha = schedule.alpha(schedule.time(sigma)).view(-1, 1, 1)
    expected = (alpha * X) @ module.linear.weight.double().T + module.linear.bias.double()
    assert torch.allclose(got, expected, atol=1e-4)
    assert got.dtype == torch.float64
    assert set(module.dtypes) == {torch.float32}
    assert [module.training, module.drop.training, module.norm.training] == [True, True, False]
    assert all(torch.equal(a, b) for a, b in zip(buffers, module.buffers(), strict=True))
    network = Network.of(Linear().train(), gaussian())
    assert torch.equal(network(X, sigma).mean, network(X, sigma).mean)
    assert network.module.training


def test_half_precision() -> None:
    """A module in bfloat16 inside float64: to its rounding, 2 %."""
    whole, half = Linear(), Linear().to(torch.bfloat16)
    one, other = (Predicted(m, "x0", VP(), EVENT)(X, 0.7).mean.detach() for m in (whole, half))
    assert float((one - other).abs().max()) < 0.02 * float(one.abs().max())
    assert set(half.dtypes) == {torch.bfloat16}
    one, other = (Network.of(m, gaussian())(X, 0.7).mean.detach() for m in (whole, half))
    assert float((one - other).abs().max()) < 0.02 * float(one.abs().max())


def test_under_vmap() -> None:
    """The look for NaN is left out where it would fail, and the answers are those without vmap."""
    many = torch.stack([X, 2 * X, 3 * X])
    for denoiser in (Network.of(MLP(EVENT, width=8, depth=1), gaussian()), Predicted(Linear(), "x0", VP(), EVENT)):
        got = torch.func.vmap(lambda x, d=denoiser: d(x, 0.7).mean)(many)
        assert torch.allclose(got, torch.stack([denoiser(x, 0.7).mean for x in many]), atol=1e-5)


class Any(nn.Module):
    """Returns what it is told to."""

    def __init__(self, answer: Callable[[Tensor], object]) -> None:
        super().__init__()
        self.answer, self.weight = answer, nn.Parameter(torch.ones(()))

    def forward(self, x: Tensor, noise: Tensor) -> object:
        return self.answer(x * self.weight)


class Conditioned(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))

    def forward(self, x: Tensor, noise: Tensor, condition: Condition) -> Tensor:
        assert condition.vector is not None
        assert condition.vector.dtype == self.weight.dtype
        assert len(condition.vector) == len(x) == 2
        return x * self.weight


class Alone(Any):
    def forward(self, x: Tensor) -> object:  # type: ignore[override]
        return x


class Split(Any):
    def __init__(self) -> None:
        super().__init__(lambda x: x)
        self.other = nn.Parameter(torch.ones((), device="meta"))


class Sampled:
    sample = torch.ones(1)


WIDER = MLP((2, 4), width=4, depth=1)


def fails(x: Tensor) -> Tensor:
    return x @ torch.ones(7, 7)


ANSWERS = [
    (lambda x: (x, x), "Any returned a tuple, but must return a tensor of the shape of x, (2, 2, 3): return the tensor alone"),
    (lambda x: Sampled(), "Any returned a Sampled, but must return a tensor of the shape of x, (2, 2, 3): return the tensor alone"),
    (lambda x: None, "Any returned a NoneType, but must return a tensor"),
    (lambda x: x[:, :1], "Any returned shape (2, 1, 3) for x of shape (2, 2, 3), but must return the shape of x"),
    (lambda x: x.long(), "Any returned int64 values, but must return floating-point numbers"),
    (lambda x: x.to(torch.complex64), "Any returned complex64 values, but must return floating-point numbers"),
    (lambda x: x / 0, "Any returned NaN or infinite values"),
]
"""What a module may answer two cases of shape (2, 3) with."""


@pytest.mark.parametrize(("answer", "sentence"), ANSWERS)
def test_answers_are_checked_wherever_a_module_is_called(answer: Callable[[Tensor], object], sentence: str) -> None:
    module, x = Any(answer), X[:2]
    for call in (
        lambda: accepts(module, x),
        lambda: Network.of(module, gaussian())(x, 1.0),
        lambda: Predicted(module, "eps", VP(), EVENT)(x, 1.0),
    ):
        with pytest.raises(InputError, match=re.escape(sentence)):
            call()


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: accepts(lambda x, noise: x, X), "module is a function, but must be a torch.nn.Module called as F(x, noise)"),
        (lambda: accepts(nn.Identity(), X), "Identity has no parameters, so there is nothing to train"),
        (lambda: accepts(Split(), X), "Split has parameters on cpu and meta, but one device must hold all"),
        (lambda: accepts(Alone(lambda x: x), X), "Alone.forward takes (x: 'Tensor') -> 'object', but is called as F(x, noise) with x"),
        (lambda: accepts(Any(lambda x: x), X, Condition(vector=X[:, 0])), "is called as F(x, noise, condition) with x (2, 2, 3) float32"),
        (lambda: accepts(Conditioned(), X), "Conditioned.forward takes (x: 'Tensor', noise: 'Tensor', condition: 'Condition')"),
        (lambda: accepts(Any(fails), X), "Any fails when called as F(x, noise) with x (2, 2, 3) float32 and noise (2,): mat1 and mat2"),
        (lambda: accepts(Any(lambda x: x.detach()), X), "Any returned a tensor without a gradient, so it cannot be trained"),
        (lambda: accepts(Any(lambda x: x), X[:0]), "x holds no cases"),
        (
            lambda: accepts(MLP((2, 4), width=4, depth=1), X),
            "MLP fails when called as F(x, noise) with x (2, 2, 3) float32 and noise (2,): x has",
        ),
        (lambda: accepts(Conditioned(), X, Condition(vector=X[:3, 0])), "condition has 3 rows, but there are 4 cases"),
        (lambda: accepts(Any(lambda x: torch.ones(x.shape, device="meta")), X), "Any returned a tensor on meta for x on cpu"),
    ],
)
def test_mistakes_before_training(call: Callable[[], None], sentence: str) -> None:
    with pytest.raises(InputError, match=re.escape(sentence)):
        call()


def test_what_is_accepted() -> None:
    """One case or many, with and without conditions, and nothing is left changed: mode, buffers, gradients, the global generator."""
    module = Linear().train()
    before, state = {k: v.clone() for k, v in module.state_dict().items()}, torch.get_rng_state()
    accepts(module, X)
    accepts(module, X[:1])
    accepts(Conditioned(), X, Condition(vector=X[:, 0]))
    accepts(Conditioned(), X, Condition(vector=X[:1, 0]))
    accepts(nn.DataParallel(Any(lambda x: x)), X)
    assert all(torch.equal(v, before[k]) for k, v in module.state_dict().items())
    assert all(p.grad is None for p in module.parameters())
    assert module.training
    assert module.drop.training
    assert torch.equal(torch.get_rng_state(), state)


def test_conditions_join_and_vanish() -> None:
    """Two conditions one after the other: a part that one lacks is missing in its rows; nothing() is all of them missing."""
    one = Condition(label=torch.tensor([1, 2]), vector=X[:2, 0])
    other = Condition(vector=X[2:3, 0], signal=X[:1])
    both = one.joined(other, 2)
    assert both.label is not None
    assert both.vector is not None
    assert both.signal is not None
    assert both.label.tolist() == [1, 2, -1, -1]
    assert torch.equal(both.vector, torch.cat([X[:2, 0], X[2:3, 0], X[2:3, 0]]))
    assert both.signal[:2].isnan().all()
    assert torch.equal(both.signal[2:], X[:1].expand(2, *EVENT))
    nothing = both.nothing()
    assert nothing.rows == 1
    assert nothing.label is not None
    assert nothing.label.tolist() == [-1]
    assert nothing.vector is not None
    assert nothing.vector.isnan().all()
    assert Condition().joined(Condition(), 3).rows == 1
    half = one.to("cpu", torch.float16)
    assert half.vector is not None
    assert half.label is not None
    assert (half.vector.dtype, half.label.dtype) == (torch.float16, torch.int64)
