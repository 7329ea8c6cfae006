"""Guidance against the closed forms of Gaussians, and the condition of every case on its way through a run."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from kinds import EVENT, FULL, MEAN, normal
from ornstein.common.errors import InputError
from ornstein.common.random import Noise
from ornstein.covariance import Diagonal
from ornstein.denoisers import Colored, Compiled, Gaussian, Guided, Network, guided
from ornstein.nets import Condition
from ornstein.samplers import DDIM, RK4, Exponential, run, sample
from ornstein.schedules import VE, VP, Cosine, Grid, log_snr

CASES = 6
X = normal(CASES, *EVENT, seed=1)
SHIFT = normal(*EVENT, seed=2)
ALL, ONE = Gaussian(MEAN, FULL), Gaussian(MEAN + SHIFT, FULL)
SHORT = Gaussian(MEAN[0], Diagonal(torch.ones(3)))


@pytest.mark.parametrize("weight", [-0.5, 0.0, 0.3, 1.0, 2.5])
def test_equal_covariances(weight: float) -> None:
    """Guidance between two Gaussians that differ in their mean is the Gaussian with mean mu_u + w (mu_c - mu_u), at any noise; 1e-12."""
    expected = Gaussian(MEAN + weight * SHIFT, FULL)
    denoiser = Guided(ONE, ALL, weight)
    for sigma in (0.0, 0.3, 4.0, math.inf, torch.tensor([0.0, 0.1, 1.0, 3.0, 9.0, math.inf], dtype=torch.float64)):
        got = denoiser(X, sigma)
        assert torch.allclose(got.mean, expected(X, sigma).mean, rtol=0, atol=1e-12)
        assert got.covariance is None


FIRST, LAST = 20.0, 0.05


@pytest.mark.parametrize("interval", [(0.0, math.inf), (0.2, 1.5), (0.5, 80.0)])
@pytest.mark.parametrize("weight", [0.0, 2.0])
def test_two_variances(interval: tuple[float, float], weight: float) -> None:
    """N(0, a) guided away from N(0, b): along the flow x grows like (a + sigma^2)^(w / 2) (b + sigma^2)^((1 - w) / 2) inside the interval
    and like (a + sigma^2)^(1 / 2) outside, from each of which RK4 goes to the next; 1e-6 relative.
    """
    a, b = torch.tensor([0.3, 1.0, 2.0], dtype=torch.float64), torch.tensor([1.5, 0.4, 2.0], dtype=torch.float64)
    one, other = (Gaussian(torch.zeros(3), Diagonal(v)) for v in (a, b))
    schedule, low, high = VE(), max(interval[0], LAST), min(interval[1], FIRST)
    x = normal(4, 3, seed=3)
    expected, got = x, x
    for begin, end, w in ((FIRST, high, 1.0), (high, low, weight), (low, LAST, 1.0)):
        if begin > end:
            expected = expected * growth(a, end, begin) ** w * growth(b, end, begin) ** (1 - w)
            # just short of the end, which belongs to the next stretch
            levels = torch.logspace(math.log10(begin), math.log10(end * (1 + 1e-9)), 80, dtype=torch.float64)
            grid = Grid(schedule.time(torch.cat([torch.tensor([begin], dtype=torch.float64), levels[1:]])))
            got = list(run(RK4(), Guided(one, other, weight, interval), schedule, grid, got, Noise(0)))[-1].x
    assert torch.allclose(got, expected, rtol=1e-6)


def growth(variance: Tensor, s: float, t: float) -> Tensor:
    """How the flow of N(0, variance) changes lengths from sigma = t to s."""
    return ((variance + s**2) / (variance + t**2)).sqrt()


class Counting(nn.Module):
    """A module that adds up what it is given, entry by entry, and keeps the number of cases of every call."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(0.3, dtype=torch.float64))
        self.cases: list[int] = []

    def forward(self, x: Tensor, noise: Tensor, condition: Condition | None = None) -> Tensor:
        self.cases.append(len(x))
        told = torch.zeros_like(x)
        if condition is not None:
            for part in (condition.vector, condition.signal):
                if part is not None:
                    told = told + part.nan_to_num(5.0).flatten(1).sum(1).view(-1, 1, 1)
            if condition.label is not None:
                told = told + condition.label.view(-1, 1, 1)
        return (self.weight * (x + told)).tanh() * noise.cos().view(-1, 1, 1)


def conditions(rows: int) -> Condition:
    signal = normal(rows, *EVENT, seed=6)
    signal[:, 0, 1] = torch.nan
    return Condition(torch.arange(rows) % 3 - 1, normal(rows, 2, seed=5), signal)


@pytest.mark.parametrize("rows", [1, CASES])
def test_one_call_for_both_branches(rows: int) -> None:
    """Guidance of a network against itself without its condition: the two answers, from one call with twice the cases."""
    module = Counting()
    network, condition = Network.of(module, ALL), conditions(rows)
    nothing = Condition(torch.full((1,), -1), torch.full((1, 2), torch.nan), torch.full((1, *EVENT), torch.nan))
    sigmas = torch.tensor([0.2, 0.7, 1.0, 1.5, 4.0, 90.0], dtype=torch.float64)
    for sigma in (1.0, sigmas):
        one, other = (network.given(c)(X, sigma).mean for c in (condition, nothing))
        module.cases.clear()
        got = guided(network, condition, 2.5)(X, sigma).mean
        assert module.cases == [2 * CASES]
        assert torch.allclose(got, other + 2.5 * (one - other), atol=1e-12)
        inside = ((sigmas > 0.7) & (sigmas <= 1.5)).view(-1, 1, 1)
        bounded = Guided(network.given(condition), network.given(None), 2.5, (0.7, 1.5))
        if isinstance(sigma, Tensor):
            assert torch.allclose(bounded(X, sigma).mean, torch.where(inside, got, one), atol=1e-12)
    module.cases.clear()
    for sigma in (0.7, 1.6):
        assert torch.equal(bounded(X, sigma).mean, network.given(condition)(X, sigma).mean)
    assert torch.equal(guided(network, condition, 0.0)(X, 1.0).mean, network.given(nothing)(X, 1.0).mean)
    assert module.cases == [CASES] * 6
    assert guided(network, None).condition is None  # type: ignore[attr-defined]
    assert guided(network, condition, 1.0).condition is not None  # type: ignore[attr-defined]


