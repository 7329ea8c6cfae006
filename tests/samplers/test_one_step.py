"""RK4 and the two variances of ancestral sampling; and what every one-step method owes: finite runs, counted calls, a way back."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch
from steps import LAW, MEAN, SIZE, SPECTRUM, exact_law, final_error, laws_along, step
from torch import Tensor

from kinds import SCHEDULES, normal
from ornstein.common.errors import InputError
from ornstein.common.random import Noise
from ornstein.covariance import Dense, Diagonal
from ornstein.denoisers import Denoiser, Gaussian, Posterior
from ornstein.samplers import DDIM, DDPM, Exact, Heun, Level, Sampler, encode, levels, run, sample, start
from ornstein.samplers.adaptive import Adaptive
from ornstein.samplers.langevin import PredictorCorrector
from ornstein.samplers.restart import Restart
from ornstein.samplers.rk4 import RK4
from ornstein.samplers.stochastic_heun import StochasticHeun
from ornstein.schedules import VE, VP, Cosine, Discrete, Grid, RectifiedFlow, Schedule
from truth import orthogonal, spectrum_covariance

THREE = {"vp": VP(), "cosine": Cosine(), "rectified": RectifiedFlow()}
FLAT = Gaussian(MEAN, Dense(spectrum_covariance((2.0, 0.7, 0.25, 0.0), 8)))
"""Rank 3 with a smooth decay, and a mode that is noise alone."""
SPECTRA = {"wide": LAW, "rank 3": FLAT}
SMALL = Gaussian(torch.tensor([1.0, -2.0, 0.5]), Diagonal(torch.tensor([2.0, 0.1, 0.0])))

METHODS: dict[str, Sampler] = {
    "rk4": RK4(),
    "ddpm-large": DDPM("large"),
    "churn": StochasticHeun(10.0),
    "churn-between": StochasticHeun(1e3, low=0.05, high=50.0, inflate=1.01),
    "heun-in-noise": StochasticHeun(0.0),
    "adaptive": Adaptive(1e-2),
    "corrected": PredictorCorrector(DDIM(), corrections=2),
    "corrected-churn": PredictorCorrector(StochasticHeun()),
    "restart": Restart(Heun(), low=0.1, high=2.0, times=2, steps=3),
    "restart-corrected": Restart(PredictorCorrector(RK4()), low=1.0, high=500.0),
    "restart-restart": Restart(Restart(DDIM(), low=1.0, high=3.0), low=0.2, high=0.5),
    "corrected-restart": PredictorCorrector(Restart(StochasticHeun(), low=1.0, high=3.0)),
}


def until(schedule: Schedule, steps: int, low: float = 0.05, high: float = 1.0) -> Grid:
    """The schedule's grid, moved to [low, high]: it stops before sigma = 0.

    The step to sigma = 0 returns the denoised signal, whose error falls with the square of the last noise level, whatever the
    method does before it. A method of order above 2 shows its own order only on the way to a fixed level.
    """
    return Grid(low + (high - low) * schedule.grid(steps).times)


def error_until(sampler: Sampler, law: Gaussian, schedule: Schedule, grid: Grid) -> tuple[Tensor, Tensor]:
    at, mean, cov = laws_along(sampler, law, schedule, grid)[-1]
    expected_mean, expected = exact_law(law, schedule, at)
    return mean - expected_mean, cov - expected


@pytest.mark.parametrize("spectrum", SPECTRA)
@pytest.mark.parametrize("schedule", THREE)
def test_rk4_has_order_four(schedule: str, spectrum: str) -> None:
    """The slope of log error against log steps, and the exact law in the limit, for the mean and for the covariance."""
    plan, law = THREE[schedule], SPECTRA[spectrum]
    errors = [error_until(RK4(), law, plan, until(plan, n)) for n in (40, 80)]
    for which in (0, 1):
        coarse, fine = (float(e[which].abs().max()) for e in errors)
        if which == 0 and max(coarse, fine) < 1e-12:  # alpha is linear in t: the mean is carried on exactly
            continue
        assert abs(math.log2(coarse / fine) - 4) < 0.2
        assert float((16 * errors[1][which] - errors[0][which]).abs().max()) / 15 < 0.15 * fine
    assert float(errors[1][1].abs().max()) < 1e-7


def test_rk4_is_four_evaluations_of_the_velocity() -> None:
    """One step against Kutta's tableau written out with dense matrices."""
    schedule, cov, eye = VP(), LAW.covariance().dense(), torch.eye(SIZE, dtype=torch.float64)
    now, middle, then = levels(schedule, Grid(torch.tensor([0.6, 0.45, 0.3], dtype=torch.float64)))

    def field(at: object) -> Tensor:
        gain = cov @ torch.linalg.inv(cov + at.noise**2 * eye)  # type: ignore[attr-defined]
        return at.alpha_rate / at.alpha * gain + at.sigma_rate / at.sigma * (eye - gain)  # type: ignore[attr-defined]

    h, a, b, c = -0.3, field(now), field(middle), field(then)
    k1 = a
    k2 = b @ (eye + h / 2 * k1)
    k3 = b @ (eye + h / 2 * k2)
    k4 = c @ (eye + h * k3)
    assert torch.allclose(step(RK4(), LAW, schedule, now, then).slope, eye + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4), atol=1e-12)


