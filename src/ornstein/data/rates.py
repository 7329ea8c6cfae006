"""The sampling rate of a table: from its clock, from what stands beside it, or from the caller."""

from __future__ import annotations

import math
import warnings
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ornstein.common.errors import InputError
from ornstein.data import clock, dates, names, stamps
from ornstein.data.roles import Asked, Roles
from ornstein.data.sheet import Column, Sheet

Seconds = npt.NDArray[np.float64]


def rate_of_table(
    sheet: Sheet, roles: Roles, asked: Asked, cases: int, where: Path | str
) -> tuple[float | None, Seconds | None, list[str]]:
    """The rate that was asked for, of the first clock that is uniform, or that stands beside the table; the times of the samples, where
    none is uniform and they may be uneven; and what to say of it."""
    failed = None
    for one in roles.clocks:
        try:
            times, unit, said = _times(one, cases)
            rate = _common_rate(times, unit, where)
        except InputError as error:
            failed = failed or (one, error if str(where) in str(error) else InputError(f"{where}: {error}"))
            continue
        if asked.rate is not None:
            notes = [f"{one.shown} is a clock of {rate or math.nan:.6g} Hz, and rate= is used"]
            return asked.rate, None, [] if sheet.ours else notes
        stated = _named_rate(one)
        if stated is not None and rate is not None and abs(rate / stated - 1) < 0.01:
            rate = stated
        notes = [f"{one.shown} is the clock{said}"]
        notes += [f"{other.shown} is left out" for other in roles.clocks if other is not one and names.clock(other.name) is None]
        return rate if rate is not None else stated, None, [] if sheet.ours else notes
    if failed is None:
        notes = [f"{sheet.rate:g} Hz stands above the table"] if sheet.rate and not asked.rate else []
        return asked.rate or sheet.rate, None, notes
    one, nominal = failed[0], asked.rate or sheet.rate or _named_rate(failed[0])
    jitters = nominal is not None and _only_jitters(one, cases, nominal)
    if nominal is None and (asked.uneven or (one.stamps and one.indexed) or one.name == clock.UNEVEN):
        notes = [f"{one.shown} is the clock, and not uniform: every sample keeps its time"]
        return None, _own_times(one, cases, where), [] if sheet.ours else notes
    if nominal is None or (asked.rate is None and not jitters):
        raise failed[1]
    if not jitters:
        warnings.warn(f"{where}: {one.shown} jumps, so samples may be missing or out of order, but rate= counts them evenly", stacklevel=2)
    what = "rate=" if asked.rate else f"the {nominal:g} Hz that the file states"
    notes = [f"{one.shown} is not uniform, and {what} is used"]
    return nominal, None, notes


def _own_times(one: Column, cases: int, where: Path | str) -> Seconds | None:
    """The seconds of every sample (time,), the same in all cases."""
    times, unit, _ = _times(one, cases)
    since = times - times[:, :1]
    different = [k for k, case in enumerate(since) if not np.array_equal(case, since[0], equal_nan=True)]
    if different:
        raise InputError(
            f"{where}: cases have samples at different times (case {different[0]} and the first): put them on the same times, with NaN "
            "where one has no sample"
        )
    try:
        return clock.rate_or_times(since[0], unit, uneven=True)[1]
    except InputError as error:
        raise InputError(f"{where}: {error}") from None


def _named_rate(one: Column) -> float | None:
    """The rate in the name of a clock, as in ``Time:512Hz``."""
    named = names.clock(one.name)
    return named.rate if named else None


def _times(one: Column, cases: int) -> tuple[Seconds, str, str]:
    """(case, step) times, their unit, and what was assumed about it."""
    if one.words is not None:
        words = one.words
        length = len(words) // cases
        parts = [stamps.wall_clock(stamps.seconds_of(words[i : i + length], one.shown)) for i in range(0, len(words), length)]
        return np.stack(parts), "s", ""
    assert one.values is not None
    times = one.values.reshape(cases, -1)
    named = names.clock(one.name)
    square = names.split_name(names.bare(one.name))[1]
    unit = square or (named.unit if named else "") or (one.unit if one.unit.casefold() in names.SECONDS else "")
    if unit:
        return times, unit, ""
    moments = dates.written(one.values)
    if moments is not None:
        return moments[0].reshape(cases, -1), "s", f", in {moments[1]}"
    since = clock.since_1970(one.values)
    if since:
        return times, since, f" in {since} since 1970"
    if names.is_date(one.name):
        written = dates.days(one.values)
        if written is None:
            raise InputError(f"{one.shown} holds numbers that are no dates: write its unit in brackets, as in 'time [s]'")
        return written[0].reshape(cases, -1), "d", f", in {written[1]}"
    return times, "", ", taken as seconds"


def seconds_of_rows(one: Column, case: npt.NDArray[np.int64], where: Path | str) -> Seconds:
    """The seconds of every row (row,) by a clock; those of dates count from the first of each ``case`` (row,), whose date says nothing.

    Raises ``InputError`` for a row without a time.
    """
    try:
        if one.words is not None:
            seconds, dated = stamps.seconds_of(one.words, one.shown), stamps.is_date(one.words[0])
        else:
            times, unit, said = _times(one, 1)
            seconds, dated = times[0] * names.SECONDS.get(unit.casefold(), 1.0), one.stamps or " in " in said
        if len(missing := np.flatnonzero(~np.isfinite(seconds))):
            raise InputError(f"{one.shown} has no value in data row {int(missing[0]) + 1}: fill it in, or drop the row")
    except InputError as error:
        raise InputError(f"{where}: {error}") from None
    if not dated:
        return seconds
    first = np.full(int(case.max()) + 1, np.inf)
    np.minimum.at(first, case, seconds)
    since: Seconds = seconds - first[case]
    return since


def _common_rate(times: Seconds, unit: str, where: Path | str) -> float | None:
    try:
        rate = clock.rate_of(times[0], unit)
        for case in times[1:]:
            other = rate if np.array_equal(case, times[0]) else clock.rate_of(case, unit)
            if rate is not None and other is not None and abs(other / rate - 1) > 1e-3:
                raise InputError(f"cases were sampled at {rate:g} and {other:g} Hz: resample them to one rate")
    except InputError as error:
        raise InputError(f"{where}: {error}") from None
    return rate


def _only_jitters(one: Column, cases: int, rate: float) -> bool:
    """Whether times rise, and stay within a step of those of an even clock: no sample is lost.

    Rows that arrived together, in packets, have one time: the first row of each packet after the first is compared.
    """
    try:
        times, unit, _ = _times(one, cases)
    except InputError:
        return False
    seconds = (times - times[:, :1]) * names.SECONDS.get(unit.casefold(), 1.0)
    if not np.isfinite(seconds).all() or (np.diff(seconds, axis=1) < 0).any():
        return False
    for case in seconds:
        starts = np.flatnonzero(np.diff(case) > 0) + 1
        packets = 2 * len(starts) < len(case)
        at = starts if packets else np.arange(len(case))
        off = case[at] * rate - at
        if len(at) < 2 or (not packets and (np.diff(case) == 0).any()):
            return False
        if np.abs(off - (np.median(off) if packets else 0)).max() >= 1:
            return False
    return True
