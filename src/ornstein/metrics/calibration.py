"""Whether draws are as uncertain as they should be: coverage of bands, and scores that reward honest uncertainty."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ornstein.common import checks
from ornstein.common.errors import InputError
from ornstein.common.random import Noise
from ornstein.metrics.means import mean_with_error

LEVELS = (0.5, 0.8, 0.9, 0.95)


@dataclass(frozen=True)
class Coverage:
    """How often the central band of a nominal ``level`` held the truth: share ``value`` with standard ``error``."""

    level: float
    value: float
    error: float

    @property
    def z(self) -> float:
        """(value - level) / error: standard normal, roughly, where the bands are right."""
        return (self.value - self.level) / self.error


def band(draws: Tensor, level: float) -> tuple[Tensor, Tensor]:
    """Lower and upper end of the central band from draws (draw, ...), each (...).

    The ends are the sorted draws at positions (m + 1)(1 -+ level) / 2, interpolated (type 6 of Hyndman and Fan 1996): one more
    draw of the same law falls between them with probability ``level``, whatever the law, for m >= 2 / (1 - level) - 1 draws.
    """
    if not 0 < checks.real(level, "level") < 1:
        raise InputError(f"level is {level:g}, but must lie between 0 and 1, such as 0.9")
    x = draws.sort(0).values
    m = len(x)
    ends = []
    for p in ((1 - level) / 2, (1 + level) / 2):
        place = min(max((m + 1) * p - 1, 0.0), m - 1.0)
        low = int(place)
        ends.append(torch.lerp(x[low], x[min(low + 1, m - 1)], place - low))
    return ends[0], ends[1]


def coverage(draws: object, truth: object, levels: Sequence[float] = LEVELS, *, lag: int = 0) -> tuple[Coverage, ...]:
    """Coverage of the truth (case, entry) by the central bands of draws (draw, case, entry), at each level.

    Entries of one case depend on each other, so the error is that of the per-case shares (``mean_with_error`` with ``lag``);
    it is kept at or above the binomial error sqrt(level (1 - level) / number of entries), which a handful of cases that
    happen to agree would undercut.
    """
    x, y = _pair(draws, truth)
    found = []
    for level in levels:
        low, high = band(x, level)
        share = ((y >= low) & (y <= high)).to(torch.float64).flatten(1).mean(1)
        measured = mean_with_error(share, lag)
        binomial = math.sqrt(level * (1 - level) / y.numel())
        found.append(Coverage(level, measured.value, max(measured.error, binomial)))
    return tuple(found)


def crps(draws: object, truth: object) -> Tensor:
    """The continuous ranked probability score of draws (draw, ...) for the truth (...), in the unit of the data; lower is better.

        CRPS = E|X - y| - 1/2 E|X - X'|      (Gneiting and Raftery 2007, eq. 21; the fair version, unbiased for m draws)

    For one draw it is the absolute error. Cost: a sort of the draws.
    """
    x, y = _pair(draws, truth)
    m = len(x)
    error = (x - y).abs().mean(0)
    if m == 1:
        return error
    weight = 2 * torch.arange(m, dtype=x.dtype) - (m - 1)
    spread: Tensor = torch.tensordot(weight, x.sort(0).values, 1) / (m * (m - 1))
    return error - spread


def energy_score(draws: object, truth: object) -> Tensor:
    """The energy score of draws (draw, case, *event) for the truth (case, *event), one number a case; lower is better.

        ES = E|X - y| - 1/2 E|X - X'|      (same paper, eq. 22; Euclidean norm of whole signals, the fair version)

    Cost: pairs of draws.
    """
    x, y = _pair(draws, truth)
    a, b = x.flatten(2).transpose(0, 1), y.flatten(1)
    error = (a - b.unsqueeze(1)).norm(dim=-1).mean(1)
    m = len(x)
    if m > 1:
        error = error - 0.5 * torch.cdist(a, a).sum((1, 2)) / (m * (m - 1))
    return torch.as_tensor(error)


def interval_score(low: Tensor, high: Tensor, truth: Tensor, level: float) -> Tensor:
    """Width of a band plus 2 / (1 - level) times how far the truth is outside it; lower is better (same paper, eq. 43)."""
    miss = (low - truth).clamp_min(0) + (truth - high).clamp_min(0)
    return (high - low) + 2 / (1 - level) * miss


def pit(draws: object, truth: object, *, seed: int = 0) -> Tensor:
    """The randomised probability integral transform, (...): uniform on (0, 1) where truth and draws share one law.

    u = (number of draws below the truth + V (ties + 1)) / (m + 1) with V uniform, seeded.
    """
    x, y = _pair(draws, truth)
    below, ties = (x < y).sum(0), (x == y).sum(0)
    v = Noise(seed).uniform(1, tuple(y.shape))[0]
    return (below + v * (ties + 1)) / (len(x) + 1)


def rank_histogram(u: Tensor, bins: int = 10) -> Tensor:
    """Density of PIT values in equal bins, (bins,): 1 everywhere if calibrated, a U if the draws are too narrow."""
    bins = checks.count(bins, "bins")
    counts = torch.bincount((u.flatten() * bins).long().clamp(0, bins - 1), minlength=bins)
    return counts.to(torch.float64) * bins / max(u.numel(), 1)


def _pair(draws: object, truth: object) -> tuple[Tensor, Tensor]:
    x, y = checks.tensor(draws, "draws"), checks.tensor(truth, "truth")
    if x.ndim < 1 or tuple(x.shape[1:]) != tuple(y.shape) or not x.numel():
        raise InputError(f"draws has shape {tuple(x.shape)} and truth {tuple(y.shape)}, but draws must be (draw, *shape of truth)")
    return x, y
