"""Heun in the noise level with fresh noise, by the linear recursion of mean and covariance, and against the published algorithm."""

from __future__ import annotations

import math
from collections import deque
from itertools import pairwise

import pytest
import torch
from steps import LAW, MEAN, SIZE, SPECTRUM, Units, exact_law, final_error, laws_along, read, start_of, step

from kinds import SCHEDULES
from ornstein.common.errors import InputError
from ornstein.covariance import Dense
from ornstein.denoisers import Gaussian
from ornstein.process import Process
from ornstein.samplers import Context, Heun, Level, levels
from ornstein.samplers.stochastic_heun import StochasticHeun
from ornstein.schedules import VE, VP, Cosine, Discrete, Grid, RectifiedFlow, Schedule
from truth import orthogonal, spectrum_covariance

THREE = {"vp": VP(), "cosine": Cosine(), "rectified": RectifiedFlow()}
SPECTRA = {"wide": LAW, "rank 3": Gaussian(MEAN, Dense(spectrum_covariance((2.0, 0.7, 0.25, 0.0), 8)))}


def karras(t: float, following: float, lam: float, sampler: StochasticHeun, steps: int) -> tuple[float, float]:
    """One step of algorithm 2 of Karras et al. (2022) for a centred mode of variance ``lam``: (slope, noise), its letters and line numbers.

    D(y; t) = lam / (lam + t^2) y.
    """

    def field(t: float) -> float:
        return (1 - lam / (lam + t * t)) / t

    gamma = min(sampler.churn / steps, math.sqrt(2) - 1) if sampler.low <= t <= sampler.high else 0.0
    t_hat = t + gamma * t  # line 5
    noise = math.sqrt(t_hat**2 - t**2) * sampler.inflate  # lines 4 and 6
    d = field(t_hat)  # line 7
    following_y = 1 + (following - t_hat) * d  # line 8
    if following != 0:
        d_prime = field(following) * following_y  # line 10
        following_y = 1 + (following - t_hat) * (0.5 * d + 0.5 * d_prime)  # line 11
    return following_y, following_y * noise


SETTINGS = [
    StochasticHeun(0.0),
    StochasticHeun(3.0),
    StochasticHeun(1e4),
    StochasticHeun(3.0, low=0.5, high=5.0),
    StochasticHeun(2.0, inflate=1.01),
]


@pytest.mark.parametrize("sampler", SETTINGS, ids=str)
@pytest.mark.parametrize("schedule", [VP(), VE(), Discrete.sigmoid()], ids=["vp", "ve", "tutorial"])
def test_steps_are_the_papers(schedule: Schedule, sampler: StochasticHeun) -> None:
    """Mode by mode, in data scale, for every step of a run, the last included."""
    u, steps = orthogonal(SIZE, 3), 12
    visited = levels(schedule, schedule.grid(steps))
    for number, (now, then) in enumerate(pairwise(visited), start=1):

        def answer(source: Units, number: int = number, now: Level = now, then: Level = then) -> torch.Tensor:
            context = Context(LAW, Process(schedule), visited, number, source, deque())
            return sampler.step(context, start_of(source.rows), now, then)

        answer(count := Units(0))
        assert count.asked == (sampler.churn > 0 and sampler.low <= now.noise <= sampler.high)
        map_ = read(answer(Units(count.asked)))
        slope, noise = torch.tensor([karras(now.noise, then.noise, v, sampler, steps) for v in SPECTRUM], dtype=torch.float64).T
        slope, noise = slope * then.alpha / now.alpha, noise * then.alpha
        assert torch.allclose(u.T @ map_.slope @ u, torch.diag(slope), atol=1e-10)
        assert torch.allclose(map_.spread, u @ torch.diag(noise**2) @ u.T, rtol=1e-10, atol=1e-10)
        assert torch.allclose(map_.shift, then.alpha * MEAN - map_.slope @ (now.alpha * MEAN), atol=1e-10)


