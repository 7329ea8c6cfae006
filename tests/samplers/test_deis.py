"""DEIS and Adams-Bashforth: the weights against quadrature and against the classical table, mode by mode in plain numbers."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
import scipy.integrate
import torch
from seeded import MODES, THREE, few_steps, map_of, uniform_noise, window
from torch import Tensor

from ornstein.samplers import DDIM, Level, levels
from ornstein.samplers.adams_bashforth import AdamsBashforth
from ornstein.samplers.deis import DEIS
from ornstein.schedules import VE, VP, Grid, Schedule

Rule = Callable[[list[Level], Level, Level], list[float]]


def lagrange(variable: str, schedule: Schedule) -> Rule:
    """int L_k dn over a step, in the variable itself: n dlog n for the logarithm, n'(t) dt for time."""

    def place(at: Level) -> float:
        return {"t": at.t, "noise": at.noise, "log-noise": math.log(at.noise)}[variable]

    def rate(v: float) -> float:
        if variable != "t":
            return 1.0 if variable == "noise" else math.exp(v)
        alpha, sigma, (fall, rise) = float(schedule.alpha(v)), float(schedule.sigma(v)), (float(r) for r in schedule.rates(v))
        return (rise * alpha - sigma * fall) / alpha**2

    def rule(history: list[Level], now: Level, then: Level) -> list[float]:
        places = [place(at) for at in history]
        out = []
        for k, own in enumerate(places):
            rest = [p for j, p in enumerate(places) if j != k]
            out.append(
                scipy.integrate.quad(
                    lambda v, own=own, rest=rest: rate(v) * math.prod((v - p) / (own - p) for p in rest),
                    place(now),
                    place(then),
                    epsabs=1e-13,
                    epsrel=1e-11,
                )[0]
            )
        return out

    return rule


CLASSICAL = {1: (1,), 2: (3 / 2, -1 / 2), 3: (23 / 12, -4 / 3, 5 / 12), 4: (55 / 24, -59 / 24, 37 / 24, -3 / 8)}


def classical(history: list[Level], now: Level, then: Level) -> list[float]:
    return [(then.noise - now.noise) * beta for beta in CLASSICAL[len(history)]]


def by_hand(visited: list[Level], order: int, rule: Rule) -> Tensor:
    """The slope of every mode after a run: y_s = y_t + sum_k C_k eps_k with y = x / alpha, and the denoised signal at sigma = 0."""
    modes = np.asarray(MODES)
    y, history, noises = np.full(len(MODES), 1 / visited[0].alpha), [], []
    for now, then in pairwise(visited):
        clean = modes / (modes + now.noise**2) * y
        history, noises = [now, *history[: order - 1]], [(y - clean) / now.noise, *noises[: order - 1]]
        y = clean if then.sigma == 0 else y + sum(c * e for c, e in zip(rule(history, now, then), noises, strict=True))
    return torch.from_numpy(visited[-1].alpha * y)


@pytest.mark.parametrize("schedule", ["vp", "cosine"])
@pytest.mark.parametrize("variable", ["t", "noise", "log-noise"])
@pytest.mark.parametrize("order", [2, 3, 4])
def test_weights_are_the_integrals(order: int, variable: str, schedule: str) -> None:
    """Five steps of uneven length, against adaptive quadrature of the Lagrange polynomials in the variable itself."""
    plan = THREE[schedule]
    grid = Grid(torch.tensor([0.9, 0.7, 0.6, 0.35, 0.2, 0.0], dtype=torch.float64))
    expected = by_hand(levels(plan, grid), order, lagrange(variable, plan))
    assert torch.allclose(map_of(DEIS(order, variable), plan, grid)[0], expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_adams_bashforth_is_the_classical_table(order: int) -> None:
    plan = VP()
    grid = Grid(torch.tensor([0.9, 0.7, 0.6, 0.35, 0.2, 0.0], dtype=torch.float64))
    expected = by_hand(levels(plan, grid), order, classical)
    assert torch.allclose(map_of(AdamsBashforth(order), plan, grid)[0], expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("schedule", THREE)
@pytest.mark.parametrize("order", [2, 3, 4])
def test_equal_steps_of_noise_make_constant_weights(order: int, schedule: str) -> None:
    """On a grid uniform in sigma / alpha the two methods are one, and on another they are not."""
    plan = THREE[schedule]
    constant, variable = AdamsBashforth(order), DEIS(order, "noise")
    even, uneven = uniform_noise(plan, 8), window(plan, 8)
    assert torch.allclose(map_of(constant, plan, even), map_of(variable, plan, even), rtol=0, atol=1e-11)
    assert not torch.allclose(map_of(constant, plan, uneven), map_of(variable, plan, uneven), rtol=0, atol=1e-5)


def test_under_ve_time_is_noise() -> None:
    """t is proportional to sigma / alpha there, so the polynomials in the two are the same."""
    plan = VE(sigma_max=10.0, sigma_min=0.1)
    for order in (2, 3, 4):
        a, b = (map_of(DEIS(order, variable), plan, plan.grid(6)) for variable in ("t", "noise"))
        assert torch.allclose(a, b, rtol=0, atol=1e-11)


def test_the_schedule_drops_out() -> None:
    """In noise and in log-noise a run depends on the noise levels alone, not on the schedule they come from."""
    noise = torch.tensor([4.0, 2.5, 1.1, 0.6, 0.2], dtype=torch.float64)
    for variable in ("noise", "log-noise"):
        results = []
        for plan in THREE.values():
            grid = Grid(plan.time(noise))
            begin, end = (float(plan.alpha(float(t))) for t in (grid.times[0], grid.times[-1]))
            results.append(map_of(DEIS(4, variable), plan, grid)[0] * begin / end)
        assert torch.allclose(results[0], results[1], rtol=0, atol=1e-11)
        assert torch.allclose(results[0], results[2], rtol=0, atol=1e-11)


@pytest.mark.parametrize("variable", ["t", "noise", "log-noise"])
def test_order_one_is_ddim(variable: str) -> None:
    plan = VP()
    with few_steps():
        for sampler in (DEIS(1, variable), AdamsBashforth(1)):
            assert torch.allclose(map_of(sampler, plan, plan.grid(5)), map_of(DDIM(), plan, plan.grid(5)), rtol=0, atol=1e-13)
