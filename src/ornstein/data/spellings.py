"""The ways in which programs spell a moment or a duration: one function each, from a text to a datetime or timedelta, or None."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta

from ornstein.data.names import SECONDS

_ZONE = re.compile(r"\s+(?=[+-]\d\d:?\d\d$)")
_DAY = re.compile(r"(?:[A-Za-z]{3,9},? )?(\d{1,2})[/.\s-](\d{1,2}|[A-Za-z]{3,9})[/.\s-](\d{4}|\d\d)(?:,?\s+(.*))?")
_NAMED_MONTH = re.compile(r"([A-Za-z]{3,9})\.? (\d{1,2}), ?(\d{4})(?:,?\s+(.*))?")
_YEAR_FIRST = re.compile(r"(\d{4})[/.年-](\d{1,2})[/.月-](\d{1,2})日?(?:[T\s]+(.*))?")
_CLOCK = re.compile(r"(?:(\d+):)?(\d+):(\d{1,2}(?:[.,]\d+)?)(?:\s*([AaPp])\.?[Mm]\.?)?")
_SPAN = re.compile(r"(-?\d+) days?,?(?:\s+\+?(\d+):(\d\d):(\d\d(?:\.\d+)?))?")
_AMOUNT = re.compile(r"(-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)\s?([^\W\d]+)")
_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]


def iso(text: str) -> datetime | None:
    """ISO 8601, with or without a zone."""
    text = _ZONE.sub("", text.strip(" []'").removesuffix(" UTC"))
    try:
        return datetime.fromisoformat(text.replace("/", "-") if re.match(r"\d{4}/", text) else text)
    except ValueError:
        return None


def written(text: str, day_first: bool) -> datetime | None:
    """31/12/2024 13:00:01.5 or, month first, 12/31/2024 1:00:01.5 PM; 31-Dec-2024; Fri, 01 Mar 2024 12:00:00 GMT; Mar 1, 2024."""
    text = re.sub(r"\s*(GMT|UTC|Z)$", "", text.strip(" []'"))
    named = _NAMED_MONTH.fullmatch(text)
    found = _DAY.fullmatch(text)
    if named is not None and day_first:
        two, one, year, clock = named.groups()
    elif found is not None:
        one, two, year, clock = found.groups()
    else:
        return None
    if two.isdigit():
        day, month = (int(one), int(two)) if day_first else (int(two), int(one))
    elif two[:3].casefold() in _MONTHS and day_first:
        day, month = int(one), _MONTHS.index(two[:3].casefold()) + 1
    else:
        return None
    return _moment(int(year) + 2000 * (len(year) == 2), month, day, clock)


def year_first(text: str) -> datetime | None:
    """2024/3/1 9:05 and 2024年3月1日 9:05, without zeros in front."""
    found = _YEAR_FIRST.fullmatch(text.strip(" []'"))
    return None if found is None else _moment(int(found[1]), int(found[2]), int(found[3]), found[4])


def _moment(year: int, month: int, day: int, clock: str | None) -> datetime | None:
    after = (hours(clock) or minutes(clock)) if clock else timedelta()
    try:
        return None if after is None else datetime(year, month, day) + after
    except (ValueError, OverflowError):
        return None


def hours(text: str) -> timedelta | None:
    """12:00:01.5, 1:00:01 PM, or hours and minutes as in 12:05."""
    return _time_of_day(text, "hours")


def minutes(text: str) -> timedelta | None:
    """12:00:01.5, 1:00:01 PM, or minutes and seconds as in 0:01.5."""
    return _time_of_day(text, "minutes")


def _time_of_day(text: str, first: str) -> timedelta | None:
    found = _CLOCK.fullmatch(text.strip(" []'"))
    if found is None:
        return None
    parts = [found[1], found[2], found[3].replace(",", ".")]
    if found[1] is None and (found[4] or first == "hours"):
        if "." in parts[2] or int(parts[1]) > 24:  # no hour of a day, and minutes have no decimals
            return None
        parts = [parts[1], parts[2], "0"]
    hours, minutes, seconds = int(parts[0] or 0), int(parts[1]), float(parts[2])
    if found[4]:
        hours = hours % 12 + 12 * (found[4] in "pP")
    if (minutes > 59 and parts[0] is not None) or seconds >= 61 or max(hours, minutes) > 10**6:
        return None
    return timedelta(hours=hours, minutes=minutes, seconds=seconds)


def span(text: str) -> timedelta | None:
    """0 days 00:00:00.004, as pandas writes a duration; 0.004 sec, as MATLAB does."""
    found = _SPAN.fullmatch(text.strip())
    if found is not None:
        return timedelta(days=int(found[1]), hours=int(found[2] or 0), minutes=int(found[3] or 0), seconds=float(found[4] or 0))
    amount = _AMOUNT.fullmatch(text.strip())
    if amount is None or amount[2].casefold() not in SECONDS or abs(float(amount[1])) > 1e9:
        return None
    return timedelta(seconds=float(amount[1]) * SECONDS[amount[2].casefold()])


Parser = Callable[[str], datetime | timedelta | None]
PARSERS: tuple[Parser, ...] = (
    iso,
    lambda text: written(text, True),
    lambda text: written(text, False),
    year_first,
    hours,
    minutes,
    span,
)
