"""Data frames of pandas and polars, collections of aeon and sktime among them, as sheets of named columns."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Any

import numpy as np
import numpy.typing as npt

from ornstein.common.errors import InputError, listed
from ornstein.data import clock, names
from ornstein.data.loaded import Loaded
from ornstein.data.roles import Asked
from ornstein.data.sheet import Column, Sheet
from ornstein.data.table import from_sheet


def pandas(frame: Any, asked: Asked, where: str) -> Loaded:
    """A frame: wide, long, with a time index, with an index (case, time), or nested with a series in every cell."""
    if not len(frame) or not frame.shape[1]:
        raise InputError(f"{where} is empty: it holds no values")
    if hasattr(frame.iloc[0, 0], "__len__") and not isinstance(frame.iloc[0, 0], str | bytes):
        return _nested(frame, where)
    titles = [*frame.columns]
    if getattr(frame.index, "nlevels", 1) > 1 and all(isinstance(title, int | np.integer) for title in titles):
        titles = [f"ch{title}" for title in titles]  # beside an index (case, time) columns are channels, whatever they are called
    named = not (_moments(titles) or _numbered(titles))
    columns = [*_index(frame.index)]
    for title, (_, series) in zip(titles, frame.items(), strict=True):
        name = " ".join(filter(None, map(str, title))) if isinstance(title, tuple) else str(title)
        columns.append(_column(name if named else "", len(columns) + 1, series))
    return from_sheet(Sheet(columns, named, across=None if named else _across(titles)), asked, where)


def polars(frame: Any, asked: Asked, where: str) -> Loaded:
    """A frame of polars."""
    if not frame.height or not frame.width:
        raise InputError(f"{where} is empty: it holds no values")
    columns = [_column(series.name, number, series, series.to_numpy()) for number, series in enumerate(frame.get_columns(), 1)]
    return from_sheet(Sheet(columns, named=True), asked, where)


def _index(index: Any) -> list[Column]:
    """The index of a frame as columns; one that only counts 0, 1, 2, ... says nothing and gives none."""
    if type(index).__name__ == "RangeIndex" and index.start == 0 and index.step == 1 and index.name is None:
        return []
    if type(index).__name__ == "PeriodIndex":
        index = index.to_timestamp()
    if getattr(index, "nlevels", 1) == 1:
        return [_column(index.name or "", 1, index, indexed=True)]
    found = []
    for level in range(index.nlevels):
        one = _column(index.names[level] or "", level + 1, index.get_level_values(level), indexed=True)
        if level < index.nlevels - 1:
            one = Column(one.name or names.CASE, one.number, words=[str(v) for v in index.get_level_values(level)], role="case")
        found.append(one)
    return found


def _column(name: str, number: int, series: Any, array: npt.NDArray[Any] | None = None, indexed: bool = False) -> Column:
    """A series as numbers, words or moments."""
    kind = str(series.dtype)
    name = str(name)
    if array is None and kind.startswith("datetime64") and getattr(series, "tz", None) is not None:
        series = series.tz_convert(None)
    values = np.asarray(series) if array is None else array
    if values.dtype.kind in "mM":
        moments = values.astype("timedelta64[ns]" if values.dtype.kind == "m" else "datetime64[ns]")
        times = np.where(np.isnat(moments), np.nan, (moments - moments[0]) / np.timedelta64(1, "s"))
        return Column(name if names.clock(name) else f"time {name}".strip(), number, times, stamps=True, indexed=indexed, unit="s")
    if values.dtype.kind in "fiub":
        return Column(name, number, values.astype(np.float64), indexed=indexed)
    if values.dtype.kind == "c":
        raise InputError(f"column {name!r} is complex, but must hold real numbers: pass real and imaginary part as columns")
    cells = values.tolist()
    strange = [cell for cell in cells if isinstance(cell, list | tuple | dict | set | bytes | np.ndarray)]
    if strange:
        raise InputError(f"column {name!r} holds a {type(strange[0]).__name__} in a cell, but must hold numbers: drop or convert it")
    if any(isinstance(cell, time) for cell in cells):
        cells = [datetime.combine(date(2000, 1, 1), cell) for cell in cells if isinstance(cell, time)]
        if len(cells) < len(values):
            raise InputError(f"column {name!r} has no time in some rows: fill them in, or drop the column")
    if hasattr(cells[0], "total_seconds") or hasattr(cells[0], "isoformat"):  # Timestamps with zones come as objects
        times = np.array([(cell - cells[0]).total_seconds() for cell in cells])
        return Column(name if names.clock(name) else f"time {name}".strip(), number, times, stamps=True, indexed=indexed, unit="s")
    missing = [cell is None or cell != cell or str(cell) == "<NA>" for cell in cells]
    if all(gone or isinstance(cell, int | float) for gone, cell in zip(missing, cells, strict=True)):
        numbers = np.array([np.nan if gone else float(cell) for gone, cell in zip(missing, cells, strict=True)])
        return Column(name, number, numbers, indexed=indexed, blank=all(missing))
    words = ["" if gone else str(cell) for gone, cell in zip(missing, cells, strict=True)]
    return Column(name, number, words=words, indexed=indexed, blank=all(missing))


def _nested(frame: Any, where: str) -> Loaded:
    """A collection with a series in every cell: (case, channel) of (time,)."""
    flat = [
        title for title, cell in zip(frame.columns, frame.iloc[0], strict=True) if not hasattr(cell, "__len__") or isinstance(cell, str)
    ]
    if flat:
        raise InputError(
            f"{where} holds series in some columns, but single values in {listed(list(map(str, flat)), 4)}: pass those as labels"
        )
    rows = [[np.asarray(cell, dtype=np.float64) for cell in row] for row in frame.to_numpy()]
    lengths = {len(cell) for row in rows for cell in row}
    if len(lengths) > 1:
        raise InputError(f"{where} holds series of {min(lengths)} to {max(lengths)} values: cut or pad them to one length")
    titles = [names.foreign_name(str(title)) for title in frame.columns]
    return Loaded(np.array(rows), None, tuple(name for name, _ in titles), tuple(unit for _, unit in titles))


def nameless(frame: Any) -> bool:
    """Whether neither the columns nor the rows of a frame of pandas are called anything but 0, 1, 2, ...."""
    return type(frame).__name__ == "DataFrame" and hasattr(frame, "iloc") and _numbered([*frame.columns]) and not _index(frame.index)


def _numbered(titles: list[Any]) -> bool:
    return all(isinstance(title, int | float | np.number) for title in titles)


def _moments(titles: list[Any]) -> bool:
    """Whether columns are dates, times or durations."""
    return all(hasattr(title, "isoformat") or hasattr(title, "total_seconds") for title in titles)


def _across(titles: list[Any]) -> float | None:
    """Steps per second of columns that are times 0.0, 0.004, ... or dates; whole numbers only count."""
    if _moments(titles):
        titles = [(title - titles[0]).total_seconds() for title in titles]
    elif np.array_equal(titles, np.round(np.array(titles, dtype=np.float64))):
        return None
    return clock.rate_of(np.array(titles, dtype=np.float64), "s") if len(titles) > 2 else None
