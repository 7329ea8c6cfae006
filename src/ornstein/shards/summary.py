"""What is kept of a column of any length: count, mean, deviation, quantiles and the least cases, merged exactly.

Quantiles are those of a sketch with relative error (Masson, Rim & Lee 2019, DDSketch): a value v falls into the bin

    sign(v) ceil(log |v| / log gamma),      gamma = (1 + e) / (1 - e),

whose middle is off by at most e |v|. Counts of bins add up, so the order of merging changes nothing.
"""

from __future__ import annotations

import heapq
import math
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ornstein.common import checks
from ornstein.common.errors import InputError

ERROR = 0.001
"""Relative error of a quantile."""
_LOG_GAMMA = math.log((1 + ERROR) / (1 - ERROR))
_SMALLEST = 1e-300
_ZERO = math.ceil(math.log(_SMALLEST) / _LOG_GAMMA)
"""The bin of all that is no larger than that."""

Place = tuple[float, str, int]
"""A value, the file it is of, and its row there."""


@dataclass
class Summary:
    """Of all finite values that were added; ``infinite`` counts the others (log-densities outside the support).

    top    how many of the least values are kept, with their places
    """

    top: int = 10
    count: int = 0
    infinite: int = 0
    mean: float = 0.0
    squares: float = 0.0
    bins: Counter[tuple[int, int]] = field(default_factory=Counter)
    least: list[Place] = field(default_factory=list)

    def add(self, values: np.ndarray[Any, Any], file: str, offset: int) -> None:
        """Take in values of ``file`` from row ``offset`` on."""
        finite = values[np.isfinite(values)].astype(np.float64)
        part = Summary(self.top, len(finite), len(values) - len(finite))
        if len(finite):
            part.mean = float(finite.mean())
            part.squares = float(np.square(finite - part.mean).sum())
            for sign, some in ((1, finite[finite > _SMALLEST]), (-1, -finite[finite < -_SMALLEST])):
                part.bins.update(_counted(sign, some))
            part.bins.update({(0, _ZERO): part.count - sum(part.bins.values())})
        part.least = [(float(values[i]), file, offset + int(i)) for i in _smallest(values, self.top)]
        self.merge(part)

    def merge(self, other: Summary) -> None:
        """Take in what another summary holds (Chan, Golub & LeVeque 1979 for mean and squares)."""
        total = self.count + other.count
        if other.count:
            apart = other.mean - self.mean
            self.mean += apart * other.count / total
            self.squares += other.squares + apart**2 * self.count * other.count / total
        self.count, self.infinite = total, self.infinite + other.infinite
        self.bins.update(other.bins)
        self.least = heapq.nsmallest(self.top, [*self.least, *other.least])

    @property
    def deviation(self) -> float:
        """Standard deviation of the finite values; NaN below two."""
        return math.sqrt(self.squares / (self.count - 1)) if self.count > 1 else math.nan

    def quantile(self, level: float) -> float:
        """The finite value with a share ``level`` below it, to a relative error of ``ERROR``."""
        if not 0 <= checks.real(level, "level") <= 1:
            raise InputError(f"level is {level:g}, but must lie in [0, 1]")
        if not self.count:
            raise InputError("no finite value was added, so there is no quantile: give cases inside the support of the law")
        wanted, seen = level * (self.count - 1), 0
        for sign, size in sorted(self.bins, key=lambda bin_: bin_[0] * (bin_[1] + 1e6)):
            seen += self.bins[sign, size]
            if seen > wanted:
                break
        return sign * 2 * math.exp(size * _LOG_GAMMA) / (math.exp(_LOG_GAMMA) + 1)

    def described(self) -> dict[str, Any]:
        """All of it in plain numbers."""
        levels = {f"{level:g}": self.quantile(level) for level in (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)} if self.count else {}
        least = [{"value": value if math.isfinite(value) else None, "file": file, "offset": row} for value, file, row in self.least]
        spread = self.deviation if self.count > 1 else None
        return {"count": self.count, "infinite": self.infinite, "mean": self.mean, "deviation": spread, "quantiles": levels, "least": least}


def _counted(sign: int, sizes: np.ndarray[Any, Any]) -> dict[tuple[int, int], int]:
    """How many positive numbers fall into each bin."""
    if not len(sizes):
        return {}
    bins = np.ceil(np.log(sizes) / _LOG_GAMMA).astype(np.int64)
    first = int(bins.min())
    counts = np.bincount(bins - first)
    return {(sign, first + int(k)): int(counts[k]) for k in np.flatnonzero(counts)}


def _smallest(values: np.ndarray[Any, Any], top: int) -> np.ndarray[Any, Any]:
    """Where the ``top`` least values are, the earlier of equal ones first."""
    if top < len(values):
        below = np.flatnonzero(values <= np.partition(values, max(top - 1, 0))[max(top - 1, 0)])
        return below[np.argsort(values[below], kind="stable")][:top]
    return np.argsort(values, kind="stable")
