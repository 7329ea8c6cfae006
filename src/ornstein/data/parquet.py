"""Parquet files with the same table as CSV: case, time, one column per channel."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ornstein.common.checks import extra
from ornstein.common.errors import InputError
from ornstein.common.signals import Signals
from ornstein.data import names
from ornstein.data.layout import is_known_header
from ornstein.data.loaded import MAX_BYTES, Loaded, broken
from ornstein.data.roles import Asked
from ornstein.data.sheet import Column, Sheet
from ornstein.data.table import columns_of, from_sheet, header_of

_TICKS = {"time32[s]": 1.0, "time32[ms]": 1e-3, "time64[us]": 1e-6, "time64[ns]": 1e-9}
"""Seconds of one count of a time of day."""
_LEVEL = re.compile(r"'([^']*)'")
_LEVELS = re.compile(r"\('[^']*'(, '[^']*')+\)")


def read(path: Path, asked: Asked) -> Loaded:
    """The signals of a Parquet table; nulls are missing values, a column of time stamps gives the rate, and pandas' index is none."""
    extra("pyarrow", "io", "reading Parquet")
    parquet = extra("pyarrow.parquet", "io", "reading Parquet")
    try:
        with parquet.ParquetFile(path) as file:
            size = 8 * file.metadata.num_rows * file.metadata.num_columns
            if size > MAX_BYTES:
                raise InputError(f"{path} would unpack to {size} bytes, more than {MAX_BYTES}: split it, or save it as NPY")
            table = file.read()
    except InputError:
        raise
    except Exception as error:  # damaged files surface as any of the library's errors
        raise broken(path, "Parquet", error) from None
    if not table.num_rows or not table.num_columns:
        raise InputError(f"{path} is empty: it holds no values")
    labels, ours = _index(table.schema.metadata or {}), is_known_header(table.column_names)
    columns = [
        _column(name, k, column, name in labels, path)
        for k, (name, column) in enumerate(zip(table.column_names, table.columns, strict=True))
    ]
    if len(labels) > 1:
        lead = next(i for i, column in enumerate(columns) if column.indexed)
        columns[lead] = replace(columns[lead], words=columns[lead].cells(), values=None, role="case")
    ranges = _ranges(table.schema.metadata or {}, table.num_rows)
    columns = [*ranges, *columns]
    counted = [c.name for c in columns if not c.indexed] == [
        str(k) for k in range(table.num_columns - len(labels))
    ] and table.num_columns > 1
    if counted:  # a frame without names: they only count the columns
        columns = [c if c.indexed else replace(c, name="") for c in columns]
    columns.sort(key=lambda column: not column.indexed)  # pandas writes its index last; it leads the table in every other format
    return from_sheet(Sheet(columns, named=not counted, ours=ours), asked, path)


def write(path: Path, signals: Signals) -> None:
    """The table ``case, time, <channel [unit]>, ...`` with missing values as NaN."""
    pyarrow = extra("pyarrow", "io", "writing Parquet")
    parquet = extra("pyarrow.parquet", "io", "writing Parquet")
    columns = [pyarrow.array(column) for column in columns_of(signals)]
    parquet.write_table(pyarrow.Table.from_arrays(columns, names=header_of(signals)), path)


def _joined(name: str) -> str:
    """The levels of a name as pandas keeps them, ``('left', 'Fz')``, in one: left Fz."""
    return " ".join(_LEVEL.findall(name)) if _LEVELS.fullmatch(name) else name


def _index(metadata: dict[bytes, bytes]) -> set[str]:
    """The names of the columns that pandas wrote as the index of its frame."""
    try:
        listed = json.loads(metadata.get(b"pandas", b"{}")).get("index_columns", [])
    except (ValueError, AttributeError):
        return set()
    return {name for name in listed if isinstance(name, str)}


def _ranges(metadata: dict[bytes, bytes], rows: int) -> list[Column]:
    """A range that pandas kept as three numbers, where it has a name: the clock of the frame, or its row numbers."""
    try:
        listed = json.loads(metadata.get(b"pandas", b"{}")).get("index_columns", [])
        named = [one for one in listed if isinstance(one, dict) and one.get("kind") == "range" and isinstance(one.get("name"), str)]
        return [Column(one["name"], 1, one["start"] + one["step"] * np.arange(rows, dtype=np.float64), indexed=True) for one in named]
    except (ValueError, AttributeError, KeyError, TypeError):
        return []


def _column(name: str, place: int, column: Any, indexed: bool, path: Path) -> Column:
    """One column as numbers, words or moments; nulls are missing."""
    kind = str(column.type)
    shown = "" if indexed and name.startswith("__index_level") else _joined(name)
    blank = column.null_count == len(column)
    if kind.startswith(("timestamp", "date", "duration")):
        unit = "timedelta64[ns]" if kind.startswith("duration") else "datetime64[ns]"
        moments = column.to_numpy().astype(unit)
        times = np.where(np.isnat(moments), np.nan, (moments - moments[0]) / np.timedelta64(1, "s"))
        return Column(shown if names.clock(shown) else f"time {shown}".strip(), place + 1, times, indexed=indexed, unit="s", stamps=True)
    if kind.startswith("time"):
        seconds = column.cast("int64" if kind.startswith("time64") else "int32").to_numpy() * _TICKS[kind]
        return Column(shown if names.clock(shown) else f"time {shown}".strip(), place + 1, seconds, indexed=indexed, unit="s", stamps=True)
    if kind.startswith(("string", "large_string", "dictionary")):
        return Column(
            shown, place + 1, words=["" if word is None else str(word) for word in column.to_pylist()], blank=blank, indexed=indexed
        )
    if kind == "null":
        return Column(shown, place + 1, np.full(len(column), np.nan), blank=True, indexed=indexed)
    if not kind.startswith(("int", "uint", "float", "double", "halffloat", "bool", "decimal")):
        raise InputError(f"column {name!r} of {path} holds {kind}, but must hold numbers: drop or convert it")
    numbers = column.cast("int8" if kind == "bool" else "float64") if kind.startswith(("bool", "decimal")) else column
    return Column(shown, place + 1, numbers.to_numpy().astype(np.float64), blank=blank, indexed=indexed)
