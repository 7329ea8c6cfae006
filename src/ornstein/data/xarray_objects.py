"""Arrays and datasets of xarray: axes are known by the names of their dimensions."""

from __future__ import annotations

from typing import Any

import numpy as np

from ornstein.common.errors import InputError
from ornstein.data import clock, names
from ornstein.data.loaded import Loaded
from ornstein.data.roles import Asked

_CHANNELS = ("channel", "channels", "ch", "ch_name", "sensor", "lead", "variable", "feature", "dim")


def array(value: Any, asked: Asked, where: str) -> Loaded:
    """A ``DataArray``: its dimensions are a clock, channels and cases by name, in any order; a single other one is the cases.

    Raises ``InputError`` where none is a clock, or two could be cases, and for values that are no real numbers.
    """
    dims, time, channel, case = _roles(value)
    if not time or len(case) > 1:
        raise InputError(
            f"{where} has the dimensions {', '.join(dims)}, but needs time, and may have channel and one of cases: rename them"
        )
    values = _numbers(value.transpose(*case, *channel[:1], time[0]).values, where)
    if not channel:
        values = values[..., None, :]
    unit = str(value.attrs.get("units", ""))
    named = _words(value, channel[0]) if channel else (str(value.name or "ch0"),)
    units = _beside(value, "units", channel)
    classes = _beside(value, "label", case)
    rate, times = _clock(value, time[0], asked)
    return Loaded(
        values if case else values[None],
        rate,
        named,
        (unit,) * len(named) if units is None else tuple("" if one is None or one != one else str(one) for one in units),
        classes=None if classes is None else classes.astype(object)[:, None],
        times=times,
    )


def order(value: Any) -> list[str]:
    """The dimensions of a ``DataArray`` in the order cases, channels, time."""
    _, time, channel, case = _roles(value)
    return [*case, *channel[:1], *time[:1]]


def _roles(value: Any) -> tuple[list[str], list[str], list[str], list[str]]:
    """(all dimensions, those that may be a clock, channels, cases)."""
    dims = [str(dim) for dim in value.dims]
    time = [dim for dim in dims if names.clock(dim) or dim.casefold() in ("sample", "samples", "timepoint", "timepoints")]
    channel = [dim for dim in dims if dim.casefold() in _CHANNELS]
    return dims, time, channel, [dim for dim in dims if dim not in (*time[:1], *channel[:1])]


def dataset(value: Any, asked: Asked, where: str) -> Loaded:
    """A ``Dataset``: each variable is a channel, all with the same dimensions."""
    parts = [array(value[name], asked, where) for name in value.data_vars]
    if not parts or any(part.values.shape != parts[0].values.shape or part.values.shape[1] != 1 for part in parts):
        raise InputError(f"{where} holds variables {', '.join(map(str, value.data_vars))} of different dimensions: choose one of them")
    units = tuple(part.units[0] for part in parts)
    values = np.concatenate([part.values for part in parts], axis=1)
    return Loaded(values, parts[0].rate, tuple(map(str, value.data_vars)), units, times=parts[0].times)


def _numbers(values: np.ndarray[Any, Any], where: str) -> np.ndarray[Any, Any]:
    """The values in float64. Raises ``InputError`` for complex numbers, dates and words."""
    try:
        if values.dtype.kind not in "cmM":
            return values.astype(np.float64)
    except (TypeError, ValueError):  # words, or objects of any kind
        pass
    raise InputError(
        f"{where} is of type {values.dtype}, but must hold real numbers: convert it, or pass real and imaginary part as channels"
    )


def _words(value: Any, dim: str) -> tuple[str, ...]:
    if dim in value.coords:
        return tuple(str(name) for name in value.coords[dim].values)
    return tuple(f"ch{i}" for i in range(value.sizes[dim]))


def _beside(value: Any, name: str, dims: list[str]) -> np.ndarray[Any, Any] | None:
    """The coordinate ``name`` along the one dimension of ``dims``; None where there is none."""
    if name not in value.coords or not dims or value.coords[name].dims != (dims[0],):
        return None
    found: np.ndarray[Any, Any] = value.coords[name].values
    return found


def _clock(value: Any, dim: str, asked: Asked) -> tuple[float | None, np.ndarray[Any, Any] | None]:
    """The rate of the coordinate of a clock, None where it has none, or only counts; and its times, where they are uneven and may be."""
    if dim not in value.coords or asked.rate is not None:
        return None, None
    times = value.coords[dim].values
    dates = times.dtype.kind in "mM"
    unit = "s" if dates else str(value.coords[dim].attrs.get("units", ""))
    named = names.clock(dim)
    if not dates and (named is None or (not unit and not named.unit and clock.counts(times.astype(np.float64)))):
        return None, None
    since = (times - times[0]).astype("timedelta64[ns]") / np.timedelta64(1, "s") if dates else times.astype(np.float64)
    return clock.rate_or_times(since, unit or (named.unit if named else "") or "s", asked.uneven or dates)
