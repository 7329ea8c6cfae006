"""From a column of times to a sampling rate."""

from __future__ import annotations

import math
import re

import numpy as np
import numpy.typing as npt

from ornstein.common.errors import InputError
from ornstein.common.times import rising
from ornstein.data.names import SECONDS

_AT_RATE = re.compile(r"s at (\S+) Hz")
NO_RATE = "sample [no rate]"
UNEVEN = "time [s, uneven]"
_STEPS = 5
"""A column that rises in equal steps over fewer rows than this may do so by chance."""
_SINCE_1970 = {1.0: "s", 1e3: "ms", 1e6: "µs", 1e9: "ns"}
_LONG = 12
"""Rows from which a column that goes on near a straight line is a clock, however its steps differ."""
_YEARS_1990_TO_2100 = (6.3e8, 4.11e9)


def header(rate: float | None, uneven: bool) -> str:
    """The name of the first column: it carries the rate to the last bit, which the times alone would not."""
    return UNEVEN if uneven else NO_RATE if rate is None else f"time [s at {float(rate)!r} Hz]"


def is_ours(cell: str) -> bool:
    """Whether ``header`` wrote this name."""
    return cell in (NO_RATE, UNEVEN) or bool(re.fullmatch(r"time \[s at \S+ Hz\]", cell))


def since_1970(times: npt.NDArray[np.float64]) -> str:
    """The unit in which ``times`` without one count from 1970, if they fall into the years 1990 to 2100; "" if they do not."""
    with np.errstate(invalid="ignore"):
        for scale, unit in _SINCE_1970.items():
            if len(times) and bool(((times > scale * _YEARS_1990_TO_2100[0]) & (times < scale * _YEARS_1990_TO_2100[1])).all()):
                return unit
    return ""


def moves_on(values: npt.NDArray[np.float64]) -> bool:
    """Whether ``values`` go on in one direction near a straight line, as a clock does that jitters, repeats or runs down."""
    values = _bridged(values)
    count = len(values)
    if count < _LONG or not np.isfinite(values).all() or values[0] == values[-1]:
        return False
    with np.errstate(over="ignore", invalid="ignore"):
        steps = np.diff(values) * np.sign(values[-1] - values[0])
        line = values[0] + (values[-1] - values[0]) * np.arange(count) / (count - 1)
        off = np.abs(values - line).max() / abs(values[-1] - values[0])
    return bool((steps >= 0).all() and off <= min(0.05, max(2 / count, 0.01)))  # two rows, or 1 % of the whole


def rises_evenly(values: npt.NDArray[np.float64]) -> bool:
    """Whether ``values`` rise in equal steps, up to the rounding of printed numbers, over at least five rows."""
    values = _bridged(values)
    if len(values) < _STEPS or not np.isfinite(values).all() or not values[-1] > values[0]:
        return False
    try:
        rate_of(values, "")
    except InputError:
        return False
    return True


def _bridged(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """``values`` without missing ones at the ends, and those between on the line of their neighbours; as they are where most miss."""
    seen = np.flatnonzero(~np.isnan(values))
    if len(seen) in (0, len(values)) or 2 * len(seen) < len(values):
        return values
    return np.interp(np.arange(seen[0], seen[-1] + 1), seen, values[seen])


def counts(values: npt.NDArray[np.float64]) -> bool:
    """Whether ``values`` number rows: whole, and mostly one step on from the last, as also counters do that start again (0 ... 255)."""
    if not len(values) or not np.isfinite(values).all() or not np.array_equal(values, np.round(values)):
        return False
    steps = np.diff(values)
    return (
        len(values) < 2 or bool(np.median(steps) > 0 and (steps == np.median(steps)).mean() > 0.8) or len(np.unique(values)) == len(values)
    )


def rate_of(times: npt.NDArray[np.float64], unit: str) -> float | None:
    """Samples per second of ``times`` in ``unit``; None for a single time without a rate in its header.

    Steps may differ by the rounding of printed times (at most a fifth of a step) and 1 % of a step, so a lost sample is
    always noticed. Raises ``InputError`` for an unknown unit and for steps that are not uniform.
    """
    exact = _AT_RATE.fullmatch(unit)
    unit = unit.casefold()
    if exact is None and unit not in SECONDS and unit:
        raise InputError(f"the unit of the time column is {unit!r}, but must be one of s, ms, µs, ns, min, h, d")
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
    if len(steps) > 1 and (steps < 0).all():
        raise InputError("the time column runs backwards: sort the rows by time, or pass rate= (--rate), which counts samples evenly")
    if not 0 < step < math.inf or (steps <= 0).any() or drift > 0.01 * step + min(half, 0.2 * step):
        raise InputError(
            f"the time column is not uniform: the step after data row {worst + 1} is {steps[worst]:g}, the usual one {usual:g}; "
            "resample to a uniform step, pass rate= (--rate), which counts samples evenly, or uneven=True (--uneven) to keep their times"
        )
    if exact is None:
        return _round_number(1 / (step * SECONDS.get(unit, 1.0)), 2 * half / span if drift > 1e-6 * step else 0.0)
    rate = _number(exact[1])
    if not abs(rate * step - 1) <= 0.01 + 2 * half / span:
        raise InputError(f"the time column's header says {rate:g} Hz, but its steps of {step:g} s say {1 / step:g} Hz: correct one of them")
    return rate


def rate_or_times(times: npt.NDArray[np.float64], unit: str, uneven: bool) -> tuple[float | None, npt.NDArray[np.float64] | None]:
    """``rate_of``; or, where steps are not uniform and may be ``uneven``, no rate and the seconds from the first time on.

    Raises ``InputError`` as ``rate_of`` does, and for times that do not rise.
    """
    try:
        return rate_of(times, unit), None
    except InputError:
        if not (uneven and np.isfinite(times).all()):
            raise
    seconds = (times - times[0]) * SECONDS.get(unit.split(",")[0].casefold(), 1.0)
    rising(seconds, len(seconds), "the time column")
    return None, seconds


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


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise InputError(f"the header of the time column gives the rate {text!r}, but it must be a number in Hz") from None
