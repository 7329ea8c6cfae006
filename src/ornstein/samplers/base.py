"""The one sampling loop. A method supplies ``step``; grid, step, denoiser and randomness stay four separate things."""

from __future__ import annotations

import itertools
import math
import warnings
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import torch
from torch import Tensor

from ornstein.common.buffers import keep_freed
from ornstein.common.errors import InputError
from ornstein.common.random import Noise
from ornstein.denoisers import Denoiser
from ornstein.process import Process
from ornstein.samplers.brownian import BrownianPath
from ornstein.samplers.level import Level, level_at, levels
from ornstein.schedules import Grid, Schedule


class Source(Protocol):
    """The randomness of a run. Every array has the shape of x, unit variance, and is white before ``Denoiser.color``."""

    def increment(self, now: Level, then: Level) -> Tensor:
        """The Brownian path between two times of the grid, divided by its deviation, once each and in the order of the run: the same
        path on a grid and on those that halve its steps."""

    def fresh(self, step: int, use: int) -> Tensor:
        """Noise number ``use`` of a step that belongs to no path: churn, correctors, restarts."""


@dataclass(frozen=True)
class Past:
    """What a multistep method keeps of an earlier step: the time, and the denoised signal there."""

    at: Level
    clean: Tensor


@dataclass(frozen=True)
class Context:
    """What step number ``step`` may use: denoiser, process, the whole grid, the run's randomness, and what earlier steps left.

    ``past`` holds what the method put there itself, newest first; the loop only carries it from step to step.
    """

    denoiser: Denoiser
    process: Process
    levels: Sequence[Level]
    step: int
    source: Source
    past: deque[Past]

    def clean(self, x: Tensor, at: Level) -> Tensor:
        """E[x_0 | x_t = x]. At alpha = 0 nothing of the signal is left, and this is E[x_0]."""
        scaled = torch.zeros_like(x) if at.alpha == 0 else x if at.alpha == 1 else x / at.alpha
        mean = self.denoiser(scaled, at.noise).mean
        if mean.shape != x.shape or mean.dtype != x.dtype or mean.device != x.device:
            raise InputError(
                f"the denoiser returned {_kind(mean)} for {_kind(x)} at step {self.step} (sigma = {at.noise:.4g}): "
                "a denoised signal has the shape, type and device of its input"
            )
        return mean

    def at(self, t: float) -> Level:
        """A time between those of the grid."""
        return level_at(self.process.schedule, t)

    def increment(self, now: Level, then: Level) -> Tensor:
        """The normalised Brownian increment from ``now`` to ``then``, with the covariance of the forward noise."""
        return self.denoiser.color(self.source.increment(now, then))

    def fresh(self, use: int = 0) -> Tensor:
        """Noise of this step alone, number ``use`` of it, with the covariance of the forward noise."""
        return self.denoiser.color(self.source.fresh(self.step, use))


class Sampler(ABC):
    """One step of a method, from time t (``now``) to a neighbouring time of the grid (``then``).

    order          the power of the step that the error falls with
    memory         how many earlier steps it looks back to; before they exist, its order is lower
    deterministic  whether the steps follow the probability-flow ODE, without noise: only then can a run go backwards
    bound          whether the method holds arrays in the coordinates of the signals, which the loop must then not change
    """

    @property
    def order(self) -> int:
        return 1

    @property
    def memory(self) -> int:
        return 0

    @property
    def bound(self) -> bool:
        return False

    @property
    def deterministic(self) -> bool:
        return True

    @abstractmethod
    def step(self, context: Context, x: Tensor, now: Level, then: Level) -> Tensor:
        """x_t (case, *event) -> x at ``then``. Called with sigma > 0 at ``now``."""

    def leave(self, context: Context, x: Tensor, now: Level, then: Level) -> Tensor:
        """The first step of a run from data to noise, where sigma = 0 at ``now``.

        The flow is at rest there in data scale (eps = -sigma score = 0): x_s = alpha_s x_0, an error of order sigma_s^2.
        """
        return x * (then.alpha / now.alpha)

    def calls(self, steps: int) -> int:
        """How many times a run of ``steps`` steps to sigma = 0 calls the denoiser."""
        return steps


