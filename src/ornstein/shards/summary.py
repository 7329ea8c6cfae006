"""What is kept of a column of any length: count, mean, deviation, quantiles and the least cases, merged exactly.

Quantiles are those of a sketch with relative error (Masson, Rim & Lee 2019, DDSketch), whose bins are the sign, the exponent and the
first nine binary digits of a number as a processor holds it, so that no logarithm is taken (the sketch's linear interpolation of it):

    |v| in [2^e (1 + k / 512), 2^e (1 + (k + 1) / 512)),

and the middle of a bin is off by at most |v| / 1024. Counts of bins add up, so the order of merging changes nothing.
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

DIGITS = 9
"""Binary digits of a bin after the first."""
ERROR = 0.5**DIGITS / 2
"""Relative error of a quantile."""
_DROPPED = 52 - DIGITS
"""Digits of a float64 that a bin does not hold."""

_NARROW = 1 << 14
"""Bins between the least and the largest of some values up to which all of them are counted in one row."""

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
    bins: Counter[int] = field(default_factory=Counter)
    least: list[Place] = field(default_factory=list)

    def add(self, values: np.ndarray[Any, Any], file: str, offset: int) -> None:
        """Take in values of ``file`` from row ``offset`` on."""
        finite = values.astype(np.float64, copy=False)
        if not math.isfinite(finite.sum()):
            finite = finite[np.isfinite(finite)]
        mean = float(finite.mean()) if len(finite) else 0.0
        part = Summary(self.top, len(finite), len(values) - len(finite), mean)
        if len(finite):
            apart = finite - mean
            part.squares, part.bins = float(apart @ apart), _counted(finite)
        if len(self.least) < self.top or (self.least and len(values) and values.min() < self.least[-1][0]):
            part.least = [(float(values[i]), file, offset + int(i)) for i in _smallest(values, self.top)]
        self.merge(part)

    def merge(self, other: Summary) -> None:
        """Take in what another summary holds (Chan, Golub & LeVeque 1979 for mean and squares)."""
        total = self.count + other.count
        if other.count:
            apart = other.mean - self.mean
            self.mean += apart * other.count / total
            self.squares += other.squares + apart * apart * self.count * other.count / total
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
        for bin_ in sorted(self.bins, key=_middle):
            seen += self.bins[bin_]
            if seen > wanted:
                break
        return _middle(bin_)

    def described(self) -> dict[str, Any]:
        """All of it in plain numbers."""
        levels = {f"{level:g}": self.quantile(level) for level in (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)} if self.count else {}
        least = [{"value": value if math.isfinite(value) else None, "file": file, "offset": row} for value, file, row in self.least]
        spread = self.deviation if self.count > 1 else None
        return {"count": self.count, "infinite": self.infinite, "mean": self.mean, "deviation": spread, "quantiles": levels, "least": least}


def _counted(values: np.ndarray[Any, Any]) -> Counter[int]:
    """How many finite numbers fall into each bin."""
    bins = np.ascontiguousarray(values).view(np.int64) >> _DROPPED
    first = int(bins.min())
    if int(bins.max()) - first < _NARROW:
        counts = np.bincount(bins - first)
        held = np.flatnonzero(counts)
        return Counter(dict(zip((held + first).tolist(), counts[held].tolist(), strict=True)))
    held, counts = np.unique(bins, return_counts=True)
    return Counter(dict(zip(held.tolist(), counts.tolist(), strict=True)))


def _middle(bin_: int) -> float:
    """The number in the middle of a bin; 0 of those that hold 0."""
    ends = np.array([bin_ << _DROPPED, (bin_ + 1 << _DROPPED) - 1]).view(np.float64)
    return 0.0 if 0.0 in ends else float(ends[0] / 2 + ends[1] / 2)


def _smallest(values: np.ndarray[Any, Any], top: int) -> np.ndarray[Any, Any]:
    """Where the ``top`` least values are, the earlier of equal ones first."""
    if top < len(values):
        below = np.flatnonzero(values <= np.partition(values, max(top - 1, 0))[max(top - 1, 0)])
        return below[np.argsort(values[below], kind="stable")][:top]
    return np.argsort(values, kind="stable")
