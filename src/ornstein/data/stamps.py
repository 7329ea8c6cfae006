"""Dates, times of day and durations as text, to seconds."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

import numpy as np
import numpy.typing as npt

from ornstein.common.errors import InputError
from ornstein.data.spellings import PARSERS, Parser, hours, minutes

_LOOKS = re.compile(
    r"\[?(\d{4}-?\d\d-?\d\d|\d{4}[/.年-]\d{1,2}[/.月-]\d|\d{1,4}[/.]\d{1,2}[/.]\d{1,4}|\d{1,2}-[A-Za-z]{3}-\d{2}|\d+:\d\d|-?\d+ days?"
    r"|([A-Za-z]{3,9},? )?\d{1,2} [A-Za-z]{3,9} \d{4}|[A-Za-z]{3,9}\.? \d{1,2}, ?\d{4})"
)
_MINUTES_FIRST = re.compile(r"(?<!h:)\bmm?:ss", re.IGNORECASE)
_HOURS_FIRST = re.compile(r"\bhh?:mm|uhrzeit|time of day", re.IGNORECASE)
_EXAMPLE = "2024-12-31 12:00:00"
_ROUNDED = 2.5e-6
"""Seconds that two ways of reading nanoseconds may differ by: moments are kept in microseconds, cut or rounded."""


def is_stamp(text: str) -> bool:
    """Whether ``text`` is a date, a time of day or a duration: ISO 8601, 31/12/2024 1:05 PM, 31-Dec-2024, 12:00:01.5, 0 days 00:00:01."""
    text = text.strip(" '")
    return bool(_LOOKS.match(text)) and not _is_number(text) and any(parse(text) is not None for parse in PARSERS)


def is_date(text: str) -> bool:
    """Whether ``text`` is a moment in history, and no time of day or duration."""
    return any(isinstance(parse(text), datetime) for parse in PARSERS)


def seconds_of(stamps: Sequence[str], name: str = "time") -> npt.NDArray[np.float64]:
    """Seconds since the first of ``stamps``, which all are written in one way.

    Raises ``InputError`` for one that is not, with its row, and where day and month, or hours and minutes, could be either and it
    matters.
    """
    found: list[tuple[Parser, npt.NDArray[np.float64]]] = []
    failed = None
    for parse in [parse for parse in _asked(name) if parse(stamps[0]) is not None]:
        moments = [parse(text) for text in stamps]
        if all(moment is not None for moment in moments):
            try:
                since = [(moment - moments[0]).total_seconds() for moment in moments]  # type: ignore[operator, union-attr]  # of one kind
            except TypeError:  # with and without time zone
                row = next(i for i, m in enumerate(moments) if (m.tzinfo is None) != (moments[0].tzinfo is None))  # type: ignore[union-attr]  # none is None
                raise _refused(stamps, row, name) from None
            found.append((parse, np.array(since)))
        elif failed is None:
            failed = next(i for i, moment in enumerate(moments) if moment is None)
    if not found:
        raise _refused(stamps, failed or 0, name)
    if {parse for parse, _ in found} == {hours, minutes}:  # one of them may go on where the other goes back
        found = [(p, times) for p, times in found if (np.diff(wall_clock(times)) > 0).all()] or found
    if any(np.abs(other - found[0][1]).max() > _ROUNDED for _, other in found[1:]):
        if found[0][0] is hours:
            raise InputError(
                f"{name} {stamps[0]!r} may mean hours:minutes or minutes:seconds, which gives other times: name the column "
                "'time (hh:mm)' or 'time (mm:ss)', or write all three as in 12:05:00"
            )
        raise InputError(f"{name} {stamps[0]!r} may mean day/month or month/day, which gives other times: write dates as 2024-12-31")
    return found[0][1]


def wall_clock(times: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Times of day that pass midnight, made to go on: one step back of almost a day is a new day."""
    days = np.cumsum(np.diff(times, prepend=times[:1]) < -43200.0)
    return times + 86400.0 * days


def _refused(stamps: Sequence[str], row: int, name: str) -> InputError:
    example = stamps[0] if row else _EXAMPLE
    return InputError(f"{name} in data row {row + 1} is {stamps[row]!r}, but must be a date and time such as {example!r}")


def _asked(name: str) -> tuple[Parser, ...]:
    """The ways to read a column whose name may say whether two numbers are hours and minutes, or minutes and seconds."""
    wrong = hours if _MINUTES_FIRST.search(name) else minutes if _HOURS_FIRST.search(name) else None
    return tuple(parse for parse in PARSERS if parse is not wrong)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