def test_without_churn_it_is_heun_under_ve() -> None:
    """There the time is the noise level, up to a factor."""
    plan = VE(sigma_max=20.0)
    for now, then in pairwise(levels(plan, plan.grid(9))):
        a, b = step(StochasticHeun(0.0), LAW, plan, now, then), step(Heun(), LAW, plan, now, then)
        assert torch.allclose(a.slope, b.slope, atol=1e-12)
        assert torch.allclose(a.shift, b.shift, atol=1e-12)
    assert StochasticHeun(0.0).deterministic
    assert not StochasticHeun().deterministic


@pytest.mark.parametrize("spectrum", SPECTRA)
@pytest.mark.parametrize("schedule", THREE)
@pytest.mark.parametrize("churn", [0.0, 3.0])
def test_order_two_with_any_churn(churn: float, schedule: str, spectrum: str) -> None:
    """Raising the noise is exact, so the law has the order of Heun, and the exact law in the limit; the mean is exact throughout.

    Measured between two fixed levels: the first steps from n = inf halve the noise whatever their number, which costs a logarithm,
    and the step to sigma = 0 has an error of its own.
    """
    plan, law, sampler = THREE[schedule], SPECTRA[spectrum], StochasticHeun(churn)
    errors = []
    for n in (64, 128):
        grid = Grid(0.1 + 0.8 * plan.grid(n).times)
        at, mean, cov = laws_along(sampler, law, plan, grid)[-1]
        expected_mean, expected = exact_law(law, plan, at)
        assert float((mean - expected_mean).abs().max()) < 1e-12
        errors.append(cov - expected)
    coarse, fine = (float(e.abs().max()) for e in errors)
    assert abs(math.log2(coarse / fine) - 2) < 0.2
    assert float((4 * errors[1] - errors[0]).abs().max()) / 3 < 0.1 * fine
    assert fine < 5e-3


@pytest.mark.parametrize("schedule", ["cosine", "rectified"])
def test_from_no_signal_to_data(schedule: str) -> None:
    """From n = inf the first steps cost a logarithm, log(steps) / steps^2: a slope between 1.6 and 2 that rises with the steps."""
    plan = THREE[schedule]
    for churn in (0.0, 3.0):
        coarse, fine = (float(final_error(StochasticHeun(churn), LAW, plan, n)[1].abs().max()) for n in (128, 256))
        assert 1.6 < math.log2(coarse / fine) < 2.2
        assert fine < 5e-3


@pytest.mark.parametrize("name", [n for n, s in SCHEDULES.items() if float(s.alpha(1.0)) == 0])
def test_the_first_step_without_signal(name: str) -> None:
    """From n = inf: no noise, and the trapezoidal rule in m = alpha / sigma, d(x / sigma) / dm = D, written out for a step of m."""
    schedule = SCHEDULES[name]
    now, then = levels(schedule, schedule.grid(3))[:2]
    map_, m = step(StochasticHeun(3.0), LAW, schedule, now, then), then.alpha / then.sigma
    assert map_.noise.numel() == 0
    gain = LAW.covariance().dense() @ torch.linalg.inv(LAW.covariance().dense() + then.noise**2 * torch.eye(SIZE, dtype=torch.float64))
    # for x = sigma_t z the first D is the mean, and the second sees alpha_s mu + sigma_s z
    expected = then.sigma / now.sigma * (torch.eye(SIZE, dtype=torch.float64) + 0.5 * m * gain / then.alpha * then.sigma)
    assert torch.allclose(map_.slope, expected, atol=1e-12)
    assert torch.allclose(map_.shift, then.alpha * MEAN, atol=1e-12)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: StochasticHeun(-1.0), "churn is -1, but must be at least 0"),
        (lambda: StochasticHeun(inflate=0.0), "inflate is 0, but must be above 0"),
        (lambda: StochasticHeun(low=2.0, high=1.0), "high is 1.0, but must be at least low = 2"),
        (lambda: StochasticHeun(high=math.nan), "high is nan, but must be at least low"),
    ],
)
def test_bad_input(call: object, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        call()  # type: ignore[operator]
