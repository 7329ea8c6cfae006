"""Schedules: how much signal and how much noise there is at time t.

    x_t = alpha_t x_0 + sigma_t z,      t in [0, 1],  t = 0 is data, t = 1 is noise

A schedule is two smooth functions and an inverse; everything else (log-SNR, noise in data scale, rates, grids) follows from
them. All of it is float64. ``Grid`` is the finite list of times that a sampler visits, from noise to data.
"""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from ornstein.common import checks
from ornstein.common.errors import InputError

Time = float | Tensor

MOST_STEPS = 1_000_000
"""Steps of a grid: the numbers of each are held, about 400 bytes, and no use for as many is known."""


def whole(steps: object, name: str = "steps") -> int:
    """A number of steps that a grid can have. Raises ``InputError`` for any other, before there is a grid."""
    count = checks.count(steps, name)
    if count > MOST_STEPS:
        raise InputError(
            f"{name} is {count}, but a grid has at most {MOST_STEPS}: a step calls the denoiser, so that many take "
            f"{count / 3.6e6:.3g} hours at a millisecond each; 20 to 1000 serve nearly every purpose"
        )
    return count


def as_time(t: Time) -> Tensor:
    """t as float64, checked to lie in [0, 1]."""
    time = torch.as_tensor(t, dtype=torch.float64)
    if bool(((time < 0) | (time > 1) | torch.isnan(time)).any()):
        raise InputError(f"t is {t}, but time runs from 0 (data) to 1 (noise)")
    return time


class Schedule(ABC):
    """t -> (alpha_t, sigma_t). ``alpha`` and ``sigma`` accept a number or a tensor and return a tensor of its shape."""

    @abstractmethod
    def alpha(self, t: Time) -> Tensor:
        """The weight of the signal, 1 at t = 0."""

    @abstractmethod
    def sigma(self, t: Time) -> Tensor:
        """The weight of the noise, 0 at t = 0."""

    @abstractmethod
    def time(self, noise: Time) -> Tensor:
        """The time at which sigma_t / alpha_t equals ``noise``: the inverse of ``noise_level``, on [0, noise_level(1)]."""

    @abstractmethod
    def rates(self, t: Time) -> tuple[Tensor, Tensor]:
        """(d alpha / dt, d sigma / dt) for t > 0."""

    def noise_level(self, t: Time) -> Tensor:
        """sigma_t / alpha_t, the noise in data scale that a denoiser sees; inf where alpha_t = 0."""
        return self.sigma(t) / self.alpha(t)

    def log_snr(self, t: Time) -> Tensor:
        """log (alpha_t^2 / sigma_t^2): inf at t = 0, and -inf where alpha_t = 0."""
        return -2 * self.noise_level(t).log()

    def time_of_log_snr(self, log_snr: Time) -> Tensor:
        """The time with this log-SNR: the inverse of ``log_snr``."""
        return self.time(torch.exp(-0.5 * torch.as_tensor(log_snr, dtype=torch.float64)))

    def grid(self, steps: int) -> Grid:
        """The schedule's own grid of ``steps`` steps from t = 1 to t = 0."""
        return Grid(torch.linspace(1, 0, whole(steps) + 1, dtype=torch.float64))


@dataclass(frozen=True, eq=False)
class Grid:
    """The decreasing times that a sampler visits, noise first.

    ``previous(t_i)`` is the very number t_{i+1} of the list, found by comparison and not by arithmetic on steps.
    Raises ``InputError`` unless the times fall strictly within [0, 1].
    """

    times: Tensor

    def __post_init__(self) -> None:
        times = checks.tensor(self.times, "times", ndim=(1,))
        if len(times) < 2:
            raise InputError(f"times has {len(times)} entries, but a grid needs at least a start and an end")
        whole(len(times) - 1)
        if float(times.max()) > 1 or float(times.min()) < 0:
            raise InputError(f"times runs from {float(times[0]):g} to {float(times[-1]):g}, but must lie in [0, 1]")
        rising = (times.diff() >= 0).nonzero()[:, 0]
        if len(rising):
            raise InputError(f"times must decrease from noise to data, but does not after entry {int(rising[0])}")
        object.__setattr__(self, "times", times)

    def __len__(self) -> int:
        """The number of steps."""
        return len(self.times) - 1

    def __iter__(self) -> Iterator[tuple[float, float]]:
        """The steps (t, s), each from noise towards data."""
        times = self.times.tolist()
        return itertools.pairwise(times)

    def previous(self, t: float) -> float:
        """The next time towards data after ``t``, which must be one of the list."""
        here = (self.times[:-1] == t).nonzero()[:, 0]
        if not len(here):
            raise InputError(f"t is {t!r}, but must be one of the grid's times before its end")
        return float(self.times[int(here[0]) + 1])
