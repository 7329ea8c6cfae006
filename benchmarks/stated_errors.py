"""Does the error that ``tune`` states hold? Random laws that nothing was set on, and the choice against plain methods.

    python benchmarks/stated_errors.py [number of laws [number of the first]]

Each law meets one number of calls and one schedule. The error is that of the path on 1024 fresh starts, against 200 steps of the
exponential integrator, relative to the deviation of the law. The plain methods run on Karras' grid and on six more (last level .1, .03,
.01, evenly spaced in n^(1/7) and in log n); of these the four best by 256 cases run on all. 48 laws take about 15 minutes on one core.
"""

from __future__ import annotations

import math
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import torch
from sklearn import datasets
from torch import Tensor

from ornstein.common.random import Noise
from ornstein.covariance import Dense, Diagonal
from ornstein.denoisers import Empirical, Gaussian, Law, Mixture
from ornstein.denoisers.fit import fit_mixture
from ornstein.denoisers.matched import matched
from ornstein.samplers import Exponential, Sampler, run, start, tune
from ornstein.samplers.candidates import STANDARD
from ornstein.samplers.exponential import deviation
from ornstein.samplers.plan import Plan
from ornstein.samplers.strata import HIGHEST, fine
from ornstein.schedules import VE, VP, Cosine, Grid, RectifiedFlow, Schedule

FRESH, FEW = 1024, 256
CALLS = (5, 6, 8, 10, 15, 20)
SCHEDULES: tuple[Schedule, ...] = (VE(), VP(), Cosine(), RectifiedFlow())


def uniform(count: int, seed: int, low: float, high: float) -> Tensor:
    return low + (high - low) * Noise(seed).uniform(count)


def whole(seed: int, low: int, high: int) -> int:
    return int(uniform(1, seed, low, high + 1))


