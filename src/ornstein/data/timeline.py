"""Records of samples at their own times: one signal with gaps, or several cases."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ornstein.common.errors import InputError, counted

_MOST_GAP = 10
"""Gaps are filled with NaN up to so many times the samples; beyond that runs of records are cases."""


@dataclass(frozen=True, eq=False)
class Placed:
    """values (case, channel, time), the start of each case in seconds, and the first sample of each run of records in its case.

    runs    (sample among all that were recorded, case, sample in the case) where each run of records begins
    """

    values: npt.NDArray[Any]
    starts: list[float]
    runs: list[tuple[int, int, int]]
    notes: tuple[str, ...] = ()

    def where(self, seconds: float, rate: float) -> tuple[int, float]:
        """(case, sample) of a moment."""
        case = max((k for k, start in enumerate(self.starts) if start <= seconds + 0.5 / rate), default=0)
        return case, round((seconds - self.starts[case]) * rate, 6)

    def of_sample(self, number: int) -> tuple[int, float]:
        """(case, sample) of the sample with this number among all that were recorded."""
        begin, case, first = [run for run in self.runs if run[0] <= number][-1]
        return case, float(first + number - begin)


def place(values: npt.NDArray[Any], size: int, rate: float | None, starts: list[float | None], gaps: bool, path: Path) -> Placed:
    """Records of ``size`` samples, side by side in ``values`` (channel, time), moved to their ``starts`` in seconds.

    Raises ``InputError`` where records overlap, and where gaps are told of but no times (``gaps``).
    """
    count = values.shape[1] // size
    known = [s for s in starts if s is not None]
    first = known[0] if known else 0.0
    if len(known) < count or rate is None:
        if gaps and count > 1:
            raise InputError(
                f"{path} is discontinuous (EDF+D), but does not say when each record starts: split it where it was interrupted"
            )
        return Placed(values[None], [first], [(0, 0, 0)])
    at = np.array(known) - first
    samples = np.round(at * rate).astype(np.int64)
    steps = np.diff(samples)
    if (steps < size).any():
        k = int(np.argmax(steps < size))
        raise InputError(
            f"data record {k + 2} of {path} starts {at[k + 1] - at[k]:g} s after the one before, "
            f"which lasts {size / rate:g} s: records overlap, so the times of one of them are wrong"
        )
    begins = [0, *(np.flatnonzero(steps > size) + 1).tolist()]
    if len(begins) == 1:
        return Placed(values[None], [first], [(0, 0, 0)])
    total = int(samples[-1]) + size
    shifted = " (times are rounded to samples)" if np.abs(at * rate - samples).max() > 0.01 else ""
    if total <= _MOST_GAP * values.shape[1]:
        out = np.full((1, values.shape[0], total), np.nan)
        for k, start in enumerate(samples):
            out[0, :, start : start + size] = values[:, k * size : (k + 1) * size]
        missing = (total - values.shape[1]) / rate
        note = f"{counted(len(begins) - 1, 'gap')} between records, {missing:g} s in all, filled with missing values{shifted}"
        return Placed(out, [first], [(b * size, 0, int(samples[b])) for b in begins], (note,))
    lengths = {(end - begin) * size for begin, end in zip(begins, [*begins[1:], count], strict=True)}
    if len(lengths) > 1:
        raise InputError(
            f"{path} consists of {len(begins)} parts of different lengths within {total / rate:g} s: split it where it was interrupted"
        )
    length = lengths.pop()
    cases = values.reshape(values.shape[0], len(begins), length).transpose(1, 0, 2)
    runs = [(b * size, case, 0) for case, b in enumerate(begins)]
    return Placed(cases, [first + float(at[b]) for b in begins], runs, (f"each of {len(begins)} parts between gaps is a case",))
