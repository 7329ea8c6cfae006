"""Starts in two strata, so that the few paths on which the mean square error rests are seen by a small number of pilots."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ornstein.common.random import Noise
from ornstein.covariance import Sigma
from ornstein.denoisers import Denoiser, Gaussian, Posterior
from ornstein.samplers.base import Sampler, run
from ornstein.samplers.exponential import Exponential, basis, deviation, flow
from ornstein.samplers.level import levels
from ornstein.samplers.plan import Plan
from ornstein.samplers.sampling import start
from ornstein.samplers.unipc import UniPC
from ornstein.schedules import Grid, Schedule

HIGHEST = 80.0
"""Where a run starts when the schedule has no end, in deviations of the law (the sigma_max of Karras et al. 2022)."""
POOL, SENSITIVE = 8, 3
"""Starts in the pool for each pilot, and how many pilots of eight are the most sensitive ones of the pool."""
COARSE = (8, 16)
"""Steps of the two runs that tell how sensitive a start is to the length of steps."""
_JUMP = 2.5
"""A start is sensitive to teleport if it ends elsewhere from this level, in deviations of the widest mode."""

_SEED = 1 << 62
"""Flips one bit of the seed: pilots share no noise with the samples of the same seed."""


class Counted(Denoiser):
    """A denoiser that counts the cases it is called with."""

    def __init__(self, inner: Denoiser) -> None:
        self.inner, self.event_shape, self.evaluations = inner, inner.event_shape, 0

    def __call__(self, x: Tensor, sigma: Sigma) -> Posterior:
        self.evaluations += len(x)
        return self.inner(x, sigma)

    def color(self, z: Tensor) -> Tensor:
        return self.inner.color(z)


@dataclass(frozen=True, eq=False)
class Strata:
    """Pilot starts x (case, *event) at time ``first``, where sigma / alpha = ``high``, and which of them are ``sensitive``.

    Near a border between two modes a small error of the path ends in the wrong one. Few cases lie there, but they are most of the
    mean square, and as many plain draws would miss them. So pilots are taken from a pool POOL times as large: the sensitive ones,
    whose ends differ most from those of a run with half the steps, or with a teleport, and others at random. Weighted by how many of
    the pool they stand for, their mean is that of the pool. Sensitive ones and others are mixed evenly, so that every part holds both.

    unit   the deviation of the reference; 1 without one
    scale  the deviation of the ends of the pool
    """

    first: float
    high: float
    unit: float
    x: Tensor
    sensitive: Tensor
    scale: float

    @classmethod
    def of(cls, denoiser: Counted, schedule: Schedule, reference: Gaussian | None, cases: int, seed: int) -> Strata:
        """``cases`` pilots, drawn as ``sample`` draws its starts. Cost: 24 calls for each of POOL ``cases`` starts, 40 with a reference."""
        unit = 1.0 if reference is None else deviation(reference)
        top = float(schedule.noise_level(1.0))
        high = top if math.isfinite(top) else HIGHEST * unit
        first = 1.0 if math.isfinite(top) else float(schedule.time(high))
        noise, method = Noise(seed ^ _SEED), converging(reference)
        pool = start(denoiser.inner, schedule, first, noise, POOL * cases)
        ends = []
        for steps in COARSE:
            *_, last = run(method, denoiser, schedule, fine(schedule, first, high, 0.1 * unit, steps), pool, noise)
            ends.append(last.x)
        moved = (ends[0] - ends[1]).flatten(1).norm(dim=1)
        if reference is not None and (jumped := landed(reference, schedule, first, high, pool)):
            below, then, level = jumped
            *_, last = run(method, denoiser, schedule, fine(schedule, then, level, 0.1 * unit, COARSE[1]), below, noise)
            moved = torch.maximum(moved, (last.x - ends[1]).flatten(1).norm(dim=1))
        order = moved.argsort(descending=True)
        picked = cases * SENSITIVE // 8
        rest = order[picked:].sort().values[:: (len(order) - picked) // (cases - picked)][: cases - picked]
        place = torch.cat([torch.arange(picked) / picked, torch.arange(cases - picked) / (cases - picked)]).argsort(stable=True)
        scale = math.sqrt(float((ends[1] - ends[1].mean(0)).square().mean()))
        chosen = torch.cat([order[:picked], rest])[place]
        return cls(first, high, unit, pool[chosen], (torch.arange(cases) < picked)[place], scale if scale > 0 else 1.0)

    def rms(self, squares: Tensor, cases: Tensor) -> float:
        """The root of the mean of ``squares`` (case,) over the pool, from these pilots of both strata."""
        chosen, sensitive = squares[cases], self.sensitive[cases]
        share = SENSITIVE / 8 / POOL
        return math.sqrt(float(share * chosen[sensitive].mean() + (1 - share) * chosen[~sensitive].mean()))


def converging(reference: Gaussian | None) -> Sampler:
    """The method for paths of many steps."""
    return UniPC(3) if reference is None else Exponential(reference)


def landed(reference: Gaussian, schedule: Schedule, first: float, high: float, x: Tensor) -> tuple[Tensor, float, float] | None:
    """(x, time, noise level) after a teleport of starts to _JUMP deviations of the widest mode; None where runs begin below it."""
    level = _JUMP * math.sqrt(float(basis(reference).eigenvalues.max()))
    if level >= high:
        return None
    visited = levels(schedule, Grid(torch.tensor([first, float(schedule.time(level)), 0.0], dtype=torch.float64)))
    return flow(reference, x, visited[0], visited[1]), visited[1].t, level


def fine(schedule: Schedule, first: float, high: float, low: float, steps: int) -> Grid:
    """Equal steps of log n, whatever the schedule."""
    return Plan(high, min(low, 0.01 * high), 0.0).grid(schedule, steps, first)
