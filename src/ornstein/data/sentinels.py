"""Numbers that mark missing values: -999 far from everything else, 0 where hardly any other number repeats."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor

from ornstein.common.signals import Signals

MARKS = (*(sign * (10.0**n - 1) for n in (2, 3, 4, 5, 6) for sign in (-1, 1)), -32768.0, 1e20, -1e20, 1e30, -1e30, 1e35, 1e36)
"""Numbers that programs write where a value is missing."""

_FAR = 10.0
"""A mark is further from the nearest other value than so many times the range of all others."""
_ZEROS, _SHARE, _OFTEN = 10, 0.01, 20.0
"""Zeros mark what is missing if there are at least so many, as there are other values, that share of all values, and so many times as
many as of any other value."""
_LOOKED = 1 << 22
"""Values of a channel that are looked at."""


def warn_of_marks(x: Signals, where: Path | str) -> Signals:
    """The same signals, with a ``UserWarning`` and a note for each channel that holds such numbers; nothing is changed, they may be
    values."""
    notes = marks(x.values.numpy(), x.channels)
    for sentence in notes:
        warnings.warn(f"{where}: {sentence}", UserWarning, stacklevel=3)
    return replace(x, notes=(*x.notes, *notes)) if notes else x


def warn_unread(x: object, values: Tensor) -> None:
    """The same warning for the values (case, *event) of an array, or of ``Signals`` without a note: what a reader noted, it looked at."""
    if (isinstance(x, Signals) and x.notes) or values.ndim not in (2, 3):
        return
    array = values.numpy() if values.ndim == 3 else values.numpy()[:, None]
    for sentence in marks(array, x.channels if isinstance(x, Signals) else ("x",) if values.ndim == 2 else ()):
        warnings.warn(sentence, UserWarning, stacklevel=4)


def marks(values: npt.NDArray[Any], channels: Sequence[str]) -> list[str]:
    """A sentence on every channel of values (case, channel, time) that holds numbers which look like marks."""
    notes = []
    for k in range(values.shape[1]):
        some = values[:, k, :: max(1, values[:, k].size // _LOOKED)]
        seen = some[np.isfinite(some)]
        name = channels[k] if channels else f"channel {k + 1} of x"
        if len(seen):
            notes += [
                f"{name} holds {what}: if it marks missing values, put NaN there, or leave these cells empty" for what in _marks(seen)
            ]
    return notes


@np.errstate(over="ignore")  # ranges of the largest numbers
def _marks(seen: npt.NDArray[Any]) -> list[str]:
    notes = []
    for mark in {float(seen.min()), float(seen.max())} & set(MARKS):
        others = seen[seen != mark]
        if len(others) > 1 and np.abs(others - mark).min() > _FAR * np.ptp(others) > 0:
            often = len(seen) - len(others)
            notes.append(f"{mark:g} {often} time{'s' * (often > 1)}, far from all others")
    others = seen[seen != 0]
    zeros = len(seen) - len(others)
    if zeros >= max(_ZEROS, _SHARE * len(seen)) and len(others) > 1 and others.min() < others.max():
        beyond = others.min() > np.ptp(others) or -others.max() > np.ptp(others)
        repeats = np.unique(others, return_counts=True)[1]
        inside = others.min() < 0 < others.max() and zeros > _OFTEN * int(repeats.max())
        if len(repeats) >= _ZEROS and (beyond or inside):
            notes.append(f"0 {zeros} times, {'far from all others' if beyond else 'where hardly any other number repeats'}")
    return notes
