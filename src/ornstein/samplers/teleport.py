"""Teleport: where the denoiser is still that of a Gaussian, its flow is known, and no call is spent on it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ornstein.common import checks, memory
from ornstein.common.errors import InputError
from ornstein.common.random import Noise
from ornstein.denoisers import Denoiser, Gaussian, Law
from ornstein.samplers.base import Context, Sampler, walk
from ornstein.samplers.exponential import Exponential, basis, deviation, flow
from ornstein.samplers.level import Level, levels
from ornstein.samplers.sampling import start
from ornstein.samplers.strata import fine
from ornstein.samplers.wrapper import Wrapper
from ornstein.schedules import Grid, Schedule

_FINE = 32
"""Steps of a pilot path: about a third of a natural logarithm each, over the four or five decades between noise and data."""
_REST = 4
"""Entries of a pilot path that a jump leaves at least: three steps, more than the method looks back over."""
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Teleport(Wrapper):
    """Steps above a noise level follow the flow of a Gaussian in closed form, without a denoiser call; the others are ``inner``'s.

        w_s = w_t sqrt((alpha_s^2 lambda + sigma_s^2) / (alpha_t^2 lambda + sigma_t^2))        while sigma_s / alpha_s >= level

    On the grid of ``landing`` one such step leads from pure noise to the level, and every call is spent below it. The bias that
    this leaves is what the denoiser differs from ``reference`` above the level; no number of steps removes it, so let
    ``teleport_level`` measure it. A level of inf never jumps but from alpha = 0.
    """

    inner: Sampler
    reference: Gaussian
    level: float

    def __post_init__(self) -> None:
        basis(self.reference)
        if not self.level > 0:
            raise InputError(f"level is {self.level}, but must be a noise level sigma / alpha above 0")

    @property
    def bound(self) -> bool:
        return True

    @property
    def deterministic(self) -> bool:
        return self.inner.deterministic

    def calls(self, steps: int) -> int:
        """Those of a run on a grid of ``landing``, whose first step is the jump."""
        return self.inner.calls(steps - 1) if steps > 1 else self.inner.calls(1)

    def step(self, context: Context, x: Tensor, now: Level, then: Level) -> Tensor:
        if min(now.noise, then.noise) >= self.level * (1 - _ROUNDING):
            return flow(self.reference, x, now, then)
        return self.inner.step(context, x, now, then)


def landing(grid: Grid) -> Grid:
    """The grid that starts at t = 1 and jumps to the first time of ``grid`` in one step."""
    first = float(grid.times[0])
    return grid if first == 1 else Grid(torch.cat([torch.ones(1, dtype=torch.float64), grid.times]))


def residual(
    denoiser: Denoiser, reference: Gaussian, schedule: Schedule, noise: Sequence[float] | Tensor, *, cases: int = 64, seed: int = 0
) -> Tensor:
    """rms of D - D_G at each noise level n, relative to the deviation of the reference, (level,).

    The x_n are exact draws where the denoiser is a ``Law`` (cost: ``cases`` calls a level); for any other denoiser those of pilot runs
    from t = 1 to the lowest level by ``Exponential`` on this grid and 32 further levels (cost: 32 ``cases``, and ``cases`` a level).
    ``noise`` must fall and lie below the schedule's end.
    """
    wanted = checks.tensor(noise, "noise", ndim=(1,))
    cases = memory.drawn(cases, "cases", math.prod(denoiser.event_shape))
    if not len(wanted) or bool((wanted.diff() >= 0).any()) or float(wanted[-1]) <= 0:
        raise InputError("noise must hold noise levels sigma / alpha above 0, from high to low")
    if isinstance(denoiser, Law):
        draws = [denoiser.draw(Noise(seed), cases, n) for n in wanted.tolist()]
    else:
        top = float(schedule.noise_level(1.0))
        between = torch.logspace(math.log10(_high(reference, top)), math.log10(float(wanted[-1])), _FINE, dtype=torch.float64)
        visited = _visited(schedule, torch.cat([wanted, between]))
        x = start(denoiser, schedule, 1.0, Noise(seed), cases)
        states = [state.x for state in walk(Exponential(reference), denoiser, schedule, visited, x, Noise(seed))]
        place = torch.tensor([level.noise for level in visited], dtype=torch.float64)
        found = [int((place / n - 1).abs().argmin()) for n in wanted.tolist()]
        draws = [states[i] / visited[i].alpha for i in found]
    rests = [denoiser(x, n).mean - reference(x, n).mean for x, n in zip(draws, wanted.tolist(), strict=True)]
    return torch.stack([r.to(torch.float64).square().mean().sqrt() for r in rests]) / deviation(reference)


def teleport_level(
    denoiser: Denoiser, reference: Gaussian, schedule: Schedule, *, tolerance: float = 0.005, cases: int = 512, seed: int = 0
) -> float:
    """The lowest noise level sigma / alpha to which a run may jump at a cost of ``tolerance``, or inf where there is none.

    The cost is the rms difference that the jump makes to x_0, relative to the deviation of the reference (its root mean variance).
    Along the flow

        u_k(jumped) - u_k = int r_k / (n sqrt(lambda_k + n^2)) dn        from the level to the start,

    which, were the rest of the way Gaussian, would move x_0 by sqrt(lambda_k) of it. That is the first guess, from one pilot run of 32
    steps. On a law of separate modes a small change of u may end in another mode, so the guess is tried, by runs from the jumped
    points, and raised until the measured difference keeps the tolerance. One case in 500 that changes its mode costs about 0.06, so
    fewer pilots see less than there is. Cost: at most 32 ``cases`` evaluations a run, and 2 to 8 runs.
    """
    checks.positive(tolerance, "tolerance")
    cases = memory.drawn(cases, "cases", math.prod(denoiser.event_shape))
    operator, scale = basis(reference), deviation(reference)
    high = _high(reference, float(schedule.noise_level(1.0)))
    visited = levels(schedule, fine(schedule, 1.0, high, 1e-3 * scale, _FINE))
    x = start(denoiser, schedule, 1.0, Noise(seed), cases)

    def cost(difference: Tensor) -> float:
        return float(difference.to(torch.float64).square().mean().sqrt()) / scale

    def guess(i: int, x_i: Tensor) -> float:
        """sqrt(lambda) (u - u of the path) at level i."""
        spread = (visited[i].alpha ** 2 * operator.eigenvalues + visited[i].sigma ** 2).sqrt()
        apart = (flow(reference, x, visited[0], visited[i]) - x_i).flatten(1).to(torch.float64)
        return cost(operator.apply(lambda lam: lam.sqrt() / spread, apart))

    too_far, end = len(visited) - _REST + 1, x
    for i, state in enumerate(walk(Exponential(reference), denoiser, schedule, visited, x, Noise(seed))):
        end = state.x
        if 0 < i < too_far and guess(i, end) > tolerance:
            too_far = i
    for i in range(too_far - 1, 0, -1):
        *_, last = walk(Exponential(reference), denoiser, schedule, visited[i:], flow(reference, x, visited[0], visited[i]), Noise(seed))
        if cost(last.x - end) <= tolerance:
            return visited[i].noise
    return math.inf


def _high(reference: Gaussian, top: float) -> float:
    """Where the widest mode is 100 times below the noise, or the schedule's end."""
    return min(top, 100 * math.sqrt(float(basis(reference).eigenvalues.max())))


def _visited(schedule: Schedule, noise: Tensor) -> list[Level]:
    """t = 1 and the times of these noise levels, each once, from noise to data."""
    times = schedule.time(noise).clamp_max(1)
    falling = torch.cat([torch.ones(1, dtype=torch.float64), times]).unique().flip(0)
    apart = torch.cat([torch.ones(1, dtype=torch.bool), -falling.diff() > _ROUNDING * falling[:-1]])
    return levels(schedule, Grid(falling[apart]))
