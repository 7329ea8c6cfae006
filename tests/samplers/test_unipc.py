"""UniPC against the linear systems of its paper, mode by mode in plain numbers."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from seeded import BOTH, MODES, THREE, Seeded, map_error, map_of, window

from ornstein.common.random import Noise
from ornstein.covariance import Diagonal
from ornstein.denoisers import Gaussian
from ornstein.samplers import Level, levels, run
from ornstein.samplers.dpm_solver import DPMSolver
from ornstein.samplers.unipc import UniPC
from ornstein.schedules import VP, Grid

Numbers = np.ndarray


def phi(k: int, z: float) -> float:
    """phi_0 = e^z, phi_k = (phi_(k-1) - 1 / (k - 1)!) / z."""
    return math.exp(z) if k == 0 else (phi(k - 1, z) - 1 / math.factorial(k - 1)) / z


def solved(r: list[float], h: float, variant: str) -> Numbers:
    """rho with R rho = b: sum_m rho_m r_m^(i-1) = i! h phi_(i+1)(-h) / B(h), i = 1 ... p, for data prediction."""
    size = len(r)
    if not size:
        return np.zeros(0)
    b_h = h if variant == "bh1" else 1 - math.exp(-h)
    right = [math.factorial(i) * h * phi(i + 1, -h) / b_h for i in range(1, size + 1)]
    return np.linalg.solve(np.array([[x ** (i - 1) for x in r] for i in range(1, size + 1)]), np.array(right)) * b_h


def move(x: Numbers, now: Level, then: Level, others: list[tuple[Level, Numbers]], clean: Numbers, weights: Numbers) -> Numbers:
    """One step from ``now``, with D_m / r_m = (x_0 at m - x_0 at now) / r_m."""
    h = then.half - now.half
    out = then.sigma / now.sigma * x + then.alpha * (1 - math.exp(-h)) * clean
    for w, (at, value) in zip(weights, others, strict=True):
        out = out + then.alpha * w * (value - clean) / ((at.half - now.half) / h)
    return out


def by_hand(visited: list[Level], order: int, variant: str) -> list[Numbers]:
    """The slope of every mode at every time, before its correction."""
    modes = np.asarray(MODES)
    x, last, used = np.ones(len(MODES)), np.ones(len(MODES)), 0
    out, outputs = [x], []
    for i, (now, then) in enumerate(pairwise(visited)):
        clean = now.alpha * modes / (now.alpha**2 * modes + now.sigma**2) * x
        if i:
            (before, clean_before), *older = outputs
            h = now.half - before.half
            others = [*older[: used - 1], (now, clean)]
            half = 0.5 * (h if variant == "bh1" else 1 - math.exp(-h))
            weights = np.array([half]) if used == 1 else solved([(at.half - before.half) / h for at, _ in others], h, variant)
            x = move(last, before, now, others, clean_before, weights)
        if then.sigma == 0:
            out.append(then.alpha * clean)
            break
        left = len(visited) - 1 - i
        used = min(order, i + 1, left if visited[-1].sigma == 0 else order)
        h = then.half - now.half
        others = outputs[: used - 1]
        half = 0.5 * (h if variant == "bh1" else 1 - math.exp(-h))
        weights = np.array([half]) if len(others) == 1 else solved([(at.half - now.half) / h for at, _ in others], h, variant)
        last = x
        x = move(x, now, then, others, clean, weights)
        outputs = [(now, clean), *outputs]
        out.append(x)
    return out


@pytest.mark.parametrize("to_data", [True, False])
@pytest.mark.parametrize("variant", ["bh1", "bh2"])
@pytest.mark.parametrize("order", [1, 2, 3])
def test_runs_are_the_papers(order: int, variant: str, to_data: bool) -> None:
    """Every state of a run, on uneven steps; with a last step to sigma = 0, and the lower order before it, and without."""
    times = [0.9, 0.75, 0.55, 0.5, 0.3, 0.15]
    plan = VP()
    grid = Grid(torch.tensor([*times, 0.0] if to_data else times, dtype=torch.float64))
    visited = levels(plan, grid)
    x = torch.tensor([[0.0], [1.0]], dtype=torch.float64).expand(2, len(MODES))
    states = [s.x[1] - s.x[0] for s in run(UniPC(order, variant), BOTH, plan, grid, x, Noise())]
    for state, hand in zip(states, by_hand(visited, order, variant), strict=True):
        assert torch.allclose(state, torch.from_numpy(hand), rtol=0, atol=1e-11)


def test_the_variants_differ_only_while_order_three_warms_up() -> None:
    """B(h) cancels in every solved system; what is left are the two steps where 1/2 replaces a solution."""
    plan = VP()
    for sampler, same in ((UniPC, False), (lambda order, variant: Seeded(UniPC(order, variant)), True)):
        for order in (1, 2, 3):
            a, b = (map_of(sampler(order, variant), plan, window(plan, 8)) for variant in ("bh1", "bh2"))
            assert torch.allclose(a, b, rtol=0, atol=1e-12) is (same and order == 3)


def test_a_law_of_one_signal_leaves_nothing_to_correct() -> None:
    """The denoised signal is the same everywhere, so every method is exact and they agree."""
    one = Gaussian(torch.tensor([1.0, -2.0]), Diagonal(torch.zeros(2, dtype=torch.float64)))
    plan = VP()
    x = Noise(1).normal(3, (2,))
    a, b = ([s.x for s in run(sampler, one, plan, window(plan, 6), x, Noise())] for sampler in (UniPC(2), DPMSolver(2)))
    assert all(torch.allclose(p, q, rtol=0, atol=1e-13) for p, q in zip(a, b, strict=True))


@pytest.mark.parametrize("schedule", THREE)
def test_the_corrector_pays(schedule: str) -> None:
    """At the same number of calls, the error of the law is below that of its own predictor, DPM-Solver++(2M)."""
    plan = THREE[schedule]
    for steps in (20, 80):
        corrected, plain = (float(map_error(s, plan, window(plan, steps)).abs().max()) for s in (UniPC(2), DPMSolver(2)))
        assert corrected < 0.5 * plain
