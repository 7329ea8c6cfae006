"""A time of the grid as plain numbers, so that no step waits for a device."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from ornstein.schedules import Grid, Schedule


@dataclass(frozen=True)
class Level:
    """One time: alpha_t, sigma_t and their derivatives in t."""

    t: float
    alpha: float
    sigma: float
    alpha_rate: float
    sigma_rate: float

    @cached_property
    def noise(self) -> float:
        """sigma_t / alpha_t, the noise in data scale; inf where alpha = 0."""
        return self.sigma / self.alpha if self.alpha else math.inf

    @cached_property
    def half(self) -> float:
        """log (alpha_t / sigma_t), half the log-SNR: -inf where alpha = 0, inf where sigma = 0."""
        return -math.log(self.noise) if self.noise else math.inf


def levels(schedule: Schedule, grid: Grid) -> list[Level]:
    """The schedule on the grid, moved to plain numbers once."""
    return _levels(schedule, grid.times)


def level_at(schedule: Schedule, t: float) -> Level:
    """The schedule at one time."""
    return _levels(schedule, torch.tensor([t], dtype=torch.float64))[0]


def _levels(schedule: Schedule, t: Tensor) -> list[Level]:
    rates = [torch.where(t > 0, r, torch.zeros_like(r)) for r in schedule.rates(t.clamp_min(1e-300))]
    columns = [c.tolist() for c in (t, schedule.alpha(t), schedule.sigma(t), *rates)]
    return [Level(*row) for row in zip(*columns, strict=True)]


def fresh_share(now: Level, then: Level) -> float:
    """1 - snr_t / snr_s for a step to more signal: the share of the noise at ``now`` that came after ``then``."""
    ratio = then.noise / now.noise if then.noise != now.noise else 1.0
    return (1 - ratio) * (1 + ratio)


def bridge(now: Level, then: Level) -> tuple[float, float, float]:
    """(noisy, clean, deviation) of q(x_s | x_t, x_0) = N(noisy x_t + clean x_0, deviation^2): ``Process.bridge`` in plain numbers."""
    fresh = fresh_share(now, then)
    return now.alpha / then.alpha * (then.sigma / now.sigma) ** 2, then.alpha * fresh, then.sigma * math.sqrt(fresh)
