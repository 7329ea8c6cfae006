"""The forward process: every transition, bridge and conversion against the joint Gaussian law of (x_0, x_s, x_t)."""

from __future__ import annotations

import math

import pytest
import scipy.stats
import torch
from torch import Tensor

from kinds import EVENT, FULL, MEAN, POINTS, SCHEDULES
from ornstein.common.errors import InputError
from ornstein.common.random import Noise
from ornstein.covariance import Dense
from ornstein.process import Process
from ornstein.schedules import VE, VP, Cosine, Discrete
from truth import condition, spectrum_covariance

every = pytest.mark.parametrize("name", SCHEDULES)
PAIRS = [(0.0, 0.4), (0.1, 0.15), (0.3, 0.9), (0.5, 0.5), (0.6, 1.0), (0.0, 1.0)]
EYE = torch.eye(1, dtype=torch.float64)


class Still(Noise):
    """Noise that is zero: what is left of a draw is its mean."""

    def normal(self, cases: int, shape: tuple[int, ...], stream: int = 0) -> Tensor:
        return torch.zeros(cases, *shape, dtype=torch.float64)


def same(*pairs: tuple[Tensor, Tensor]) -> bool:
    return all(bool(torch.allclose(a, b, rtol=1e-10, atol=1e-13)) for a, b in pairs)


@every
def test_transitions_compose(name: str) -> None:
    """s -> u -> t is s -> t, and 0 -> t is the marginal."""
    process = Process(SCHEDULES[name])
    for s, t in PAIRS:
        u = (s + t) / 2
        first, second, whole = process.transition(s, u), process.transition(u, t), process.transition(s, t)
        assert same(
            (second.scale * first.scale, whole.scale),
            (second.scale**2 * first.deviation**2 + second.deviation**2, whole.deviation**2),
        )
        before, after = process.marginal(s), process.marginal(t)
        assert same(
            (whole.scale * before.scale, after.scale),
            (whole.scale**2 * before.deviation**2 + whole.deviation**2, after.deviation**2),
        )
        if s == t:
            assert (float(whole.scale), float(whole.deviation)) == (1, 0)


@every
def test_bridge_is_bayes(name: str) -> None:
    """q(x_s | x_t, x_0): given x_0, (x_s, x_t) is Gaussian; condition it densely on x_t."""
    process = Process(SCHEDULES[name])
    for s, t in PAIRS:
        (alpha_s, sigma_s), (alpha_t, sigma_t) = process.marginal(s), process.marginal(t)
        scale = process.transition(s, t).scale
        joint = torch.stack(
            [torch.stack([sigma_s**2, scale * sigma_s**2]), torch.stack([scale * sigma_s**2, sigma_t**2])],
        )
        noisy, clean, deviation = process.bridge(s, t)
        for x_0, x_t in ((1.3, 0.0), (0.0, 2.1), (-0.7, 5.0)):
            mean, cov, _ = condition(
                torch.stack([alpha_s, alpha_t]) * x_0,
                joint,
                torch.tensor([[0.0, 1.0]], dtype=torch.float64),
                torch.tensor([x_t], dtype=torch.float64),
                0 * EYE,
            )
            expected, variance = mean[0], cov[0, 0]
            if s == t:  # conditioning x_t on itself; x_s = x_t even where dense algebra has nothing left to invert
                expected, variance = torch.tensor(x_t, dtype=torch.float64), torch.zeros((), dtype=torch.float64)
            assert float(noisy * x_t + clean * x_0) == pytest.approx(float(expected), abs=1e-10)
            assert float(deviation**2) == pytest.approx(float(variance), abs=1e-10 * float(sigma_s**2) + 1e-14)


def test_bridge_at_the_ends() -> None:
    for schedule in SCHEDULES.values():
        process = Process(schedule)
        assert [float(c) for c in process.bridge(0.0, 0.5)] == [0, 1, 0]
        assert [float(c) for c in process.bridge(0.0, 0.0)] == [1, 0, 0]
        assert [float(c) for c in process.bridge(1.0, 1.0)] == [1, 0, 0]


def test_law_is_the_recursion_pushed_through() -> None:
    """Sigma_t = (1 - beta) Sigma_{t-1} + beta I, step by step (Chapman-Kolmogorov), against alpha^2 Sigma_0 + sigma^2 I at once."""
    chain = Discrete.sigmoid()
    betas = 0.1 * torch.sigmoid(torch.linspace(-6, 6, 100, dtype=torch.float64))
    process, mean, covariance = Process(chain), MEAN.flatten(), FULL.dense()
    for step, beta in enumerate(betas, start=1):
        mean = torch.sqrt(1 - beta) * mean
        covariance = (1 - beta) * covariance + beta * torch.eye(6, dtype=torch.float64)
        got_mean, got = process.law(MEAN, FULL, step / 100)
        assert same((got_mean.flatten(), mean), (got.dense(), covariance))
        before, after = Process(chain).law(MEAN, FULL, (step - 1) / 100), Process(chain).transition((step - 1) / 100, step / 100)
        assert same((got_mean, after.scale * before[0]), (got.dense(), before[1].scaled(after.scale, after.deviation).dense()))
        assert same((after.scale**2, 1 - beta), (after.deviation**2, beta))


