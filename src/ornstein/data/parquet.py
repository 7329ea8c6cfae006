"""Parquet files with the same table as CSV: case, time, one column per channel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ornstein.common.checks import extra
from ornstein.common.errors import InputError
from ornstein.common.signals import Signals
from ornstein.data.loaded import MAX_BYTES, Loaded, broken
from ornstein.data.table import CASE, Table, columns_of, from_table, header_of, split_name


def read(path: Path, orient: str) -> Loaded:
    """The signals of a Parquet table; nulls are missing values, a column of time stamps gives the rate."""
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
    header: list[str] = []
    texts: list[list[str]] = []
    numbers = []
    for name, column in zip(table.column_names, table.columns, strict=True):
        if not header and split_name(name)[0].casefold() == CASE:
            header.append(name)
            texts.append([str(label) for label in column.to_pylist()])
            continue
        stamps = str(column.type).startswith("timestamp")
        header.append("time [s]" if stamps else name)
        numbers.append(_seconds(column) if stamps else _numbers(column, name, path))
    if not numbers:
        raise InputError(f"{path} has no column with values")
    return from_table(Table(header, texts, np.stack(numbers, axis=1)), orient, path)


def write(path: Path, signals: Signals) -> None:
    """The table ``case, time, <channel [unit]>, ...`` with missing values as NaN."""
    pyarrow = extra("pyarrow", "io", "writing Parquet")
    parquet = extra("pyarrow.parquet", "io", "writing Parquet")
    columns = [pyarrow.array(column) for column in columns_of(signals)]
    parquet.write_table(pyarrow.Table.from_arrays(columns, names=header_of(signals)), path)


def _numbers(column: Any, name: str, path: Path) -> Any:
    """A column as float64, nulls as NaN."""
    kind = str(column.type)
    if not kind.startswith(("int", "uint", "float", "double", "halffloat", "bool")):
        raise InputError(f"column {name!r} of {path} holds {kind}, but must hold numbers: drop or convert it")
    return (column.cast("int8") if kind == "bool" else column).to_numpy().astype(np.float64)


def _seconds(column: Any) -> Any:
    """A column of time stamps as seconds since its first, missing ones as NaN."""
    stamps = column.to_numpy().astype("datetime64[ns]")
    return np.where(np.isnat(stamps), np.nan, (stamps - stamps[0]) / np.timedelta64(1, "s"))
