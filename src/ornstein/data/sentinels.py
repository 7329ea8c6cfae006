"""Numbers that mark missing values: -999 far from everything else."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np

from ornstein.common.errors import counted
from ornstein.data.loaded import Loaded

MARKS = (*(sign * (10.0**n - 1) for n in (2, 3, 4, 5, 6) for sign in (-1, 1)), -32768.0, 1e20, -1e20, 1e30, -1e30, 1e35, 1e36)
"""Numbers that programs write where a value is missing."""

_FAR = 10.0
"""A mark is further from the nearest other value than so many times the range of all others."""


def warn_of_marks(loaded: Loaded, where: Path | str) -> Loaded:
    """The same signals, with a ``UserWarning`` for each channel that holds such a number; nothing is changed, it may be a value."""
    for k in range(loaded.values.shape[1]):
        values = loaded.values[:, k][np.isfinite(loaded.values[:, k])]
        for mark in MARKS:
            if not len(values) or mark not in (values.min(), values.max()):
                continue
            others = values[values != mark]
            if len(others) > 1 and np.abs(others - mark).min() > _FAR * np.ptp(others) > 0:
                name = (loaded.channels[k] if loaded.channels else "") or f"channel {k + 1}"
                times = counted(len(values) - len(others), "time")
                warnings.warn(
                    f"{where}: {name} holds {mark:g} {times}, far from all others: if it marks missing values, leave these cells empty",
                    UserWarning,
                    stacklevel=2,
                )
    return loaded
