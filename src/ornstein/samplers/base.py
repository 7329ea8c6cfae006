"""The one sampling loop. A method supplies ``step``; grid, step, denoiser and randomness stay four separate things."""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from ornstein import checks
from ornstein.denoisers import Colored, Denoiser, Law
from ornstein.errors import InputError
from ornstein.process import Process
from ornstein.random import Noise
from ornstein.schedules import Grid, Schedule

_CASES = 1024
"""Cases that run through the loop together: memory stays at a few times 1024 signals, whatever n."""


@dataclass(frozen=True)
class Level:
    """One time of the grid, as plain numbers, so that no step waits for a device."""

    t: float
    alpha: float
    sigma: float
    alpha_rate: float
    sigma_rate: float

    @property
    def noise(self) -> float:
        """sigma_t / alpha_t, the noise in data scale."""
        return self.sigma / self.alpha if self.alpha else torch.inf


@dataclass(frozen=True)
class Context:
    """What a step may use: the denoiser, the schedule's process, and fresh noise for this step."""

    denoiser: Denoiser
    process: Process
    fresh: Callable[[], Tensor]

    def clean(self, x: Tensor, at: Level) -> Tensor:
        """E[x_0 | x_t = x]. At alpha = 0 nothing of the signal is left, and this is E[x_0]."""
        if at.alpha == 0:
            return self.denoiser(torch.zeros_like(x), torch.inf).mean
        return self.denoiser(x / at.alpha, at.noise).mean


class Sampler(ABC):
    """One step of a method, from time t (``now``) to an earlier time (``then``)."""

    @abstractmethod
    def step(self, context: Context, x: Tensor, now: Level, then: Level) -> Tensor:
        """x_t (case, *event) -> x at ``then``. Called with sigma > 0 at ``now``."""


@dataclass(frozen=True)
class State:
    """Where a run is: after ``step`` steps, x = x_t (case, *event) at time t."""

    step: int
    t: float
    x: Tensor


def levels(schedule: Schedule, grid: Grid) -> list[Level]:
    """The schedule on the grid, moved to plain numbers once."""
    t = grid.times
    rates = [torch.where(t > 0, r, torch.zeros_like(r)) for r in schedule.rates(t.clamp_min(1e-300))]
    columns = [c.tolist() for c in (t, schedule.alpha(t), schedule.sigma(t), *rates)]
    return [Level(*row) for row in zip(*columns, strict=True)]


def start(denoiser: Denoiser, schedule: Schedule, t: float, noise: Noise, cases: int) -> Tensor:
    """Draws of x_t at the start of a run: exact where the law is known, noise alone where it is not."""
    alpha, sigma = float(schedule.alpha(t)), float(schedule.sigma(t))
    law = denoiser.inner if isinstance(denoiser, Colored) else denoiser
    if isinstance(law, Law) and alpha > 0:
        return alpha * denoiser.color(law.draw(noise, cases, sigma / alpha))
    batch = law.batch_shape if isinstance(law, Law) else ()
    return sigma * denoiser.color(noise.normal(cases, (*batch, *denoiser.event_shape)))


def run(sampler: Sampler, denoiser: Denoiser, schedule: Schedule, grid: Grid, x: Tensor, noise: Noise) -> Iterator[State]:
    """The loop as a generator: yields the start and the state after every step; x_0 is the x of the last.

    ``x`` (case, *event) is x_t at the first time of the grid. Progress bars, plots and early stops belong to the caller.
    """
    process = Process(schedule)
    times = levels(schedule, grid)
    yield State(0, times[0].t, x)
    for step, (now, then) in enumerate(itertools.pairwise(times), start=1):

        def fresh(stream: int = step, like: Tensor = x) -> Tensor:
            return denoiser.color(noise.normal(like.shape[0], tuple(like.shape[1:]), stream=stream + 1)).to(like)

        x = sampler.step(Context(denoiser, process, fresh), x, now, then)
        if not bool(torch.isfinite(x.sum())):
            raise InputError(
                f"the denoiser returned NaN or infinite values at step {step} (sigma = {now.noise:.4g}): check its input range"
            )
        yield State(step, then.t, x)


def sample(
    denoiser: Denoiser, sampler: Sampler, schedule: Schedule, steps: int | Grid, cases: int, *, seed: int = 0, first: int = 0
) -> Tensor:
    """Draws of x_0, (cases, *event): start, loop, last state, in batches of at most 1024 cases.

    ``steps`` is a number of steps on the schedule's own grid, or a Grid. Case i depends on (seed, first + i) only.
    """
    cases = checks.count(cases, "cases")
    grid = steps if isinstance(steps, Grid) else schedule.grid(steps)
    done = []
    for begin in range(0, cases, _CASES):
        noise = Noise(seed, first + begin)
        x = start(denoiser, schedule, float(grid.times[0]), noise, min(_CASES, cases - begin))
        for state in run(sampler, denoiser, schedule, grid, x, noise):
            x = state.x
        done.append(x)
    return torch.cat(done)
