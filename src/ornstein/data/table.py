"""From a sheet to signals: cases, a clock, labels and events around the channels; and back to ``case, time, <channel [unit]>, ...``."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ornstein.common.errors import InputError, listed
from ornstein.common.signals import Signals
from ornstein.data import clock, moments, names, pivot, stamps
from ornstein.data.loaded import Event, Loaded
from ornstein.data.rates import rate_of_table
from ornstein.data.records import gathered, scattered
from ornstein.data.roles import NONE, Asked, Roles, decide, refuse_ramp, title_and_unit
from ornstein.data.sheet import Column, Sheet

_NAME_IT = "say time={name} or index={name} (--time, --index), or name the columns to keep with channels= (--channels)"
_NUMBER_IT = "say index={name} or time={name} (--index, --time), or index='none' if it is a signal"
_DAY = 86400.0


def from_sheet(sheet: Sheet, asked: Asked, where: Path | str) -> Loaded:
    """The signals of a table, as ``read`` describes them; the notes say which column was taken for what."""
    if asked.time is None and asked.orient != "vectors":
        sheet = moments.joined(sheet, {str(one) for one in (asked.index, asked.labels, *asked.channels)})
    roles = decide(sheet, asked, where)
    if roles.variable is not None and asked.orient != "rows":
        roles = pivot.wide(roles, where)
    if not roles.channels:
        beside = "" if len(sheet.columns) == 1 else " beside clock, cases, labels and events"
        raise InputError(f"{where} has no column with values{beside}")
    if asked.orient == "vectors":
        return _vectors(roles.without_empty())
    one_each = _one_row_each(roles)
    headless = not sheet.named and len(roles.channels) > 1 and asked.time in (None, NONE) and not _are_moments(roles)
    if asked.orient == "rows" or (asked.orient == "auto" and (headless or one_each)):
        return _rows(sheet, roles.with_empty(), asked, where, said=one_each and asked.orient == "auto")
    return _columns(sheet, roles.without_empty(), asked, where)


def header_of(signals: Signals) -> list[str]:
    """The column names: case (where there are several), time or sample, then each channel with its unit."""
    case = [names.CASE] if len(signals) > 1 else []
    return [*case, clock.header(signals.rate, signals.times is not None), *map(names.join_name, signals.channels, signals.units)]


def columns_of(signals: Signals) -> list[npt.NDArray[np.generic]]:
    """The columns that ``header_of`` names, each with one entry per case and time step."""
    cases, channels, length = signals.shape
    steps = np.arange(length)
    time: npt.NDArray[np.generic] = steps if signals.rate is None else steps / signals.rate
    if signals.times is not None:
        time = signals.times.numpy()
    case = [np.repeat(np.arange(cases), length)] if cases > 1 else []
    values = signals.values.cpu().numpy().transpose(1, 0, 2).reshape(channels, -1)
    return [*case, np.tile(time, cases), *values]


def _one_row_each(roles: Roles) -> bool:
    """Whether a column of cases differs in every row, and no clock says that rows are moments."""
    if roles.clocks or not roles.cases or roles.index or len(roles.channels) < 2:
        return False
    keys = list(zip(*(c.cells() for c in roles.cases), strict=True))
    return len(keys) > 1 and len(set(keys)) == len(keys)


def _are_moments(roles: Roles) -> bool:
    """Whether a clock that nobody named goes on in even steps of less than a day, over more rows than there are columns beside it."""
    for one in roles.clocks:
        if one.stamps and one.words is not None and len(one.words) > len(roles.channels):
            try:
                times = stamps.seconds_of(one.words, one.name)
            except InputError:
                continue
            if clock.rises_evenly(times) and times[1] - times[0] < _DAY:
                return True
    return False


def _rows(sheet: Sheet, roles: Roles, asked: Asked, where: Path | str, said: bool) -> Loaded:
    """Each row is a case of one channel, each column one of its moments."""
    notes = list(roles.notes)
    named = [] if sheet.named else [c for c in roles.channels if c.name.strip()]
    columns = [c for c in roles.channels if c not in named]
    beside = [*roles.clocks, *roles.cases, *roles.index, *named]
    if said:
        notes.append(f"each row is a case, since {roles.cases[0].shown} is another in every row")
    if beside and not sheet.ours:
        notes.append(f"{listed([c.shown for c in beside], 4)} {'is' if len(beside) == 1 else 'are'} no part of the signals")
    label = roles.label
    if label is None and not sheet.named and asked.labels is None and (at := _classes_at(columns)) is not None:
        label, columns = columns[at], [c for c in columns if c is not columns[at]]
        notes.append(f"{label.shown} holds whole numbers beside decimals and is taken for labels (labels='none' keeps it)")
    if asked.index != NONE and not sheet.ours:
        refuse_ramp(columns, where, _NUMBER_IT)
    matrix = np.stack([c.values for c in columns if c.values is not None], axis=1)
    if not sheet.named and asked.index != NONE:
        _refuse_first_row(matrix, where)
    classes = None if label is None else np.array(label.cells(), dtype=object)[:, None]
    rate = asked.rate or sheet.across or (None if sheet.named else sheet.rate)
    return Loaded(matrix[:, None, :], rate, classes=classes, asked=asked.labels is not None, notes=tuple(notes))


def _vectors(roles: Roles) -> Loaded:
    """Each row is a case, each column a channel of one sample, which keeps its name."""
    values = np.stack([c.values for c in roles.channels if c.values is not None], axis=1)[:, :, None]
    titles = [title_and_unit(c) for c in roles.channels]
    labels, units = (tuple(words) if any(words) else () for words in zip(*titles, strict=True))
    classes = None if roles.label is None else np.array(roles.label.cells(), dtype=object)[:, None]
    return Loaded(values, None, labels, units, classes=classes, notes=tuple(roles.notes))


def _classes_at(columns: list[Column]) -> int | None:
    """0 where the first column holds a few whole numbers beside decimals, as in the UCR archive, -1 where the last one does."""
    return next((at for at in (0, -1) if _are_classes(columns[at], columns)), None)


def _are_classes(one: Column, columns: list[Column]) -> bool:
    first, rest = one.values, [c.values for c in columns if c is not one and c.values is not None]
    if first is None or len(rest) < 2 or len(first) < 4 or not np.array_equal(first, np.round(first)):
        return False
    kinds, counts = np.unique(first, return_counts=True)
    decimals = float(np.mean([np.mean(v != np.round(v)) for v in rest]))
    return 1 < len(kinds) <= len(first) / 2 and bool((counts > 1).all()) and decimals > (0.9 if one is columns[0] else 0.5)


def _refuse_first_row(matrix: npt.NDArray[np.float64], where: Path | str) -> None:
    """A first row that rises in equal steps above rows that do not is a header of times."""
    if len(matrix) > 2 and clock.rises_evenly(matrix[0]) and not any(clock.rises_evenly(row) for row in matrix[1:6]):
        raise InputError(
            f"the first row of {where} rises in equal steps, as times or column numbers do, and the rows below do not: "
            "remove it and pass rate=, or say index='none' (--index none) if it is a signal"
        )


def _columns(sheet: Sheet, roles: Roles, asked: Asked, where: Path | str) -> Loaded:
    """Each column is a channel, and rows are moments of one recording or of several cases."""
    if asked.uneven and roles.cases and roles.clocks and not sheet.ours and scattered(roles, where):
        roles = gathered(roles, None, where)
    notes = list(roles.notes)
    values = [c.values for c in roles.channels if c.values is not None]
    sizes = _case_sizes(roles, len(values[0]), sheet.ours, notes, where)
    cases, length = len(sizes), sizes[0]
    rate, times, said = rate_of_table(sheet, roles, asked, cases, where)
    notes += said
    for one in roles.index:
        if not sheet.ours:
            notes.append(f"{one.shown} numbers the rows")
            _warn_skips(one, length, where)
    picked = set(asked.channels) if sheet.named else set()
    if not (sheet.ours or picked or len(asked.channels) == len(roles.channels)) and asked.index != NONE:
        refuse_ramp(roles.channels, where, _NAME_IT)
    batch = np.stack(values, axis=1).reshape(cases, length, -1).transpose(0, 2, 1)
    events = () if roles.events is None else _events(roles.events, length)
    if roles.events is not None and not events:
        notes.append(f"{roles.events.shown} holds no events and is left out")
    titles = [names.split_name(c.name) if sheet.ours else title_and_unit(c) for c in roles.channels] if sheet.named else []
    classes = None if roles.label is None else np.array(roles.label.cells(), dtype=object).reshape(cases, length)
    return Loaded(
        batch,
        rate,
        tuple(name for name, _ in titles),
        tuple(unit for _, unit in titles),
        classes=classes,
        asked=asked.labels is not None,
        events=events,
        notes=tuple(notes),
        times=times,
    )


def _case_sizes(roles: Roles, rows: int, ours: bool, notes: list[str], where: Path | str) -> list[int]:
    """How many rows each case has; all rows are one case where the columns of cases do not change."""
    keys = [" ".join(key) for key in zip(*(c.cells() for c in roles.cases), strict=True)] if roles.cases else [""] * rows
    if roles.clocks and not ours and len(keys) > 1 and len(set(keys)) == len(keys):
        notes.append(f"{roles.cases[0].shown} numbers the rows")
        return [rows]
    starts = [0, *(i for i in range(1, len(keys)) if keys[i] != keys[i - 1])]
    if len(starts) == 1:
        return [rows]
    found = [keys[i] for i in starts]
    if len(set(found)) != len(found):
        name = next(name for name in found if found.count(name) > 1)
        raise InputError(f"case {name!r} stands in several places of {where}: sort the rows by case and time")
    sizes = [end - start for start, end in zip(starts, [*starts[1:], rows], strict=True)]
    for name, size in zip(found, sizes, strict=True):
        if size != sizes[0]:
            first = f"case {found[0]!r} has {sizes[0]}"
            hint = ", or pass uneven=True (--uneven), which puts all on the times of all" if roles.clocks else ""
            raise InputError(f"case {name!r} of {where} has {size} rows, but {first}: cut or pad them to one length{hint}")
    if roles.cases[0].name != names.CASE:
        notes.append(f"{' and '.join(c.shown for c in roles.cases)} tell{'s' * (len(roles.cases) == 1)} the cases apart")
    return sizes


def _warn_skips(one: Column, length: int, where: Path | str) -> None:
    """A counter that skips has lost rows, and one that jumps about has shuffled them: neither leaves a trace in the signals."""
    if one.values is None or length < 3:
        return
    steps = np.diff(one.values.reshape(-1, length), axis=1)
    usual = np.median(steps)
    if (steps == 0).all():
        return
    regular = usual > 0 and (steps == usual).mean() > 0.8
    skips = np.argwhere(steps > usual) if regular else np.argwhere(steps <= 0)
    if len(skips):
        row = int(skips[0][0] * length + skips[0][1]) + 1
        if regular:
            warnings.warn(f"{where}: {one.shown} skips after data row {row}, so samples may be missing there", stacklevel=2)
        else:
            warnings.warn(f"{where}: {one.shown} goes back after data row {row}, so rows may be out of order", stacklevel=2)


def _events(one: Column, length: int) -> tuple[Event, ...]:
    """Every row where the cell of events becomes another than empty or 0."""
    cells, found = ["" if _is_zero(c) else c for c in one.cells()], []
    for row, cell in enumerate(cells):
        if cell and (row % length == 0 or cells[row - 1] != cell):
            found.append(Event(row // length, float(row % length), cell))
    return tuple(found)


def _is_zero(cell: str) -> bool:
    try:
        return float(cell) == 0
    except ValueError:
        return cell.casefold() in ("nan", "na", "none")


def classes_of(loaded: Loaded, name: str, where: Path | str) -> Loaded:
    """The channel of this name taken out of the signals, as the class of every sample."""
    if name not in loaded.channels:
        raise InputError(f"labels is {name!r}, but must be a channel of {where}: it has {listed(loaded.channels or ('no names',), 12)}")
    if len(loaded.channels) == 1:
        raise InputError(f"{name} is the only channel, so nothing is left to fit: give labels in a file of their own")
    at = loaded.channels.index(name)
    kept = [i for i in range(len(loaded.channels)) if i != at]
    classes = np.array([[float(v) for v in row] for row in loaded.values[:, at]], dtype=object)
    channels, units = (tuple(words[i] for i in kept) for words in (loaded.channels, loaded.units or ("",) * len(loaded.channels)))
    return replace(loaded, values=loaded.values[:, kept], channels=channels, units=units, classes=classes, asked=True)
