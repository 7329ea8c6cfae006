"""Moments that a table tells in several columns: a date beside a time of day, or year, month, day, hour and minute."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from ornstein.common.errors import listed
from ornstein.data import names
from ornstein.data.sheet import Column, Sheet

_PARTS: tuple[tuple[frozenset[str], int, int], ...] = (
    (frozenset(("year", "yyyy", "yy", "yr", "jahr", "année", "año", "年", "年份")), 0, 2200),
    (frozenset(("month", "mo", "mm", "mon", "monat", "mois", "mes", "月", "月份")), 1, 12),
    (frozenset(("day", "dd", "dy", "tag", "jour", "día", "日")), 1, 31),
    (frozenset(("hour", "hh", "hr", "hours", "stunde", "heure", "hora", "时", "小时")), 0, 24),
    (frozenset(("minute", "min", "mn", "minutes", "mm", "分", "分钟")), 0, 59),
    (frozenset(("second", "ss", "sec", "seconds", "秒")), 0, 60),
)
"""Names of the parts of a date in their order, and the range of each."""

_DATE = re.compile(r"[^:]*\d[^:]*")
_LASTS = re.compile(r"elapsed|duration|timer|relative", re.IGNORECASE)


def joined(sheet: Sheet, taken: set[str]) -> Sheet:
    """The sheet with one clock in place of the columns that tell moments together; as it is where there are none.

    ``taken`` are the names of columns that the caller gave a role. Cost: a pass over these columns.
    """
    if not sheet.named or sheet.ours or len(sheet.columns) < 3:
        return sheet
    calendar = _calendar(sheet)
    parts = calendar or _date_and_time(sheet)
    if not parts or taken & {name for c in parts for name in (c.name.strip(), names.foreign_name(c.name)[0], str(c.number))}:
        return sheet
    words = _of_calendar(parts) if calendar else _beside(*parts)
    shown = listed([c.name.strip() for c in parts], len(parts))
    one = Column(shown, parts[0].number, words=words, stamps=True)
    place = min(sheet.columns.index(c) for c in parts)
    kept = [c for c in sheet.columns if not any(c is part for part in parts)]
    return replace(sheet, columns=[*kept[:place], one, *kept[place:]])


def _calendar(sheet: Sheet) -> list[Column]:
    """Year and month, and after them day, hour, minute and second as far as they are there."""
    found: list[Column] = []
    for known, low, high in _PARTS:
        one = next(
            (
                c
                for c in sheet.columns
                if c not in found and c.name.strip(" #<>").casefold() in known and c.values is not None and _whole(c.values, low, high)
            ),
            None,
        )
        if one is None:
            break
        found.append(one)
    return found if len(found) > 1 else []


def _whole(values: npt.NDArray[np.float64], low: int, high: int) -> bool:
    return bool(np.isfinite(values).all() and (values == np.round(values)).all() and values.min() >= low and values.max() <= high)


def _of_calendar(parts: list[Column]) -> list[str]:
    year, month, *after = [np.asarray(c.values, dtype=np.int64) for c in parts]
    day, *rest = after or [np.ones_like(year)]
    year = np.where(year < 100, year + 2000, year)
    if rest and rest[0].max() == 24 and rest[0].min() > 0:  # hours that are named by their end
        rest[0] = rest[0] - 1
    clock = [*rest, *[np.zeros_like(day)] * (3 - len(rest))]
    return [f"{a:04d}-{b:02d}-{c:02d} {h:02d}:{m:02d}:{s:02d}" for a, b, c, h, m, s in zip(year, month, day, *clock, strict=True)]


def _date_and_time(sheet: Sheet) -> list[Column]:
    """The only column of dates without a time, and the only one of times of day; else none.

    Numbers from 0 on beside a single date may count anything, and are no times of day.
    """
    dates = [c for c in sheet.columns if _dates(c) is not None]
    if len(dates) != 1:
        return []
    times = [c for c in sheet.columns if c is not dates[0] and not _LASTS.search(c.name) and _times(c) is not None]
    if len(times) != 1 or not names.clock(times[0].name.strip("<>")):
        return []
    counts = times[0].values is not None and times[0].values[0] == 0 and len(set(_dates(dates[0]) or [])) == 1
    return [] if counts else [dates[0], times[0]]


def _beside(date: Column, time: Column) -> list[str]:
    return [f"{a} {b}" for a, b in zip(_dates(date) or [], _times(time) or [], strict=True)]


def _dates(one: Column) -> list[str] | None:
    """The dates of a column that holds nothing else: as they are written, or of numbers such as 20241231."""
    if one.stamps and one.words is not None:
        return one.words if all(map(_DATE.fullmatch, one.words)) else None
    if one.values is None or not names.is_date(one.name) or not _whole(one.values, 19000101, 21001231):
        return None
    return [f"{v // 10000:04d}-{v // 100 % 100:02d}-{v % 100:02d}" for v in one.values.astype(np.int64)]


def _times(one: Column) -> list[str] | None:
    """The times of day of a column that holds nothing else: as they are written, or of numbers such as 120059."""
    if one.stamps and one.words is not None:
        return one.words if all(re.match(r"\d{1,2}:", word) for word in one.words) else None
    named = names.clock(one.name.strip("<>"))
    if one.values is None or named is None or named.unit or not _whole(one.values, 0, 240000):
        return None
    digits = one.values.astype(np.int64)
    digits = digits if digits.max() > 2400 else digits * 100
    if (digits // 100 % 100).max() > 59 or (digits % 100).max() > 59:
        return None
    return [f"{v // 10000:02d}:{v // 100 % 100:02d}:{v % 100:02d}" for v in digits]
