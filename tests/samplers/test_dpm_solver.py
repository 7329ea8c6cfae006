"""DPM-Solver++ against the formulas of the papers, mode by mode in plain numbers; with noise, by the exact recursion of the law."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
import scipy.integrate
import torch
from seeded import THREE, Seeded, map_error, slope_of, window
from steps import LAW, MEAN, SIZE, SPECTRUM, exact_law, final_error, laws_along, maps_along, step

from ornstein.samplers import DDPM, Level, Sampler, levels
from ornstein.samplers.dpm_solver import DPMSolver
from ornstein.samplers.dpm_solver_sde import DPMSolverSDE
from ornstein.schedules import VP, Schedule
from truth import orthogonal

Numbers = np.ndarray


def taylor(h: float, eta: float, past: list[tuple[float, Numbers]], order: int) -> Numbers:
    """What the papers add to a step of order 1, over alpha: ``past`` holds (log (alpha / sigma), x_0), newest first."""
    (lam_0, x_0), (lam_1, x_1), *more = past
    long = (1 + eta) * h
    phi_1 = 1 - math.exp(-long)
    phi_2 = 1 - phi_1 / long
    r_0 = (lam_0 - lam_1) / h
    slope = (x_0 - x_1) / r_0
    if order == 2:
        return 0.5 * phi_1 * slope
    if not more:
        return phi_2 * slope
    lam_2, x_2 = more[0]
    r_1 = (lam_1 - lam_2) / h
    change = (slope - (x_1 - x_2) / r_1) / (r_0 + r_1)
    return phi_2 * (slope + r_0 * change) - (phi_2 / long - 0.5) * change


def integral(h: float, eta: float, past: list[tuple[float, Numbers]]) -> Numbers:
    """The same from adaptive quadrature of the polynomial through ``past``."""
    places = [lam - past[0][0] for lam, _ in past]

    def weight(u: float, k: int) -> float:
        product = math.prod((u - p) / (places[k] - p) for j, p in enumerate(places) if j != k)
        return (1 + eta) * math.exp(-(1 + eta) * (h - u)) * product

    parts = [scipy.integrate.quad(weight, 0, h, args=(k,), epsabs=1e-14, epsrel=1e-12)[0] for k in range(len(past))]
    return sum(w * x_0 for w, (_, x_0) in zip(parts, past, strict=True)) - (1 - math.exp(-(1 + eta) * h)) * past[0][1]


def by_hand(visited: list[Level], variance: float, order: int, eta: float, exact: bool) -> list[Numbers]:
    """A centred mode at every time, as weights of (x_T, z_1, z_2, ...)."""
    x = np.zeros(len(visited))
    x[0] = 1.0
    out, past = [x], []
    for i, (now, then) in enumerate(pairwise(visited), start=1):
        clean = now.alpha * variance / (now.alpha**2 * variance + now.sigma**2) * x
        past = [(math.log(now.alpha / now.sigma), clean), *past[: order - 1]]
        if then.sigma == 0:
            out.append(then.alpha * clean)
            break
        h = math.log(then.alpha / then.sigma) - past[0][0]
        x = then.sigma / now.sigma * math.exp(-eta * h) * x + then.alpha * (1 - math.exp(-(1 + eta) * h)) * clean
        if len(past) > 1:
            x = x + then.alpha * (integral(h, eta, past) if exact else taylor(h, eta, past, order))
        x[i] += then.sigma * math.sqrt(1 - math.exp(-2 * eta * h))
        out.append(x)
    return out


@pytest.mark.parametrize("schedule", ["vp", "cosine"])
@pytest.mark.parametrize("eta", [None, 0.0, 0.4, 1.0])
@pytest.mark.parametrize("integral_", ["published", "exact"])
@pytest.mark.parametrize("order", [2, 3])
def test_runs_are_the_papers(order: int, integral_: str, eta: float | None, schedule: str) -> None:
    """Every state of a run: its weight of the start, of every increment, and its mean."""
    sampler = DPMSolver(order, integral_) if eta is None else DPMSolverSDE(order, eta, integral_)
    plan, u = THREE[schedule], orthogonal(SIZE, 3)
    grid = plan.grid(7) if schedule == "vp" else type(plan.grid(7))(plan.grid(7).times[1:])
    visited = levels(plan, grid)
    hands = [by_hand(visited, v, order, eta or 0.0, integral_ == "exact") for v in SPECTRUM]
    for i, map_ in enumerate(maps_along(sampler, LAW, plan, grid)):
        weights = torch.from_numpy(np.stack([hand[i] for hand in hands]))
        assert torch.allclose(u.T @ map_.slope @ u, torch.diag(weights[:, 0]), atol=1e-11)
        assert torch.allclose(map_.shift, visited[i].alpha * MEAN - map_.slope @ (visited[0].alpha * MEAN), atol=1e-11)
        for k, block in enumerate(map_.noise.split(SIZE, dim=1) if map_.noise.shape[1] else [], start=1):
            assert torch.allclose(u.T @ block @ u, torch.diag(weights[:, k]), atol=1e-11)
        assert map_.noise.shape[1] == (SIZE * (len(visited) - 2) if eta else 0)


def test_the_published_third_order_has_power_two() -> None:
    """Its weight of the second divided difference is that of a second derivative, twice as large: the error keeps a power 2.

    Twice the published change of slope is what the exact integral has, and that has power 3.
    """
    plan = VP()
    published, exact = DPMSolver(3), DPMSolver(3, "exact")
    assert abs(slope_of(*(map_error(Seeded(published), plan, window(plan, n)) for n in (80, 160))) - 2) < 0.1
    assert abs(slope_of(*(map_error(Seeded(exact), plan, window(plan, n)) for n in (80, 160))) - 3) < 0.1


@pytest.mark.parametrize("integral_", ["published", "exact"])
@pytest.mark.parametrize("order", [2, 3])
@pytest.mark.parametrize("eta", [0.5, 1.0])
@pytest.mark.parametrize("schedule", THREE)
def test_the_law_converges_with_power_two(schedule: str, eta: float, order: int, integral_: str) -> None:
    """The covariance, to the exact one, at both orders: its noise is what the polynomial cannot follow. The mean has no error."""
    sampler, plan = DPMSolverSDE(order, eta, integral_), THREE[schedule]
    errors = []
    for steps in (32, 64):
        at, mean, cov = laws_along(sampler, LAW, plan, window(plan, steps))[-1]
        expected_mean, expected = exact_law(LAW, plan, at)
        assert float((mean - expected_mean).abs().max()) < 1e-12
        errors.append(cov - expected)
    coarse, fine = errors
    assert abs(slope_of(coarse, fine) - 2) < 0.35
    assert float((4 * fine - coarse).abs().max()) / 3 < 0.35 * float(fine.abs().max())


@pytest.mark.parametrize("schedule", THREE)
def test_a_whole_run_reaches_the_law(schedule: str) -> None:
    """From the schedule's start to sigma = 0 the covariance is that of the law, and better at order 2 than ancestral sampling."""
    plan = THREE[schedule]
    for eta in (0.3, 1.0):
        coarse, fine = (float(final_error(DPMSolverSDE(2, eta), LAW, plan, n)[1].abs().max()) for n in (32, 64))
        assert fine < 0.012
        assert fine < 0.45 * coarse
    assert fine < 0.2 * float(final_error(DDPM(), LAW, plan, 64)[1].abs().max())


