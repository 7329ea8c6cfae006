"""Multistep methods with an exact history, and windows of a schedule in which every method shows its order."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from warnings import catch_warnings, filterwarnings

import torch
from steps import SPECTRUM
from torch import Tensor

from ornstein.common.random import Noise
from ornstein.covariance import Diagonal
from ornstein.denoisers import Gaussian
from ornstein.samplers import Context, Exact, Level, Sampler, run
from ornstein.samplers.adams_bashforth import AdamsBashforth
from ornstein.samplers.deis import DEIS
from ornstein.samplers.dpm_solver import DPMSolver
from ornstein.samplers.unipc import Predicted, UniPC
from ornstein.schedules import VP, Cosine, Grid, RectifiedFlow, Schedule

THREE: dict[str, Schedule] = {"vp": VP(), "cosine": Cosine(), "rectified": RectifiedFlow()}

POWERS: dict[str, tuple[Sampler, int]] = {
    "deis-1": (DEIS(1), 1),
    **{f"deis-{p}-{v}": (DEIS(p, v), p) for p in (2, 3, 4) for v in ("t", "noise", "log-noise")},
    "dpm-2": (DPMSolver(2), 2),
    "dpm-2-exact": (DPMSolver(2, "exact"), 2),
    "dpm-3": (DPMSolver(3), 2),
    "dpm-3-exact": (DPMSolver(3, "exact"), 3),
    **{f"unipc-{p}-{v}": (UniPC(p, v), p + 1) for p in (1, 2, 3) for v in ("bh1", "bh2")},
    # weights of equal steps on a grid uniform in t
    "ab-1": (AdamsBashforth(1), 1),
    "ab-2": (AdamsBashforth(2), 2),
    "ab-3": (AdamsBashforth(3), 2),
    "ab-4": (AdamsBashforth(4), 2),
}
"""The power of the step that the error falls with on a smooth grid, once the history is exact."""


@dataclass(frozen=True)
class Seeded(Sampler):
    """The first steps are those of the closed-form flow, and leave what the method would have left behind there.

    The warm-up of a multistep method begins with a step of order 1. Its error, a power 2 of the step (3 with a corrector), stays
    in the result whatever the order of all later steps.
    """

    inner: Sampler

    @property
    def memory(self) -> int:
        return self.inner.memory

    def step(self, context: Context, x: Tensor, now: Level, then: Level) -> Tensor:
        moved = self.inner.step(context, x, now, then)
        if context.step > self.inner.memory:
            return moved
        last = context.past[0]
        if isinstance(last, Predicted):
            context.past[0] = replace(last, x=x)
        return Exact().step(context, x, now, then)


def window(schedule: Schedule, steps: int, high: float = 2.0, low: float = 0.5) -> Grid:
    """Uniform in t between two noise levels: neither end is singular, so a power of the step is all there is.

    A run to sigma = 0 ends with a step whose error is of its noise squared, and a run from alpha = 0 begins with one that is
    infinitely long in log (alpha / sigma): both hide every order above 2.
    """
    return Grid(torch.linspace(float(schedule.time(high)), float(schedule.time(low)), steps + 1, dtype=torch.float64))


def uniform_noise(schedule: Schedule, steps: int, high: float = 2.0, low: float = 0.5) -> Grid:
    """Uniform in sigma / alpha."""
    return Grid(schedule.time(torch.linspace(high, low, steps + 1, dtype=torch.float64)))


# two spectra side by side: a run on a diagonal law is one affine map a mode, and says what it does to each spectrum
SPECTRA = {"wide": slice(0, 4), "narrow": slice(4, 8)}
MODES = (*SPECTRUM, 2.0, 0.8, 0.4, 0.15)
CENTRE = torch.tensor([1.0, -1.0, 0.5, 2.0, 0.3, -2.0, 1.0, -0.4], dtype=torch.float64)
BOTH = Gaussian(CENTRE, Diagonal(torch.tensor(MODES, dtype=torch.float64)))


def map_of(sampler: Sampler, schedule: Schedule, grid: Grid) -> Tensor:
    """(slope, shift) of every mode of ``BOTH`` in a run without noise; (2, mode)."""
    zero_one = torch.tensor([[0.0], [1.0]], dtype=torch.float64).expand(2, len(MODES))
    *_, last = run(sampler, BOTH, schedule, grid, zero_one, Noise())
    return torch.stack([last.x[1] - last.x[0], last.x[0]])


def map_error(sampler: Sampler, schedule: Schedule, grid: Grid) -> Tensor:
    """The map of a run, less that of the closed-form flow."""
    return map_of(sampler, schedule, grid) - map_of(Exact(), schedule, Grid(grid.times[[0, -1]]))


def slope_of(coarse: Tensor, fine: Tensor) -> float:
    """The power that an error fell with when the steps were halved."""
    return math.log2(float(coarse.abs().max()) / float(fine.abs().max()))


@dataclass(frozen=True)
class Silent:
    """A source of zeros for ``cases`` signals of ``size`` entries."""

    cases: int
    size: int

    def increment(self, now: Level, then: Level) -> Tensor:
        return torch.zeros(self.cases, self.size, dtype=torch.float64)

    def fresh(self, step: int, use: int) -> Tensor:
        return torch.zeros(self.cases, self.size, dtype=torch.float64)


@contextmanager
def few_steps() -> Iterator[None]:
    """A run that is too short for the order of its method says so; where that is meant, it is not an error."""
    with catch_warnings():
        filterwarnings("ignore", message=".* steps leave no .* to look back to")
        yield
