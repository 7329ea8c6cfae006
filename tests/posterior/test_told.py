"""Noise that is not Gaussian, limits, steps and any function: against integrals over a grid."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

import ornstein as orn
from kinds import Black
from ornstein.covariance import Dense
from ornstein.denoisers import Gaussian, Law, Mixture, matched
from ornstein.measurements import Clip, Laplace, Likelihood, Linear, Mask, Nonlinear, Poisson, Quantise, StudentT
from ornstein.posterior import Twisted, condition, condition_all
from ornstein.posterior.given import Given

LAW = Gaussian(torch.tensor([1.0, 0.5]), Dense(torch.tensor([[2.0, 0.9], [0.9, 1.0]], dtype=torch.float64)))
TWO = Mixture(torch.tensor([0.6, 0.4]), [LAW, Gaussian(torch.tensor([-2.0, 2.0]), Dense(torch.eye(2, dtype=torch.float64)))])
SLANTED = Linear(torch.tensor([[1.0, 0.3], [-0.2, 1.0]], dtype=torch.float64))
axis = torch.linspace(-9, 9, 721, dtype=torch.float64)
GRID = torch.stack(torch.meshgrid(axis, axis, indexing="ij"), -1).view(-1, 2)
AREA = float(axis[1] - axis[0]) ** 2


def normal(y: Tensor, m: Tensor, s: float) -> Tensor:
    return torch.distributions.Normal(m, s).log_prob(y).sum(-1)


def seen(x: Tensor) -> Tensor:
    return x @ SLANTED.matrix.T


Y = torch.tensor([1.4, 0.4], dtype=torch.float64)
COUNTS = torch.tensor([3.0, 1.0], dtype=torch.float64)
CASES: dict[str, tuple[orn.measurements.Measurement, Tensor, object, Callable[[Tensor], Tensor]]] = {
    "laplace": (SLANTED, Y, Laplace(0.3), lambda x: torch.distributions.Laplace(seen(x), 0.3).log_prob(Y).sum(-1)),
    "student": (SLANTED, Y, StudentT(0.3, 2.0), lambda x: torch.distributions.StudentT(2.0, seen(x), 0.3).log_prob(Y).sum(-1)),
    "poisson": (SLANTED, COUNTS, Poisson(log=True), lambda x: torch.distributions.Poisson(seen(x).exp()).log_prob(COUNTS).sum(-1)),
    "clip": (Clip(-1.0, 0.5) @ SLANTED, Y.clamp_max(0.5), 0.2, lambda x: normal(Y.clamp_max(0.5), seen(x).clamp(-1, 0.5), 0.2)),
    "quantise": (Quantise(1.0) @ SLANTED, Y.round(), 0.1, lambda x: normal(Y.round(), seen(x).round(), 0.1)),
    "curved": (Nonlinear(lambda x: (x / 2).exp()), (Y / 2).exp(), 0.3, lambda x: normal((Y / 2).exp(), (x / 2).exp(), 0.3)),
    "likelihood": (Likelihood(lambda x: -(x[..., 0].cosh() + x[..., 1] ** 4)), None, 0.0, lambda x: -(x[..., 0].cosh() + x[..., 1] ** 4)),
}


def exact(law: Law, level: Callable[[Tensor], Tensor]) -> tuple[float, Tensor, Tensor]:
    """(log p(y), mean, variances) over the grid."""
    joint = law.log_prob(GRID) + level(GRID)
    evidence = torch.logsumexp(joint, 0) + torch.tensor(AREA).log()
    weights = torch.softmax(joint, 0)
    mean = weights @ GRID
    return float(evidence), mean, weights @ (GRID - mean).square()


def agree(found: Twisted, law: Law, level: Callable[[Tensor], Tensor], steps_leave: float, tail: float = 0.0) -> None:
    """Evidence and mean within 5 errors (false alarm 1e-6 each), and what the steps leave."""
    evidence, mean, variance = exact(law, level)
    assert abs(float(found.log_evidence) - evidence) < 5 * float(found.evidence_error) + steps_leave
    error = (variance / float(found.effective)).sqrt()
    assert bool(((found.law.mean() - mean).abs() < 5 * error + steps_leave * variance.sqrt()).all())
    spread = found.law.covariance().diagonal()
    assert bool(((spread / variance).log().abs() < 5 * (4 / float(found.effective)) ** 0.5 + steps_leave + tail).all())


@pytest.mark.parametrize("name", CASES)
@pytest.mark.filterwarnings("ignore:only")
def test_every_likelihood_has_its_posterior(name: str) -> None:
    measurement, y, noise, level = CASES[name]
    given = [Given(measurement, torch.zeros(()) if y is None else y, noise)]
    found = condition_all(LAW, given, particles=1500, steps=12)
    assert isinstance(found, Twisted)
    agree(found, LAW, level, 0.02, 0.3 if name == "student" else 0.0)  # the variance of a heavy tail is known badly


@pytest.mark.parametrize("name", ["clip", "quantise", "curved"])
def test_a_black_box_has_it_too(name: str) -> None:
    measurement, y, noise, level = CASES[name]
    found = condition_all(Black(TWO), [Given(measurement, y, noise)], reference=matched(TWO), particles=1500, steps=60)
    assert isinstance(found, Twisted)
    agree(found, TWO, level, 0.12)


def test_draws_of_the_law_can_be_weighed_by_anything() -> None:
    """A function with steps, which no gradient sees."""
    stepped = Nonlinear(lambda x: (x.sum(-1, keepdim=True) > 1).to(torch.float64))
    y = torch.ones(1, dtype=torch.float64)
    with pytest.raises(orn.InputError, match=r"cannot be differentiated .* use method 'weights'"):
        condition(LAW, stepped, y, 0.5)
    found = condition(LAW, stepped, y, 0.5, "weights", particles=4000)
    assert isinstance(found, Twisted)
    agree(found, LAW, lambda x: normal(y, (x.sum(-1, keepdim=True) > 1).to(torch.float64), 0.5), 0.0)
    plain = condition(TWO, SLANTED, Y, 0.7, "weights", particles=4000)
    assert isinstance(plain, Twisted)
    agree(plain, TWO, lambda x: normal(Y, seen(x), 0.7), 0.0)


def test_the_order_of_two_measurements_does_not_matter() -> None:
    one, other = Given(Mask(torch.tensor([True, False])), Y[:1], 0.5), Given(Linear(torch.ones(1, 2)), torch.tensor([1.0]), Laplace(0.5))

    def level(x: Tensor) -> Tensor:
        return normal(Y[:1], x[:, :1], 0.5) + torch.distributions.Laplace(x.sum(-1), 0.5).log_prob(torch.tensor(1.0))

    for order in ([one, other], [other, one]):
        found = condition_all(TWO, order, particles=1500, steps=12)
        assert isinstance(found, Twisted)
        agree(found, TWO, level, 0.02)


def test_each_case_is_the_same_alone_and_among_many() -> None:
    y = torch.linspace(-1, 2, 3, dtype=torch.float64).unsqueeze(-1)
    for noise in (0.4, Laplace(0.4)):
        together = condition(TWO, Linear(torch.ones(1, 2)), y, noise, "twisted", particles=64, steps=4)
        alone = condition(TWO, Linear(torch.ones(1, 2)), y[2], noise, "twisted", particles=64, steps=4, first=2)
        assert isinstance(together, Twisted)
        assert isinstance(alone, Twisted)
        torch.testing.assert_close(together.law.points[2], alone.law.points, rtol=1e-9, atol=1e-9)
        torch.testing.assert_close(together.log_evidence[2], alone.log_evidence, rtol=0, atol=1e-9)


@pytest.mark.parametrize(
    ("ask", "says"),
    [
        (lambda: condition(LAW, Clip(0.0, 1.0), Y), "noise is 0, but a Clip needs noise above 0"),
        (lambda: condition(LAW, Clip(0.0, 1.0), Y, 0.1, "exact"), "a Clip is no linear map"),
        (lambda: condition(LAW, SLANTED, Y, Laplace(0.1), "exact"), "Laplace noise has no closed form"),
        (lambda: condition(LAW, Clip(0.0, 1.0), Y, torch.eye(2)), "need independent noise"),
        (lambda: condition(LAW, SLANTED, Y, Poisson()), "Poisson noise gives counts"),
        (lambda: condition(LAW, Nonlinear(lambda x: x.sum()), Y, 0.1), "must return one row a signal"),
        (lambda: condition(LAW, Nonlinear(lambda x: x @ torch.ones(3, dtype=x.dtype)), Y, 0.1), "the function of Nonlinear fails"),
        (lambda: Clip(1.0, 1.0), "low must be below high"),
        (lambda: Laplace(0.0), "scale is 0"),
        (lambda: condition(LAW, SLANTED, Y, 0.0, "weights"), "noise must be above 0 to weigh"),
        (lambda: condition(LAW, SLANTED, torch.tensor([0.0, torch.nan]), 1.0), "y holds 1 NaN"),
    ],
)
def test_what_cannot_be_measured_is_one_sentence(ask: Callable[[], object], says: str) -> None:
    with pytest.raises(orn.InputError, match=says):
        ask()


def test_far_measurements_are_finite_and_said() -> None:
    with pytest.warns(UserWarning, match="deviations from all that the model foresees"):
        found = condition(Black(TWO), Mask(torch.tensor([True, False])), torch.tensor([80.0]), 0.1, reference=LAW, particles=200, steps=10)
    assert isinstance(found, Twisted)
    assert bool(torch.isfinite(found.law.points).all())
    assert bool(torch.isfinite(found.log_evidence))
