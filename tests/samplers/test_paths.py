"""Paths on a mixture, whose exact denoiser is known: against an adaptive integrator with its own denoiser, and 1000 steps."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import scipy.integrate
import scipy.stats
import torch
from torch import Tensor

from ornstein.common.random import Noise
from ornstein.covariance import Dense
from ornstein.denoisers import Gaussian, Mixture
from ornstein.samplers import DDIM, DDPM, Euler, Heun, Sampler, run, sample, start
from ornstein.schedules import VE, VP, Cosine, Grid, RectifiedFlow, Schedule
from truth import spectrum_covariance

COVARIANCES = [spectrum_covariance(v, s) for v, s in (((0.5, 0.1), 1), ((0.3, 0.2), 2), ((0.1, 0.05), 3))]
MEANS = torch.tensor([[0.0, 0.0], [3.0, 1.0], [-1.0, 2.5]], dtype=torch.float64)
WEIGHTS = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64)
LAW = Mixture(WEIGHTS, [Gaussian(m, Dense(c)) for m, c in zip(MEANS, COVARIANCES, strict=True)])
THREE: dict[str, Schedule] = {"cosine": Cosine(), "ve": VE(sigma_max=20.0, sigma_min=0.01)}


def ends(sampler: Sampler, schedule: Schedule, grid: Grid, x: Tensor) -> Tensor:
    return list(run(sampler, LAW, schedule, grid, x, Noise(0)))[-1].x


def by_scipy(x: np.ndarray, high: float, low: float) -> np.ndarray:
    """dx/dsigma = (x - D(x, sigma)) / sigma from high to low, in data scale, with D from SciPy densities."""

    def field(sigma: float, flat: np.ndarray) -> np.ndarray:
        points = flat.reshape(-1, 2)
        noisy = [c.numpy() + sigma**2 * np.eye(2) for c in COVARIANCES]
        weights, means = WEIGHTS.numpy(), MEANS.numpy()
        joint = np.stack([w * scipy.stats.multivariate_normal(m, c).pdf(points) for w, m, c in zip(weights, means, noisy, strict=True)], -1)
        r = joint / joint.sum(-1, keepdims=True)
        score = sum(-r[:, k, None] * np.linalg.solve(noisy[k], (points - means[k]).T).T for k in range(3))
        return np.asarray(-sigma * score).ravel()

    solution = scipy.integrate.solve_ivp(field, (high, low), x.ravel(), method="DOP853", rtol=1e-10, atol=1e-12)
    return np.asarray(solution.y[:, -1].reshape(-1, 2))


def test_paths_are_those_of_the_ode() -> None:
    """Same start, same end: 1000 steps of Heun against an adaptive integrator of order 8 that shares no code with it."""
    schedule = RectifiedFlow()
    high, low = 0.95, 0.05
    x = start(LAW, schedule, high, Noise(1), 12)
    grid = Grid(torch.linspace(high, low, 1001, dtype=torch.float64))
    got = ends(Heun(), schedule, grid, x) / schedule.alpha(low)
    expected = by_scipy((x / schedule.alpha(high)).numpy(), float(schedule.noise_level(high)), float(schedule.noise_level(low)))
    assert np.abs(got.numpy() - expected).max() < 1e-5


@pytest.mark.parametrize("name", THREE)
def test_paths_against_a_long_reference(name: str) -> None:
    """All ODE samplers follow the same paths, on any schedule: root mean square distance from 1000 steps of Heun."""
    schedule = THREE[name]
    begin = 0.99
    x = start(LAW, schedule, begin, Noise(2), 32)

    def grid(n: int) -> Grid:
        times = schedule.grid(n).times * begin
        return Grid(times)

    reference = ends(Heun(), schedule, grid(1000), x)

    def distance(sampler: Sampler, n: int) -> float:
        return float((ends(sampler, schedule, grid(n), x) - reference).square().sum(-1).mean().sqrt())

    for sampler, bound in ((Euler(), 0.08), (DDIM(), 0.08), (Heun(), 0.005)):
        coarse, fine = distance(sampler, 30), distance(sampler, 120)
        assert fine < bound
        assert fine < 0.5 * coarse


def test_flow_keeps_the_order_of_probability() -> None:
    """In one dimension the flow is the monotone map between the two laws: quantiles go to quantiles."""
    line = Mixture(
        torch.tensor([0.3, 0.7]),
        [Gaussian(torch.tensor([-2.0]), Dense(torch.tensor([[0.2]]))), Gaussian(torch.tensor([1.0]), Dense(torch.tensor([[0.5]])))],
    )
    schedule = VP()
    x = torch.linspace(-3, 3, 15, dtype=torch.float64).view(-1, 1)
    end = list(run(Heun(), line, schedule, schedule.grid(400), x, Noise(0)))[-1].x

    def below(v: Tensor, t: float) -> Tensor:
        alpha, sigma = schedule.alpha(t), schedule.sigma(t)
        parts = [(alpha * c.mean(), (alpha**2 * c.covariance().dense()[0, 0] + sigma**2).sqrt()) for c in line.components]
        return sum((w * torch.special.ndtr((v - m) / s) for w, (m, s) in zip(line.weights, parts, strict=True)), torch.zeros_like(v))

    assert torch.allclose(below(end, 0.0), below(x, 1.0), atol=1e-4)


@pytest.mark.parametrize("sampler", [DDPM(), DDIM(0.5), Heun()], ids=["ddpm", "ddim-half", "heun"])
def test_samples_follow_the_law(sampler: Sampler) -> None:
    """4000 samples in 100 steps along two directions, Kolmogorov-Smirnov against the exact law.

    The threshold 1e-6 is the false-alarm rate a direction; the discretisation error is below what 4000 samples can see.
    """
    x = sample(LAW, sampler, Cosine(), 100, 4000, seed=3)
    for direction in torch.eye(2, dtype=torch.float64):
        centres = MEANS @ direction
        widths = torch.stack([(direction @ c @ direction).sqrt() for c in COVARIANCES])

        def cdf(v: np.ndarray, centres: Tensor = centres, widths: Tensor = widths) -> np.ndarray:
            z = (torch.as_tensor(v).unsqueeze(-1) - centres) / widths
            return np.asarray((WEIGHTS * torch.special.ndtr(z)).sum(-1))

        assert scipy.stats.kstest((x @ direction).numpy(), cdf).pvalue > 1e-6


def test_fresh_noise_in_every_step() -> None:
    """The noise of different steps, and of the start, is uncorrelated: 6 standard errors each, false alarm below 1e-7."""
    n, steps = 4000, 5
    noise = Noise(5)
    first = noise.normal(n, (2,))
    draws = [first]

    class Listen(Sampler):
        def step(self, context: object, x: Tensor, now: object, then: object) -> Tensor:
            draws.append(context.increment(now, then))  # type: ignore[attr-defined]
            return x

    list(run(Listen(), LAW, VP(), VP().grid(steps), first, noise))
    for a, b in itertools.combinations(draws, 2):
        product = a * b
        assert float((product.mean(0).abs() / (product.std(0) / n**0.5)).max()) < 6
    assert len(draws) == steps + 1
