"""Pictures of signals that are too long to be sent: the least and the largest value of every stretch that one pixel shows."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

CASES, CHANNELS, STRETCHES = 200, 32, 800

Values = npt.NDArray[Any]


def overview(values: Values) -> dict[str, Values]:
    """``low`` and ``high`` (case, channel, stretch) of the first signals, and for short ones the signals themselves, as both."""
    shown = values[: max(1, min(CASES, 2_000_000 // (min(values.shape[1], CHANNELS) * min(values.shape[2], STRETCHES)))), :CHANNELS]
    low, high = extremes(shown, STRETCHES)
    return {"low": low, "high": high}


def extremes(values: Values, stretches: int) -> tuple[Values, Values]:
    """Least and largest value (..., stretch) of at most so many stretches of (..., time); NaN where all of it is missing.

    A jump of one sample stays visible however far away one looks, which no mean and no decimation can say.
    """
    length = values.shape[-1]
    if length <= stretches:
        return values, values
    edges = np.linspace(0, length, stretches + 1).astype(int)[:-1]
    missing = np.isnan(values)
    low = np.minimum.reduceat(np.where(missing, np.inf, values), edges, axis=-1)
    high = np.maximum.reduceat(np.where(missing, -np.inf, values), edges, axis=-1)
    return np.where(np.isinf(low), np.nan, low), np.where(np.isinf(high), np.nan, high)
