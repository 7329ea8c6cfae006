"""Frames of pandas and arrays of xarray with their gaps filled: the same object, with its dimensions, coordinates, index and names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import Tensor

from ornstein.common.signals import Signals
from ornstein.data import names, objects, xarray_objects

KINDS = ("pandas.DataFrame", "pandas.Series", "xarray.DataArray", "xarray.Dataset")

Values = np.ndarray[Any, Any]


def is_framed(x: object) -> bool:
    """Whether x is a frame, series or labelled array that can come back as such."""
    return objects.kind(x) in KINDS


def filled(x: Any, signals: Signals, channels: Sequence[str], values: Tensor) -> Any | None:
    """A copy of x in which values (case, channel, time) of these channels stand where ``signals``, read from x, are missing.

    Every other number is as it was, to the bit. None for a frame that is laid out in another way than rows of times, rows of cases,
    cases below each other, or series in cells.
    """
    whole = signals.values.numpy().copy()
    at = [signals.channels.index(name) for name in channels]
    whole[:, at] = np.where(np.isnan(whole[:, at]), values.numpy(), whole[:, at])
    kind = objects.kind(x)
    if kind == "xarray.DataArray":
        return _labelled(x, whole)
    if kind == "xarray.Dataset":
        return x.assign({name: _labelled(x[name], whole[:, [k]]) for k, name in enumerate(x.data_vars)})
    if kind == "pandas.Series":
        found = _frame(x.to_frame(name=x.name or "ch0"), signals, whole)
        return None if found is None else found.iloc[:, 0].rename(x.name)
    return _frame(x, signals, whole)


def _labelled(x: Any, whole: Values) -> Any:
    """A labelled array with what is missing in it taken from ``whole`` (case, channel, time)."""
    turned = x.transpose(*xarray_objects.order(x))
    there = turned.values
    made = turned.copy(data=np.where(np.isnan(there), whole.reshape(there.shape), there).astype(there.dtype, copy=False))
    return made.transpose(*x.dims)


def _frame(x: Any, signals: Signals, whole: Values) -> Any | None:
    """A frame, by the layout in which its numbers are those that were read."""
    if hasattr(x.iloc[0, 0], "__len__") and not isinstance(x.iloc[0, 0], str | bytes):
        return _nested(x, whole)
    by_name = {names.foreign_name(" ".join(map(str, t)) if isinstance(t, tuple) else str(t))[0]: k for k, t in enumerate(x.columns)}
    before = signals.values.numpy()
    if all(name in by_name for name in signals.channels):
        places = [by_name[name] for name in signals.channels]
        if (found := _placed(x, places, _rows(before), _rows(whole))) is not None:
            return found
    numbers = [k for k, dtype in enumerate(x.dtypes) if dtype.kind == "f"]
    if before.shape[1] == 1 or before.shape[2] == 1:
        return _placed(x, numbers, before.reshape(len(before), -1), whole.reshape(len(whole), -1))
    return None


def _rows(values: Values) -> Values:
    """(case, channel, time) as rows of times, one case below the other."""
    return values.transpose(0, 2, 1).reshape(-1, values.shape[1])


def _placed(x: Any, places: list[int], before: Values, after: Values) -> Any | None:
    """The frame with ``after`` in these columns, if ``before`` is what stands there."""
    try:
        there = x.iloc[:, places].to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError):
        return None
    if not np.array_equal(there, before, equal_nan=True):
        return None
    made = x.copy()
    for k, place in enumerate(places):
        gone = np.isnan(before[:, k])
        if gone.any():
            column = x.iloc[:, place]
            made.isetitem(place, column.where(~gone, column._constructor(after[:, k], index=column.index)).astype(column.dtype))
    return made


def _nested(x: Any, whole: Values) -> Any:
    """A collection with a series in every cell."""
    made = x.copy()
    for k in range(x.shape[1]):
        cells = []
        for cell, row in zip(x.iloc[:, k], whole[:, k], strict=True):
            values = np.asarray(row, dtype=np.asarray(cell).dtype)
            cells.append(cell._constructor(values, index=cell.index, name=cell.name) if hasattr(cell, "_constructor") else values)
        column = np.empty(len(cells), dtype=object)
        for i, cell in enumerate(cells):
            column[i] = cell
        made.isetitem(k, x.iloc[:, k]._constructor(list(column), index=x.index, dtype=object))
    return made
