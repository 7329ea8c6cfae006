"""Dates, times of day and durations as text, to seconds."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt

from ornstein.common.errors import InputError

_LOOKS = re.compile(r"""\[?(\d{4}-?\d\d-?\d\d|\d{1,4}[/.]\d{1,2}[/.]\d{1,4}|\d{1,2}-[A-Za-z]{3}-\d{4}|\d+:\d\d|-?\d+\ days?)""", re.VERBOSE)
_ZONE = re.compile(r"\s+(?=[+-]\d\d:?\d\d$)")
_DAY = re.compile(r"(\d{1,2})[/.-](\d{1,2}|[A-Za-z]{3})[/.-](\d{4}|\d\d)(?:,?\s+(.*))?")
_CLOCK = re.compile(r"(?:(\d+):)?(\d{1,2}):(\d{1,2}(?:[.,]\d+)?)(?:\s*([AaPp])\.?[Mm]\.?)?")
_SPAN = re.compile(r"(-?\d+) days?,?(?:\s+\+?(\d+):(\d\d):(\d\d(?:\.\d+)?))?")
_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]


def is_stamp(text: str) -> bool:
    """Whether ``text`` is a date, a time of day or a duration: ISO 8601, 31/12/2024 1:05 PM, 31-Dec-2024, 12:00:01.5, 0 days 00:00:01."""
    text = text.strip(" '")
    return bool(_LOOKS.match(text)) and not _is_number(text) and any(parse(text) is not None for parse in _PARSERS)


def seconds_of(stamps: Sequence[str], name: str = "time") -> npt.NDArray[np.float64]:
    """Seconds since the first of ``stamps``, which all are written in one way.

    Raises ``InputError`` for one that is not, with its row, and where day and month could be either and it matters.
    """
    found: list[npt.NDArray[np.float64]] = []
    failed = None
    for parse in [parse for parse in _PARSERS if parse(stamps[0]) is not None]:
        moments = [parse(text) for text in stamps]
        if all(moment is not None for moment in moments):
            try:
                since = [(moment - moments[0]).total_seconds() for moment in moments]  # type: ignore[operator, union-attr]  # of one kind
            except TypeError:  # with and without time zone
                row = next(i for i, m in enumerate(moments) if (m.tzinfo is None) != (moments[0].tzinfo is None))  # type: ignore[union-attr]
                raise _refused(stamps, row, name) from None
            found.append(np.array(since))
        elif failed is None:
            failed = next(i for i, moment in enumerate(moments) if moment is None)
    if not found:
        raise _refused(stamps, failed or 0, name)
    if any(not np.array_equal(other, found[0]) for other in found[1:]):
        raise InputError(f"{name} {stamps[0]!r} may mean day/month or month/day, which gives other times: write dates as 2024-12-31")
    return found[0]


def wall_clock(times: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Times of day that pass midnight, made to go on: one step back of almost a day is a new day."""
    days = np.cumsum(np.diff(times, prepend=times[:1]) < -43200.0)
    return times + 86400.0 * days


def _refused(stamps: Sequence[str], row: int, name: str) -> InputError:
    return InputError(f"{name} in data row {row + 1} is {stamps[row]!r}, but must be a date and time such as {stamps[0]!r}")


def _iso(text: str) -> datetime | None:
    text = _ZONE.sub("", text.strip(" []'").removesuffix(" UTC"))
    try:
        return datetime.fromisoformat(text.replace("/", "-") if re.match(r"\d{4}/", text) else text)
    except ValueError:
        return None


def _written(text: str, day_first: bool) -> datetime | None:
    """31/12/2024 13:00:01.5 or, month first, 12/31/2024 1:00:01.5 PM; 31-Dec-2024."""
    found = _DAY.fullmatch(text.strip(" []'"))
    if found is None:
        return None
    one, two, year, clock = found.groups()
    if two.isdigit():
        day, month = (int(one), int(two)) if day_first else (int(two), int(one))
    elif two.casefold() in _MONTHS and day_first:
        day, month = int(one), _MONTHS.index(two.casefold()) + 1
    else:
        return None
    after = _time_of_day(clock) if clock else timedelta()
    try:
        return None if after is None else datetime(int(year) + 2000 * (len(year) == 2), month, day) + after
    except ValueError:
        return None


def _time_of_day(text: str) -> timedelta | None:
    """12:00:01.5, 1:00:01 PM, or minutes and seconds as in 0:01.5."""
    found = _CLOCK.fullmatch(text.strip(" []'"))
    if found is None:
        return None
    hours, minutes, seconds = int(found[1] or 0), int(found[2]), float(found[3].replace(",", "."))
    if found[4]:
        hours = hours % 12 + 12 * (found[4] in "pP")
    return None if minutes > 59 or seconds >= 61 else timedelta(hours=hours, minutes=minutes, seconds=seconds)


def _span(text: str) -> timedelta | None:
    """0 days 00:00:00.004, as pandas writes a duration."""
    found = _SPAN.fullmatch(text.strip())
    if found is None:
        return None
    return timedelta(days=int(found[1]), hours=int(found[2] or 0), minutes=int(found[3] or 0), seconds=float(found[4] or 0))


_PARSERS: tuple[Callable[[str], datetime | timedelta | None], ...] = (
    _iso,
    lambda text: _written(text, True),
    lambda text: _written(text, False),
    _time_of_day,
    _span,
)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