@dataclass(frozen=True)
class State:
    """Where a run is: after ``step`` steps, x = x_t (case, *event) at time t."""

    step: int
    t: float
    x: Tensor


class Keyed:
    """The production source: noise keyed by case, its Brownian path on the grid of the run."""

    def __init__(self, noise: Noise, visited: Sequence[Level], like: Tensor) -> None:
        self.noise, self.cases, self.shape = noise, like.shape[0], tuple(like.shape[1:])
        self.like, self.visited = like[:0], visited
        # lower types hold too few figures for log and cos
        self.dtype = torch.promote_types(like.dtype, torch.float32)

    @cached_property
    def path(self) -> BrownianPath:
        """Laid out when the first increment is asked for: a deterministic run never does."""
        return BrownianPath(self.noise, self.cases, self.shape, self.visited, self.dtype)

    def increment(self, now: Level, then: Level) -> Tensor:
        return self.path.increment(now, then).to(self.like)

    def fresh(self, step: int, use: int) -> Tensor:
        return self.noise.normal(self.cases, self.shape, stream=(use << 24) + step + 1, dtype=self.dtype).to(self.like)


def run(sampler: Sampler, denoiser: Denoiser, schedule: Schedule, grid: Grid, x: Tensor, noise: Noise | Source) -> Iterator[State]:
    """The loop as a generator: yields the start and the state after every step; x_0 is the x of the last.

    ``x`` (case, *event) is x_t at the first time of the grid. Progress bars, plots and early stops belong to the caller.
    Warns once where the grid has fewer steps than the order needs: the first steps of a multistep method have lower order.
    """
    yield from walk(sampler, denoiser, schedule, levels(schedule, grid), x, noise)


def walk(
    sampler: Sampler, denoiser: Denoiser, schedule: Schedule, visited: Sequence[Level], x: Tensor, noise: Noise | Source
) -> Iterator[State]:
    """The loop over any list of neighbouring times, in either direction.

    On a CPU the process keeps up to 1 GiB of what it frees from here on (``buffers.keep_freed``): every step asks for the same arrays.
    """
    if x.device.type == "cpu":
        keep_freed()
    process, past = Process(schedule), deque[Past](maxlen=max(sampler.memory, 1))
    source = Keyed(noise, visited, x) if isinstance(noise, Noise) else noise
    if sampler.memory > len(visited) - 2:
        warnings.warn(
            f"{len(visited) - 1} steps leave no {sampler.memory} to look back to, so {sampler} runs at a lower order than {sampler.order}",
            stacklevel=3,
        )
    yield State(0, visited[0].t, x)
    sums = []
    for step, (now, then) in enumerate(itertools.pairwise(visited), start=1):
        context = Context(denoiser, process, visited, step, source, past)
        x = sampler.leave(context, x, now, then) if now.sigma == 0 else sampler.step(context, x, now, then)
        sums.append((step, now, x.detach().sum()))
        if x.device.type == "cpu":
            _finite(sums)
            sums.clear()
        yield State(step, then.t, x)
    _finite(sums)


def _finite(sums: list[tuple[int, Level, Tensor]]) -> None:
    """Refuses NaN with the step it came from. Off the CPU the sums wait on their device, so that no step waits for a copy."""
    totals = [float(sums[0][2])] if len(sums) == 1 else torch.stack([total for _, _, total in sums]).tolist() if sums else []
    for (step, now, _), total in zip(sums, totals, strict=True):
        if not math.isfinite(total):
            raise InputError(
                f"the denoiser returned NaN or infinite values at step {step} (sigma = {now.noise:.4g}): check its input range"
            )


def blend(a: float, x: Tensor, b: float, y: Tensor) -> Tensor:
    """a x + b y in two passes over memory."""
    return torch.add(x * a, y, alpha=b)


def _kind(x: Tensor) -> str:
    return f"shape {tuple(x.shape)} in {str(x.dtype).removeprefix('torch.')} on {x.device}"
