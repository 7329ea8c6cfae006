"""Whole runs: from noise to samples in batches, and from data to noise."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ornstein.common import checks, memory
from ornstein.common.errors import InputError
from ornstein.common.random import Noise
from ornstein.denoisers import Colored, Denoiser, Gaussian, Law
from ornstein.samplers.base import Keyed, Sampler, State, walk
from ornstein.samplers.devices import brought, run_device
from ornstein.samplers.frame import TILE, Frame, Turned
from ornstein.samplers.level import levels
from ornstein.schedules import Grid, Schedule

BATCH = 1024
"""Cases that run through the loop together: memory stays at a few times 1024 signals, whatever n."""

Steps = int | Grid | list[float] | tuple[float, ...] | Tensor | npt.NDArray[np.floating]


def grid_of(schedule: Schedule, steps: Steps) -> Grid:
    """A number of steps on the schedule's own grid, a Grid, or the times themselves."""
    if isinstance(steps, Grid):
        return steps
    if isinstance(steps, list | tuple | Tensor | np.ndarray):
        return Grid(checks.tensor(steps, "steps", ndim=(1,)))
    return schedule.grid(steps)


def to_data(grid: Grid) -> Grid:
    """The grid, if it ends at t = 0: what a run is at any other time is no signal. Raises ``InputError`` otherwise."""
    last = float(grid.times[-1])
    if last > 0:
        raise InputError(
            f"steps ends at t = {last:g}, where signals still hold noise, but samples are signals at t = 0: add 0.0 at the end of the times"
        )
    return grid


def start(denoiser: Denoiser, schedule: Schedule, t: float, noise: Noise, cases: int, reference: Gaussian | None = None) -> Tensor:
    """Draws of x_t at the start of a run: exact where the law is known, noise alone where it is not.

    For a denoiser that does not know its law, ``reference`` N(mu, Sigma) starts it from N(alpha_t mu, alpha_t^2 Sigma + sigma_t^2 I).
    """
    alpha, sigma = float(schedule.alpha(t)), float(schedule.sigma(t))
    law = denoiser.inner if isinstance(denoiser, Colored) else denoiser
    if reference is not None and not isinstance(law, Law) and alpha > 0:
        return alpha * denoiser.color(reference.draw(noise, cases, sigma / alpha))
    if isinstance(law, Law) and alpha > 0:
        return alpha * denoiser.color(law.draw(noise, cases, sigma / alpha))
    batch = law.batch_shape if isinstance(law, Law) else ()
    return sigma * denoiser.color(noise.normal(cases, (*batch, *denoiser.event_shape)))


def sample(
    denoiser: Denoiser,
    sampler: Sampler,
    schedule: Schedule,
    steps: Steps,
    cases: int,
    *,
    seed: int = 0,
    first: int = 0,
    batch: int = BATCH,
    dtype: torch.dtype = torch.float64,
    reference: Gaussian | None = None,
    device: torch.device | str | None = None,
) -> Tensor:
    """Draws of x_0, (cases, *event): start, loop, last state, ``batch`` cases at a time.

    ``steps`` is a number of steps on the schedule's own grid, a Grid, or its times. ``reference`` is a Gaussian of the signals, from
    which a denoiser that does not know its law may start at any time. Case i depends on (seed, first + i) only: for an analytic law
    in float64 bit for bit, whatever the batch; otherwise to the rounding of the denoiser. ``device`` is where the denoiser is, and
    with it noise, states and samples; no step waits for a copy to another one. Raises ``InputError`` where the denoiser is elsewhere,
    for times that do not end at 0, and for more cases than this machine can hold.
    """
    options = {"seed": seed, "first": first, "batch": batch}
    memory.drawn(cases, "cases", math.prod(denoiser.event_shape), first=first, size=dtype.itemsize)
    parts = batches(denoiser, sampler, schedule, steps, cases, **options, dtype=dtype, reference=reference, device=device)
    return torch.cat(list(parts))


@torch.no_grad()
def batches(
    denoiser: Denoiser,
    sampler: Sampler,
    schedule: Schedule,
    steps: Steps,
    cases: int,
    *,
    seed: int = 0,
    first: int = 0,
    batch: int = BATCH,
    dtype: torch.dtype = torch.float64,
    reference: Gaussian | None = None,
    device: torch.device | str | None = None,
) -> Iterator[Tensor]:
    """The samples of ``sample`` as they are finished, batch after batch: for progress, or for more than fits in memory."""
    cases, batch = memory.drawn(cases, "cases", 0, first=first), checks.count(batch, "batch")
    grid = to_data(grid_of(schedule, steps))
    place = run_device(denoiser, device)
    sampler, reference = brought(sampler, place), brought(reference, place)
    visited, frame = levels(schedule, grid), Frame.of(denoiser, sampler)
    for begin, end, wanted in _plan(denoiser, cases, first, batch, dtype, frame is not None):
        noise = Noise(seed, begin, device=place)
        if frame is None:
            x = start(denoiser, schedule, visited[0].t, noise, end - begin, reference).to(dtype)
            yield _last(walk(sampler, denoiser.of_cases(begin, end), schedule, visited, x, noise))[wanted]
        else:
            x = frame.start(schedule, visited[0].t, noise, end - begin).to(dtype)
            turned = Turned(Keyed(noise, visited, torch.empty(end - begin, *frame.signal, dtype=dtype, device=place)), frame)
            yield frame.out(_last(walk(sampler, frame.denoiser, schedule, visited, x, turned)))[wanted]


@torch.no_grad()
def encode(denoiser: Denoiser, x_0: Tensor, sampler: Sampler, schedule: Schedule, steps: Steps) -> Tensor:
    """The noise that a deterministic sampler takes to x_0: the probability flow from data to the first time of the grid.

    x_0 (case, *event) -> x_T; a run from x_T on the same grid comes back to x_0, up to the error of both. Raises ``InputError``
    for a sampler with noise. On a grid that ends above 0, x_0 is taken for a signal without noise of its last level.
    """
    if not sampler.deterministic:
        raise InputError(
            f"sampler is {sampler}, but only a deterministic one can run from data to noise: use DDIM, Heun or another ODE method"
        )
    visited = levels(schedule, grid_of(schedule, steps))[::-1]
    return _last(walk(sampler, denoiser, schedule, visited, visited[0].alpha * x_0, Noise()))


def _last(states: Iterator[State]) -> Tensor:
    """The x of the last state."""
    return deque(states, maxlen=1)[0].x


def _plan(denoiser: Denoiser, cases: int, first: int, batch: int, dtype: torch.dtype, framed: bool) -> Iterator[tuple[int, int, slice]]:
    """(first case, one past the last, the rows that were asked for) of every batch."""
    law = denoiser.inner if isinstance(denoiser, Colored) else denoiser
    last = first + cases
    if dtype == torch.float64 and isinstance(law, Law) and not law.batch_shape:
        rows = TILE * -(-batch // TILE) if framed else TILE
        for begin in range(first - first % TILE, last, rows):
            end = min(begin + rows, begin + TILE * -(-(last - begin) // TILE))
            yield begin, end, slice(max(first - begin, 0), min(last, end) - begin)
    else:
        for begin in range(first, last, batch):
            yield begin, min(begin + batch, last), slice(None)
