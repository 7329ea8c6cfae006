"""From a column of times to a sampling rate."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from datetime import datetime

import numpy as np
import numpy.typing as npt

from ornstein.common.errors import InputError

TIME_NAMES = {"time", "t", "times", "timestamp", "datetime", "date", "时间"}
INDEX_NAMES = {"", "sample", "index"}
"""A first column of this name that counts 0, 1, 2, ... numbers the samples and says nothing about the rate."""

_SECONDS = {"": 1.0, "s": 1.0, "sec": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "min": 60.0, "h": 3600.0, "d": 86400.0}
_AT_RATE = re.compile(r"s at (\S+) Hz")


def header(rate: float | None) -> str:
    """The name of the first column: it carries the rate to the last bit, which the times alone would not."""
    return "sample" if rate is None else f"time [s at {float(rate)!r} Hz]"


def is_stamp(text: str) -> bool:
    """Whether ``text`` is a date, with or without a time, as ISO 8601 writes it."""
    return bool(re.match(r"\d{4}-?\d\d-?\d\d", text)) and not _is_number(text) and _stamp(text) is not None


def seconds_of(stamps: Sequence[str]) -> npt.NDArray[np.float64]:
    """Seconds since the first of ``stamps``."""
    moments: list[datetime] = []
    for row, text in enumerate(stamps):
        moment = _stamp(text)
        if moment is None or (moments and (moment.tzinfo is None) != (moments[0].tzinfo is None)):
            raise InputError(f"time in data row {row + 1} is {text!r}, but must be a date and time such as {stamps[0]!r}")
        moments.append(moment)
    return np.array([(moment - moments[0]).total_seconds() for moment in moments])


def is_index(values: npt.NDArray[np.float64]) -> bool:
    """Whether ``values`` counts samples from 0 or from 1."""
    start = values[0] if len(values) else 0.0
    return bool(start in (0.0, 1.0)) and np.array_equal(values, start + np.arange(len(values)))


def rate_of(times: npt.NDArray[np.float64], unit: str) -> float | None:
    """Samples per second of ``times`` in ``unit``; None for a single time without a rate in its header.

    Steps may differ by the rounding of printed times (at most a fifth of a step) and 1 % of a step, so a lost sample is
    always noticed. Raises ``InputError`` for an unknown unit and for steps that are not uniform.
    """
    exact = _AT_RATE.fullmatch(unit)
    if exact is None and unit not in _SECONDS:
        raise InputError(f"the unit of the time column is {unit!r}, but must be one of {', '.join(filter(None, _SECONDS))}")
    count = len(times)
    finite = np.isfinite(times)
    if not finite.all():
        raise InputError(f"the time column has no value in data row {int(np.argmin(finite)) + 1}: fill it in or drop the column")
    if count < 2:
        return _number(exact[1]) if exact else None
    span = float(times[-1]) - float(times[0])
    step = span / (count - 1)
    with np.errstate(over="ignore", invalid="ignore"):  # numbers near 1e308 are no times, and end in the error below
        half = _half_resolution(times)
        steps = np.diff(times)
        usual = float(np.median(steps))
        worst = int(np.argmax(np.abs(steps - usual)))
        drift = np.abs(times - (times[0] + step * np.arange(count))).max()
    if not 0 < step < math.inf or (steps <= 0).any() or drift > 0.01 * step + min(half, 0.2 * step):
        raise InputError(
            f"the time column is not uniform: the step after data row {worst + 1} is {steps[worst]:g}, the usual one {usual:g}; "
            "resample to a uniform step, or drop the column and pass rate="
        )
    if exact is None:
        return _round_number(1 / (step * _SECONDS[unit]), 2 * half / span if drift > 1e-6 * step else 0.0)
    rate = _number(exact[1])
    if not abs(rate * step - 1) <= 0.01 + 2 * half / span:
        raise InputError(f"the time column's header says {rate:g} Hz, but its steps of {step:g} s say {1 / step:g} Hz: correct one of them")
    return rate


def _half_resolution(times: npt.NDArray[np.float64]) -> float:
    """Half of the last decimal place that the times use, 0 where they use more than nine."""
    for decimals in range(10):
        if np.array_equal(np.round(times, decimals), times):
            return 0.5 * 10.0**-decimals
    return 0.0


def _round_number(rate: float, doubt: float) -> float:
    """The roundest number within the doubt that printed times leave, so that 0.003, 0.006, 0.008 ... gives 360 and not 360.003."""
    tolerance = min(max(doubt, 1e-12), 1e-3)
    for digits in range(1, 10):
        rounded = float(f"{rate:.{digits}g}")
        if abs(rounded / rate - 1) <= tolerance:
            return rounded
    return rate


def _stamp(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text.strip())
    except ValueError:
        return None


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise InputError(f"the header of the time column gives the rate {text!r}, but it must be a number in Hz") from None