def separate(seed: int) -> Law:
    """3 to 20 round modes, 5 to 12 of their deviations from the middle, weights from 1 to 5, in d = 2 to 84."""
    d, k = (2, 4, 8, 20, 84)[seed // 1000 % 5], whole(seed, 3, 20)
    means = Noise(seed + 1).normal(k, (d,))
    far = float(uniform(1, seed + 2, 5, 12)) / float(means.square().sum(1).mean().sqrt())
    parts = [Gaussian(far * m, Diagonal(torch.ones(d, dtype=torch.float64))) for m in means]
    return Mixture(uniform(k, seed + 3, 1, 5), parts)


def near(seed: int) -> Law:
    """2 to 6 modes with a covariance each, half a deviation apart: nearly Gaussian, d = 5 to 50."""
    d, k = whole(seed, 5, 50), whole(seed + 1, 2, 6)
    parts = []
    for i in range(k):
        root = Noise(seed + 10 + i).normal(d, (d,)) / torch.arange(1, d + 1, dtype=torch.float64).sqrt()
        covariance = Dense(root @ root.T / d + 0.01 * torch.eye(d, dtype=torch.float64))
        parts.append(Gaussian(0.5 * Noise(seed + 40 + i).normal(1, (d,))[0], covariance))
    return Mixture(uniform(k, seed + 2, 1, 3), parts)


def sheets(seed: int) -> Law:
    """Kernel density on 500 points of a swiss roll, an S, two moons or two circles."""
    made = (datasets.make_swiss_roll, datasets.make_s_curve, datasets.make_moons, datasets.make_circles)[seed // 1000 % 4]
    x = torch.tensor(made(500, noise=0.05, random_state=seed)[0], dtype=torch.float64)
    x = (x - x.mean(0)) / x.std()
    width = float(uniform(1, seed, 0.05, 0.15))
    return Empirical(x, Diagonal(torch.full((x.shape[1],), width**2, dtype=torch.float64)))


def digits(seed: int) -> Law:
    """A mixture of 3 to 12 Gaussians by EM, fitted to 2 to 6 of the ten digits, 8 x 8."""
    found = datasets.load_digits()
    chosen = torch.randperm(10, generator=torch.Generator().manual_seed(seed))[: whole(seed, 2, 6)]
    x = torch.from_numpy(found.data)[torch.isin(torch.from_numpy(found.target), chosen)]
    return fit_mixture((x - x.mean()) / x.std(), whole(seed + 1, 3, 12), seed=seed)


KINDS: tuple[Callable[[int], Law], ...] = (separate, near, sheets, digits, separate, separate)


@dataclass(frozen=True)
class Row:
    """One law: what was stated, what fresh starts showed, and the best plain method on Karras' grid and on any of seven."""

    stated: float
    measured: float
    true: float
    karras: float
    any: float


def row(law: Law, schedule: Schedule, calls: int, seed: int) -> Row:
    choice = tune(law, schedule, calls, seed=seed)
    reference = matched(law)
    unit, first = deviation(reference), float(choice.grid.times[0])
    top = float(schedule.noise_level(1.0))
    high = top if math.isfinite(top) else HIGHEST * unit
    x = start(law, schedule, first, Noise(10**6 + seed), FRESH)
    truth = ended(Exponential(reference), law, schedule, fine(schedule, first, high, 0.001 * unit, 200), x)
    scale = float((truth - truth.mean(0)).square().mean().sqrt())

    def error(sampler: Sampler, grid: Grid, cases: int = FRESH) -> float:
        found = float((ended(sampler, law, schedule, grid, x[:cases]) - truth[:cases]).square().mean().sqrt()) / scale
        return found if math.isfinite(found) else math.inf

    usual: list[tuple[Sampler, Grid]] = []
    others: list[tuple[Sampler, Grid]] = []
    for method in STANDARD:
        steps = max(n for n in range(1, calls + 1) if method.calls(n) <= calls)
        if method.memory < steps:
            usual.append((method, Plan(high, 0.002 * unit, 1 / 7).grid(schedule, steps, first)))
            lows = ((low, power) for low in (0.1, 0.03, 0.01) for power in (1 / 7, 0.0))
            others += [(method, Plan(high, low * unit, power).grid(schedule, steps, first)) for low, power in lows]
    karras = min(error(*one) for one in usual)
    best = sorted(others, key=lambda one: error(*one, FEW))[:4]
    return Row(choice.error, choice.measured, error(choice.sampler, choice.grid), karras, min(karras, *(error(*one) for one in best)))


@torch.no_grad()
def ended(sampler: Sampler, law: Law, schedule: Schedule, grid: Grid, x: Tensor) -> Tensor:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # few steps for a method of high order
        *_, last = run(sampler, law, schedule, grid, x, Noise())
    return last.x


def main(count: int, first: int) -> None:
    rows: list[Row] = []
    print("law        calls schedule       stated measured   true   stated/true  true/Karras  true/best of 7  seconds")
    for i in range(first, first + count):
        begun, kind = time.time(), KINDS[i % len(KINDS)]
        schedule, calls = SCHEDULES[(i // 2) % len(SCHEDULES)], CALLS[(i + i // 6) % len(CALLS)]
        one = row(kind(1000 * (i + 1)), schedule, calls, i)
        rows.append(one)
        ratios = f"{one.stated / one.true:11.2f} {one.true / one.karras:12.2f} {one.true / one.any:15.2f}"
        numbers = f"{one.stated:8.4f} {one.measured:8.4f} {one.true:8.4f}"
        print(f"{kind.__name__:<10} {calls:5} {type(schedule).__name__:<13} {numbers} {ratios} {time.time() - begun:8.0f}", flush=True)
    held = sum(one.true <= one.stated for one in rows)
    lost = [one for one in rows if one.true > one.karras], [one for one in rows if one.true > one.any]
    loose = sorted(one.stated / one.true for one in rows)
    print(f"stated error held {held} of {len(rows)}; stated / true: median {loose[len(loose) // 2]:.1f}, {loose[0]:.2f} to {loose[-1]:.1f}")
    print(f"behind the best plain method on Karras' grid {len(lost[0])}, on the best of seven grids {len(lost[1])}")


if __name__ == "__main__":
    given = [int(number) for number in sys.argv[1:]]
    main(given[0] if given else 48, given[1] if len(given) > 1 else 0)
