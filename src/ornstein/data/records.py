"""Rows of cases and channels that were observed at times of their own, placed on the times of all: what is not there is missing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ornstein.common.errors import InputError, counted
from ornstein.data import names
from ornstein.data.rates import seconds_of_rows
from ornstein.data.roles import Roles
from ornstein.data.sheet import Column

_MOST = 1 << 28
"""Values, seen or missing, of the array that comes of it: 2 GiB."""
_FILLED = 4
"""The times of all become even ones where their smallest step divides the others, and at most so many times as many stand on that grid."""
_EXACT = 1e-6
"""Share of the smallest step within which times are its multiples."""

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]


class _Placed(NamedTuple):
    """The times of all in seconds, whether they are even, and which of them each row has."""

    times: Floats
    even: bool
    place: Whole


def gathered(roles: Roles, named: list[str] | None, where: Path | str) -> Roles:
    """The same table with a row for every case and every time of all cases, NaN where none was there.

    ``named`` is the channel of every row of a long table, whose only channel holds the values; None for a table with a column for every
    channel. Times are those of the clock, those of dates are counted from the first of each case. Cases keep the order in which they
    come, rows may be in any order. Raises ``InputError`` for two values at one place, a row without a time, and more than 2 GiB.
    """
    one = roles.clocks[0]
    cases, case = _cases(roles, len(one.cells()))
    placed = _on_common(seconds_of_rows(one, case, where))
    channels = [(c, c.values) for c in roles.channels if c.values is not None]
    titles, channel = ([c.name for c, _ in channels], None) if named is None else _numbered(named)
    shape = len(titles), len(cases), len(placed.times)
    if np.prod(shape, dtype=np.float64) > _MOST:
        raise InputError(
            f"{where} has {counted(shape[1], 'case')} of {counted(shape[0], 'channel')} at {shape[2]} different times, which is too much "
            "for one array: round the times, such as to minutes, or read fewer cases"
        )
    values = np.full(shape, np.nan)
    taken = np.zeros(shape, dtype=bool)
    for k, (_, numbers) in enumerate(channels):
        at = (np.full(len(case), k) if channel is None else channel, case, placed.place)
        _refuse_twice(at, titles, cases, placed.times, where)
        values[at] = numbers
        taken[at] = ~np.isnan(numbers)
    rows = np.repeat(np.arange(len(cases)), shape[2])
    first = np.array([int(np.argmax(case == k)) for k in range(len(cases))])
    time = replace(one, name=names.foreign_name(one.name)[0], values=np.tile(placed.times, len(cases)), words=None, unit="s")
    missing = f"{1 - taken.mean():.0%} of the values are missing"
    return replace(
        roles,
        notes=[*roles.notes, f"rows have times of their own, and stand on the {shape[2]} times of all: {missing}"],
        clocks=[time if placed.even else replace(time, stamps=True, indexed=True)],
        cases=[_first(c, first[rows]) for c in roles.cases],
        label=None if roles.label is None else _first(roles.label, first[rows]),
        index=[],
        events=None,
        variable=None,
        channels=[
            Column(title, k + 1, values[k].reshape(-1), unit=channels[k][0].unit if named is None else "") for k, title in enumerate(titles)
        ],
    )


def scattered(roles: Roles, where: Path | str) -> bool:
    """Whether cases have rows at other times than the first one."""
    one = roles.clocks[0]
    cases, case = _cases(roles, len(one.cells()))
    seconds = seconds_of_rows(one, case, where)
    order = np.argsort(case, kind="stable")
    size = len(case) // len(cases)
    if not (np.bincount(case) == size).all():
        return True
    rows = seconds[order].reshape(len(cases), size)
    return not np.allclose(rows, rows[0], rtol=0, atol=1e-9 * float(np.ptp(seconds)))


def together(parts: list[tuple[Floats, Floats]]) -> tuple[Floats, Floats, bool]:
    """Recordings (values (channel, time), times (time,)) as cases at the times of all: (case, channel, time), the times, whether they are
    even."""
    placed = _on_common(np.concatenate([times for _, times in parts]))
    values = np.full((len(parts), len(parts[0][0]), len(placed.times)), np.nan)
    begin = 0
    for k, (part, times) in enumerate(parts):
        values[k][:, placed.place[begin : begin + len(times)]] = part
        begin += len(times)
    return values, placed.times, placed.even


def _cases(roles: Roles, rows: int) -> tuple[list[str], Whole]:
    """The name of every case, and the case of every row; one without a name where no column tells them apart."""
    return _numbered([" ".join(key) for key in zip(*(c.cells() for c in roles.cases), strict=True)] if roles.cases else [""] * rows)


def _numbered(words: list[str]) -> tuple[list[str], Whole]:
    """Different words in the order in which they come, and the number of each."""
    order = {word: k for k, word in enumerate(dict.fromkeys(words))}
    return list(order), np.array([order[word] for word in words], dtype=np.int64)


def _on_common(seconds: Floats) -> _Placed:
    """Times that agree to nine digits of the span are one."""
    unit = (seconds.max() - seconds.min()) * 1e-9 or 1.0
    _, first, place = np.unique(np.round((seconds - seconds.min()) / unit), return_index=True, return_inverse=True)
    times = seconds[first]
    if len(times) < 2:
        return _Placed(times, True, place)
    step = float(np.diff(times).min())
    steps = (times - times[0]) / step
    whole = np.round(steps).astype(np.int64)
    if np.abs(steps - whole).max() > _EXACT * max(1.0, float(steps[-1]) * _EXACT) or whole[-1] + 1 > _FILLED * len(times):
        return _Placed(times, False, place)
    return _Placed(times[0] + (times[-1] - times[0]) * np.arange(whole[-1] + 1) / whole[-1], True, whole[place])


def _refuse_twice(at: tuple[Whole, Whole, Whole], titles: list[str], cases: list[str], times: Floats, where: Path | str) -> None:
    flat = np.ravel_multi_index(at, (len(titles), len(cases), len(times)))
    order = np.argsort(flat, kind="stable")
    again = np.flatnonzero(np.diff(flat[order]) == 0)
    if len(again):
        channel, case, time = (int(axis[order[again[0]]]) for axis in at)
        of = f"case {cases[case]!r} of {where}" if cases[case] else f"{where}"
        raise InputError(f"{of} has two values of {titles[channel]!r} at {times[time]:g} s: average them, or drop one")


def _first(column: Column, rows: Whole) -> Column:
    """What a column says of each case, in every row of the case."""
    if column.words is not None:
        return replace(column, words=[column.words[i] for i in rows])
    assert column.values is not None
    return replace(column, values=column.values[rows])