@pytest.mark.parametrize(("sampler", "order"), [(RK4(), 4), (StochasticHeun(0.0), 2)], ids=["rk4", "heun-in-noise"])
@pytest.mark.parametrize("schedule", THREE)
def test_there_and_back(schedule: str, sampler: Sampler, order: int) -> None:
    """From data to noise and to data again, on the same grid: x_0 comes back with the order of the method."""
    plan, x_0 = THREE[schedule], normal(3, SIZE, seed=2)
    distance = []
    for n in (40, 80):
        grid = until(plan, n, high=0.95)
        noise = encode(LAW, x_0, sampler, plan, grid)
        back = list(run(sampler, LAW, plan, grid, noise, Noise(0)))[-1].x / float(plan.alpha(0.05))
        distance.append(float((back - x_0).abs().max()))
    assert math.log2(distance[0] / distance[1]) > order - 0.2
    assert distance[1] < (1e-5 if order == 4 else 5e-2)


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("sampler", [RK4(), StochasticHeun(0.0), Adaptive(1e-2)], ids=["rk4", "heun-in-noise", "adaptive"])
def test_the_way_up_is_finite(name: str, sampler: Sampler) -> None:
    """From sigma = 0 to alpha = 0, where there is one, in few steps and many."""
    schedule = SCHEDULES[name]
    for n in (1, 2, 3, 5, 10, 50):
        n = min(n, schedule.steps) if isinstance(schedule, Discrete) else n
        x = encode(SMALL, normal(2, 3, seed=3), sampler, schedule, n)
        assert bool(torch.isfinite(x).all())


class Plain:
    """Noise without a key, for speed."""

    def __init__(self) -> None:
        self.generator = torch.Generator().manual_seed(6)

    def increment(self, now: Level, then: Level) -> Tensor:
        return self.fresh(0, 0)

    def fresh(self, step: int, use: int) -> Tensor:
        return torch.randn(2, 3, dtype=torch.float64, generator=self.generator)


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("method", METHODS)
def test_finite_everywhere(name: str, method: str) -> None:
    """Every schedule, ends with zero signal included, in few steps and many; and the null mode is at its mean."""
    schedule = SCHEDULES[name]
    for n in (1, 2, 3, 5, 10, 50):
        n = min(n, schedule.steps) if isinstance(schedule, Discrete) else n
        grid = schedule.grid(n)
        begin = start(SMALL, schedule, 1.0, Noise(1), 2)
        x = list(run(METHODS[method], SMALL, schedule, grid, begin, Plain()))[-1].x
        assert bool(torch.isfinite(x).all())
        assert torch.allclose(x[:, 2], torch.full((2,), 0.5, dtype=torch.float64), atol=1e-12)


class Counted(Denoiser):
    """A denoiser that counts its calls."""

    event_shape = (3,)

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, x: Tensor, sigma: float | Tensor) -> Posterior:
        self.calls += 1
        return Posterior(SMALL(x, sigma).mean)


@pytest.mark.parametrize("method", sorted(set(METHODS) - {"adaptive"}))
def test_calls_are_as_stated(method: str) -> None:
    """Of a whole run, which passes the levels of every restart on its way."""
    for n in (10, 25):
        denoiser = Counted()
        sample(denoiser, METHODS[method], VP(), n, 2)
        assert denoiser.calls == METHODS[method].calls(n)