@pytest.mark.parametrize("schedule", THREE)
def test_without_noise_it_is_the_deterministic_method(schedule: str) -> None:
    plan = THREE[schedule]
    for order in (2, 3):
        pairs = zip(
            maps_along(DPMSolverSDE(order, 0.0), LAW, plan, plan.grid(6)),
            maps_along(DPMSolver(order), LAW, plan, plan.grid(6)),
            strict=True,
        )
        for a, b in pairs:
            assert torch.allclose(a.slope, b.slope, atol=1e-12)
            assert torch.allclose(a.shift, b.shift, atol=1e-12)
            assert a.noise.shape[1] == 0
    assert DPMSolverSDE(2, 0.0).deterministic
    assert not DPMSolverSDE(2, 0.1).deterministic


@pytest.mark.parametrize("schedule", THREE)
def test_the_first_step_of_the_reverse_sde_is_ancestral(schedule: str) -> None:
    plan: Schedule = THREE[schedule]
    sampler: Sampler = DPMSolverSDE(3, 1.0)
    for now, then in pairwise(levels(plan, plan.grid(5))):
        a, b = step(sampler, LAW, plan, now, then), step(DDPM(), LAW, plan, now, then)
        for x, y in ((a.slope, b.slope), (a.spread, b.spread), (a.shift, b.shift)):
            assert torch.allclose(x, y, atol=1e-12)
