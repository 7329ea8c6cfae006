"""Numbers that are dates: days of a calendar, or a date and time in one number."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import numpy.typing as npt

_DAYS = {"days of a spreadsheet": (2e4, 8e4), "days since year 0": (7e5, 8e5)}
"""Counts of days of the years 1954 to 2119 from 1900 (Excel), and of 1916 to 2190 from year 0 (MATLAB)."""


def days(times: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.float64], str] | None:
    """(days from the first, what they count) of numbers that are dates: 43831.25, 737791.25, or 20200101; None for others."""
    if not len(times) or not np.isfinite(times).all():
        return None
    for name, (first, last) in _DAYS.items():
        if bool(((times > first) & (times < last)).all()):
            return np.round(times - times[0], 10), name
    if bool(((times > 1.9e7) & (times < 2.1e7)).all()) and (seconds := _written(times, 8)) is not None:
        return seconds / 86400.0, "dates written as 20241231"
    return None


def written(times: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.float64], str] | None:
    """(seconds from the first, how they are written) of dates with a time in one number: 2024123123, 202412312359, 20241231235959.

    None where one of them is no moment of the calendar of the years 1900 to 2099.
    """
    if not len(times) or not np.isfinite(times).all():
        return None
    for digits, example in ((10, "2024123123"), (12, "202412312359"), (14, "20241231235959")):
        century = 10.0 ** (digits - 2)
        if bool(((times >= 19 * century) & (times < 21 * century)).all()):
            seconds = _written(times, digits)
            return None if seconds is None else (seconds, f"dates written as {example}")
    return None


def _written(times: npt.NDArray[np.float64], digits: int) -> npt.NDArray[np.float64] | None:
    """Seconds from the first of whole numbers whose decimal digits are year, month, day, hour, minute and second."""
    if not np.array_equal(times, np.round(times)):
        return None
    whole = times.astype(np.int64) * 10 ** (14 - digits)
    parts = [whole // 10**10, *(whole // 10**k % 100 for k in (8, 6, 4, 2, 0))]
    try:
        moments = [datetime(*map(int, row)) for row in zip(*parts, strict=True)]  # type: ignore[arg-type]  # six of them
    except ValueError:
        return None
    return np.array([(moment - moments[0]).total_seconds() for moment in moments])
