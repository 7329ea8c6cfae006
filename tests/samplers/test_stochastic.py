"""Samplers with noise, by the exact recursion of mean and covariance. No Monte Carlo: the noise is replaced by unit vectors."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch
from steps import LAW, MEAN, SIZE, SPECTRUM, STRUCTURES, exact_law, final_error, laws_along, step

from kinds import SCHEDULES
from ornstein.common.errors import InputError
from ornstein.denoisers import Gaussian
from ornstein.samplers import DDIM, DDPM, Exact, levels
from ornstein.schedules import VP, Cosine, Discrete, RectifiedFlow, Schedule
from truth import orthogonal

THREE = {"vp": VP(), "cosine": Cosine(), "rectified": RectifiedFlow()}


def steps_of(schedule: Schedule, steps: int) -> int:
    return min(steps, schedule.steps) if isinstance(schedule, Discrete) else steps


@pytest.mark.parametrize("structure", STRUCTURES)
@pytest.mark.parametrize("steps", [1, 5])
def test_exact_transition_has_no_error(structure: str, steps: int) -> None:
    """On every schedule, in one step and in five."""
    law = Gaussian(MEAN, STRUCTURES[structure])
    for name, schedule in SCHEDULES.items():
        for at, mean, cov in laws_along(Exact(stochastic=True), law, schedule, schedule.grid(steps_of(schedule, steps))):
            expected_mean, expected = exact_law(law, schedule, at)
            scale = 1 + at.sigma**2
            assert torch.allclose(mean, expected_mean, rtol=0, atol=1e-10 * scale), (name, at)
            assert torch.allclose(cov, expected, rtol=0, atol=1e-10 * scale), (name, at)


@pytest.mark.parametrize("schedule", THREE)
def test_exact_transition_is_the_conditional_of_the_joint(schedule: str) -> None:
    """Not only the marginals: Cov(x_s, x_t) is that of the forward process, alpha_ts Cov(x_s)."""
    plan = THREE[schedule]
    for now, then in pairwise(levels(plan, plan.grid(5))):
        map_ = step(Exact(stochastic=True), LAW, plan, now, then)
        _, cov_t = exact_law(LAW, plan, now)
        _, cov_s = exact_law(LAW, plan, then)
        scale = now.alpha / then.alpha
        assert torch.allclose(map_.slope @ cov_t, scale * cov_s, atol=1e-10)


def song(abar_t: float, abar_s: float, eta: float, lam: float) -> tuple[float, float]:
    """One DDIM step of a centred mode of variance ``lam``, in the letters of Song et al. (2021), eq. 12 and 16: (slope, noise).

    E[x_0 | x_t] = sqrt(abar_t) lam / (abar_t lam + 1 - abar_t) x_t.
    """
    sigma = eta * math.sqrt((1 - abar_s) / (1 - abar_t)) * math.sqrt(1 - abar_t / abar_s)
    clean = math.sqrt(abar_t) * lam / (abar_t * lam + 1 - abar_t)
    eps = (1 - math.sqrt(abar_t) * clean) / math.sqrt(1 - abar_t)
    return math.sqrt(abar_s) * clean + math.sqrt(1 - abar_s - sigma**2) * eps, sigma


def ho(abar_t: float, abar_s: float, lam: float) -> tuple[float, float]:
    """One ancestral step in the letters of Ho et al. (2020), eq. 7: (slope, noise)."""
    beta = 1 - abar_t / abar_s
    clean = math.sqrt(abar_t) * lam / (abar_t * lam + 1 - abar_t)
    slope = math.sqrt(abar_s) * beta / (1 - abar_t) * clean + math.sqrt(1 - beta) * (1 - abar_s) / (1 - abar_t)
    return slope, math.sqrt((1 - abar_s) / (1 - abar_t) * beta)


@pytest.mark.parametrize("eta", [0.0, 0.4, 1.0])
def test_steps_are_the_papers(eta: float) -> None:
    """Mode by mode against the published formulas, for every step of the tutorial's chain."""
    u, chain = orthogonal(SIZE, 3), Discrete.sigmoid()
    for now, then in pairwise(levels(chain, chain.grid(100))):
        abar_t, abar_s = now.alpha**2, then.alpha**2
        for sampler, rule in (
            (DDIM(eta), [song(abar_t, abar_s, eta, v) for v in SPECTRUM]),
            (DDPM(), [ho(abar_t, abar_s, v) for v in SPECTRUM]),
        ):
            map_ = step(sampler, LAW, chain, now, then)
            slope, noise = torch.tensor(rule, dtype=torch.float64).T
            assert torch.allclose(u.T @ map_.slope @ u, torch.diag(slope), atol=1e-10)
            assert torch.allclose(map_.spread, torch.diag(noise**2), atol=1e-10)
            assert torch.allclose(map_.shift, then.alpha * MEAN - map_.slope @ (now.alpha * MEAN), atol=1e-10)


@pytest.mark.parametrize("name", SCHEDULES)
def test_ddim_at_eta_one_is_ddpm(name: str) -> None:
    schedule = SCHEDULES[name]
    for now, then in pairwise(levels(schedule, schedule.grid(steps_of(schedule, 10)))):
        a, b = step(DDIM(1.0), LAW, schedule, now, then), step(DDPM(), LAW, schedule, now, then)
        for x, y in ((a.slope, b.slope), (a.spread, b.spread), (a.shift, b.shift)):
            assert torch.allclose(x, y, rtol=0, atol=1e-10 * (1 + now.sigma))


@pytest.mark.parametrize("schedule", THREE)
@pytest.mark.parametrize("sampler", [DDPM(), DDIM(1.0), DDIM(0.5)], ids=["ddpm", "ddim-ancestral", "ddim-half"])
def test_ancestral_error_falls_like_one_over_steps(sampler: DDPM | DDIM, schedule: str) -> None:
    """Too little spread, by an amount that halves with twice the steps, to the exact law in the limit.

    The mean is exact with any number of steps: the start is, and every step carries it on.
    """
    plan = THREE[schedule]
    errors = []
    for n in (128, 256):
        mean, cov = final_error(sampler, LAW, plan, n)
        assert float(mean.abs().max()) < 1e-10
        errors.append(cov)
    coarse, fine = (float(e.abs().max()) for e in errors)
    assert abs(math.log2(coarse / fine) - 1) < 0.15
    assert float((2 * errors[1] - errors[0]).abs().max()) < 0.2 * fine
    if isinstance(sampler, DDPM):
        assert float(torch.linalg.eigvalsh(errors[1]).max()) < 1e-9


def test_one_ancestral_step_returns_the_denoised_signal() -> None:
    """From t to 0 the bridge puts everything on E[x_0 | x_t]: the covariance is that of the posterior mean."""
    chain = Discrete.sigmoid()
    now, then = levels(chain, chain.grid(1))
    lam = torch.tensor(SPECTRUM, dtype=torch.float64)
    _, cov = final_error(DDPM(), LAW, chain, 1)
    explained = lam**2 * now.alpha**2 / (now.alpha**2 * lam + now.sigma**2)
    assert torch.allclose(torch.linalg.eigvalsh(cov).sort().values, (explained - lam).sort().values, atol=1e-12)
    assert float(step(DDPM(), LAW, chain, now, then).spread.abs().max()) == 0


def test_bad_eta() -> None:
    for eta, sentence in ((1.5, "eta is 1.5, but must lie between 0"), (-0.1, "eta is -0.1"), (math.nan, "eta is nan, but must be finite")):
        with pytest.raises(InputError, match=sentence):
            DDIM(eta)