def test_law_at_many_times() -> None:
    times = torch.tensor([0.0, 0.3, 0.9], dtype=torch.float64)
    mean, covariance = Process(Cosine()).law(MEAN, FULL, times)
    for i, t in enumerate(times):
        one_mean, one = Process(Cosine()).law(MEAN, FULL, float(t))
        assert same((mean[i], one_mean), (covariance.dense()[i], one.dense()))


@every
def test_noised_and_trajectory(name: str) -> None:
    """x_t = alpha x_0 + sigma z, and along a trajectory z is the same."""
    schedule, noise, x_0 = SCHEDULES[name], Noise(3), POINTS[:5]
    process, grid = Process(schedule), schedule.grid(3)
    z = noise.normal(5, EVENT)
    frames = process.trajectory(x_0, grid, noise)
    for t, frame in zip(grid.times, frames, strict=True):
        assert same((frame, schedule.alpha(t) * x_0 + schedule.sigma(t) * z), (process.noised(x_0, float(t), noise), frame))
    assert same((frames[-1], x_0))
    each = torch.tensor([0.0, 0.2, 0.5, 0.7, 1.0], dtype=torch.float64)
    mixed = process.noised(x_0, each, noise)
    for i, t in enumerate(each):
        assert same((mixed[i], schedule.alpha(t) * x_0[i] + schedule.sigma(t) * z[i]))
    assert process.noised(x_0.float(), 0.5, noise).dtype == torch.float32


@every
def test_path_is_linear_with_the_right_joint_law(name: str) -> None:
    """A path is x_k = alpha_k x_0 + sum_j L_kj z_j. Read off L with one step's noise at a time: L L^T = Cov(x_s, x_t) given x_0.

    Cov(x_s, x_t | x_0) = alpha_ts sigma_s^2 for s < t. No Monte Carlo.
    """
    times = torch.tensor([0.2, 0.5, 0.55, 1.0], dtype=torch.float64)
    schedule = SCHEDULES[name]
    process = Process(schedule)
    x_0 = POINTS[:2]
    drift = torch.stack(list(process.path(x_0, times, Still())))
    assert same((drift, schedule.alpha(times).view(-1, 1, 1, 1) * x_0))

    class Unit(Still):
        def __init__(self, step: int) -> None:
            object.__setattr__(self, "step", step)

        def normal(self, cases: int, shape: tuple[int, ...], stream: int = 0) -> Tensor:
            return torch.full((cases, *shape), float(stream == self.step), dtype=torch.float64)  # type: ignore[attr-defined]

    response = torch.stack([torch.stack(list(process.path(0 * x_0, times, Unit(k))))[:, 0, 0, 0] for k in range(4)], -1)
    covariance = response @ response.T
    for i, s in enumerate(times):
        for j, t in enumerate(times[i:], start=i):
            expected = process.transition(s, t).scale * schedule.sigma(s) ** 2
            assert same((covariance[i, j], expected))


def test_path_draws_fresh_noise() -> None:
    """The increments of 4000 paths: variance and correlation between steps, each within 6 standard errors (false alarm < 1e-7)."""
    times = torch.tensor([0.3, 0.8], dtype=torch.float64)
    first, second = Process(VP()).path(torch.zeros(4000, 1, dtype=torch.float64), times, Noise(1))
    scale, deviation = Process(VP()).transition(0.3, 0.8)
    a, b = first[:, 0] / VP().sigma(0.3), (second - scale * first)[:, 0] / deviation
    for product, expected in ((a * a, 1.0), (b * b, 1.0), (a * b, 0.0)):
        assert abs(float(product.mean()) - expected) < 6 * float(product.std()) / math.sqrt(4000)
    assert scipy.stats.kstest(b.numpy(), "norm").pvalue > 1e-7


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda p: p.transition(0.5, 0.4), "s is 0.5 and t is 0.4, but the process runs forward"),
        (lambda p: p.transition(0.4 + 1e-9, 0.4), "the process runs forward"),
        (lambda p: p.bridge(0.5, torch.tensor([0.6, 0.4])), "the process runs forward"),
        (lambda p: p.transition(0.5, 1.4), "t is 1.4, but time runs"),
    ],
)
def test_bad_input(call: object, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        call(Process(VP()))  # type: ignore[operator]


def test_numbers_and_tensors_mix() -> None:
    """0.3 as a Python number and as a float64 tensor is one time."""
    exact = torch.tensor(0.3, dtype=torch.float64)
    for s, t in ((0.3, exact), (exact, 0.3)):
        assert float(Process(VP()).transition(s, t).deviation) == 0
    covariance = Dense(spectrum_covariance((1.0, 2.0)))
    assert same((Process(VE()).law(MEAN.flatten()[:2], covariance, exact)[0], MEAN.flatten()[:2]))