@pytest.mark.parametrize("weight", [1.0, 3.0])
@pytest.mark.parametrize("wrapped", [False, True])
def test_every_case_meets_its_own_condition(weight: float, wrapped: bool) -> None:
    """Row i of the condition is for case first + i, in any batches: the same samples as one at a time, each with its row alone; 1e-10."""
    network, condition = Network.of(Counting(), ALL), conditions(7)
    noise = FULL.scaled(0.1, 1.0)

    def run_of(c: Condition, cases: int, first: int, batch: int) -> Tensor:
        denoiser = guided(network, c, weight, first=first if c.rows > 1 else 0)
        if wrapped:
            denoiser = Colored(denoiser, noise)
        return sample(denoiser, DDIM(0.5), Cosine(), 4, cases, seed=3, first=first, batch=batch)

    expected = torch.cat([run_of(condition[i : i + 1], 1, 4 + i, 1) for i in range(7)])
    for batch in (1000, 3, 1):
        assert torch.allclose(run_of(condition, 7, 4, batch), expected, atol=1e-10)
    apart = (expected - run_of(condition[:1], 7, 4, 7)).abs().amax((1, 2))
    assert float(apart[0]) < 1e-10 < 0.01 < float(apart[1:].min())
    part = network.given(condition, first=4)
    assert torch.allclose(sample(part, DDIM(), Cosine(), 4, 2, seed=3, first=6), sample(part, DDIM(), Cosine(), 4, 7, seed=3, first=4)[2:4])
    for first, cases in ((3, 2), (9, 3)):
        with pytest.raises(InputError, match=rf"rows for the cases 4 to 10, but cases {first} to {first + cases - 1} were asked for"):
            sample(part, DDIM(), Cosine(), 4, cases, first=first)


def test_reaches_every_sampler() -> None:
    """A guided Gaussian through the sampler that takes its reference out: exact in any number of steps; 1e-10."""
    law = Gaussian(MEAN + 2 * SHIFT, FULL)
    x, grid = normal(3, *EVENT, seed=8), log_snr(VP(), 6)
    got, expected = (list(run(Exponential(law), d, VP(), grid, x, Noise(0)))[-1].x for d in (Guided(ONE, ALL, 2.0), law))
    assert torch.allclose(got, expected, rtol=0, atol=1e-10)
    colors = Guided(Colored.of(ONE, FULL), Colored.of(ALL, FULL), 2.0)
    assert torch.equal(colors.color(X), Colored.of(ONE, FULL).color(X))


def test_compiled_denoisers_hand_on_conditions() -> None:
    """Without a call, which would compile: the inner denoiser is that of the cases."""
    network = Network.of(Counting(), ALL)
    inner = Compiled(network.given(conditions(7), first=4), backend="eager").of_cases(6, 8).inner
    assert isinstance(inner, Network)
    assert inner.condition is not None
    assert torch.equal(inner.condition.label, conditions(7).label[2:4])
    alone = Compiled(network, backend="eager")
    assert alone.of_cases(6, 8) is alone


def test_a_condition_is_told_at_any_noise() -> None:
    """Above the highest trained noise a network without condition answers with the Gaussian; with one it is asked: E[x_0 | condition]
    is not E[x_0]."""
    network = Network.of(Counting().requires_grad_(False), ALL)
    assert torch.allclose(network(X, 90.0).mean, ALL(X, 90.0).mean, atol=1e-12)
    assert torch.allclose(network(X, math.inf).mean, MEAN.expand_as(X), atol=1e-12)
    told = network.given(Condition(vector=normal(1, 2, seed=5)))(torch.zeros_like(X), math.inf).mean
    assert float((told - MEAN).abs().min()) > 0.01


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (
            lambda: Guided(ONE, SHORT, 2.0),
            r"conditional has event shape \(2, 3\) and unconditional \(3,\)",
        ),
        (lambda: Guided(ONE, ALL, math.nan), "weight is nan, but must be finite"),
        (lambda: Guided(ONE, ALL, 2.0, (1.0, 1.0)), r"interval is \(1.0, 1.0\), but must be \(low, high\) with 0 <= low < high"),
        (lambda: Guided(ONE, ALL, 2.0, (-1.0, 1.0)), r"interval is \(-1.0, 1.0\)"),
        (lambda: guided(Network.of(Counting(), ALL), None, 2.0), "guidance is 2, but there is no condition to guide towards"),
        (lambda: Network.of(Counting(), ALL).given(conditions(4))(X, 1.0), "condition has 4 rows, but there are 6 cases"),
        (lambda: Network.of(Counting(), ALL)(X, torch.ones(2)), r"sigma has shape \(2,\), but must be one number or one per case, \(6,\)"),
    ],
)
def test_bad_input(call: object, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        call()  # type: ignore[operator]