@pytest.mark.parametrize("method", METHODS)
def test_a_sample_is_bit_identical_in_any_batch(method: str) -> None:
    many = sample(SMALL, METHODS[method], Cosine(), 6, 130, seed=4)
    assert torch.equal(sample(SMALL, METHODS[method], Cosine(), 6, 1, seed=4), many[:1])
    assert torch.equal(sample(SMALL, METHODS[method], Cosine(), 6, 3, seed=4, first=126), many[126:129])


def ho_large(abar_t: float, abar_s: float, lam: float) -> tuple[float, float]:
    """One ancestral step of a centred mode with sigma_t^2 = beta_t, in the letters of Ho et al. (2020), algorithm 2: (slope, noise).

    x_{t-1} = (x_t - beta_t / sqrt(1 - abar_t) eps) / sqrt(alpha_t) + sigma_t z.
    """
    alpha = abar_t / abar_s
    eps = (1 - abar_t * lam / (abar_t * lam + 1 - abar_t)) / math.sqrt(1 - abar_t)
    return (1 - (1 - alpha) / math.sqrt(1 - abar_t) * eps) / math.sqrt(alpha), math.sqrt(1 - alpha)


def test_the_large_variance_is_the_papers() -> None:
    """Mode by mode, for every step of the tutorial's chain; the last step adds none."""
    u, chain = orthogonal(SIZE, 3), Discrete.sigmoid()
    for now, then in pairwise(levels(chain, chain.grid(100))):
        map_ = step(DDPM("large"), LAW, chain, now, then)
        slope, noise = torch.tensor([ho_large(now.alpha**2, then.alpha**2, v) for v in SPECTRUM], dtype=torch.float64).T
        assert torch.allclose(u.T @ map_.slope @ u, torch.diag(slope), atol=1e-10)
        assert torch.allclose(map_.spread, torch.diag(noise**2 * (then.sigma > 0)), atol=1e-10)
        assert torch.allclose(map_.shift, then.alpha * MEAN - map_.slope @ (now.alpha * MEAN), atol=1e-10)


@pytest.mark.parametrize("steps", [2, 7])
def test_where_each_variance_is_right(steps: int) -> None:
    """Ho et al. (2020), section 3.2: white data of variance 1 under VP have the large one, a single signal has the small one.

    Every level but the last then has its exact law, in any number of steps.
    """
    grid = VP().grid(steps)
    for variance, spread in (("large", 1.0), ("small", 0.0)):
        law = Gaussian(MEAN, Diagonal(torch.full((SIZE,), spread)))
        for at, mean, cov in laws_along(DDPM(variance), law, VP(), grid)[:-1]:
            expected_mean, expected = exact_law(law, VP(), at)
            assert torch.allclose(mean, expected_mean, atol=1e-12)
            assert torch.allclose(cov, expected, atol=1e-12)


@pytest.mark.parametrize("schedule", THREE)
def test_the_large_variance_converges(schedule: str) -> None:
    """An error that halves with twice the steps, to the exact law in the limit; the mean is exact."""
    errors = []
    for n in (128, 256):
        mean, cov = final_error(DDPM("large"), LAW, THREE[schedule], n)
        assert float(mean.abs().max()) < 1e-10
        errors.append(cov)
    coarse, fine = (float(e.abs().max()) for e in errors)
    assert abs(math.log2(coarse / fine) - 1) < 0.2
    assert float((2 * errors[1] - errors[0]).abs().max()) < 0.2 * fine


def test_names_of_a_variance() -> None:
    with pytest.raises(InputError, match="variance is 'lagre', but must be one of large, small; did you mean 'large'"):
        DDPM("lagre")
    assert DDPM() == DDPM("small")


def test_a_run_may_stop_early() -> None:
    """Without a step to sigma = 0 nothing is denoised: the levels of VE down to 0.3 have the exact law under Exact restarts."""
    grid = Grid(torch.tensor([1.0, 0.2, 0.05], dtype=torch.float64))
    plan = VE(sigma_max=20.0)
    sampler = Restart(Exact(), low=4.0, high=10.0, times=2)
    mean, cov = error_until(sampler, LAW, plan, grid)
    assert float(mean.abs().max()) < 1e-10
    assert float(cov.abs().max()) < 1e-10
