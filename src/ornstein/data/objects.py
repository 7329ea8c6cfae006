"""Objects of other libraries as signals, known by the name of their type: nothing is imported that the caller has not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from torch import Tensor

from ornstein.common import checks
from ornstein.common.errors import InputError, counted, listed
from ornstein.common.signals import Signals
from ornstein.data import frames, mne_objects, xarray_objects
from ornstein.data.loaded import Loaded
from ornstein.data.numpy_files import shaped
from ornstein.data.records import together
from ornstein.data.roles import Asked

Reader = Callable[[Any, Asked, str], Loaded]

READERS: dict[str, Reader] = {
    "pandas.DataFrame": frames.pandas,
    "pandas.Series": lambda value, asked, where: frames.pandas(value.to_frame(name=value.name or "ch0"), asked, where),
    "polars.DataFrame": frames.polars,
    "polars.LazyFrame": lambda value, asked, where: frames.polars(value.collect(), asked, where),
    "mne.BaseRaw": mne_objects.raw,
    "mne.BaseEpochs": mne_objects.epochs,
    "mne.Evoked": mne_objects.evoked,
    "mne.Info": mne_objects.info,
    "xarray.DataArray": xarray_objects.array,
    "xarray.Dataset": xarray_objects.dataset,
}
"""package.Class of an object, or of one of the classes it derives from -> its reader."""


def kind(value: object) -> str:
    """The row of ``READERS`` that reads ``value``; "" for none."""
    names = (f"{one.__module__.partition('.')[0]}.{one.__name__}" for one in type(value).__mro__)
    return next((name for name in names if name in READERS), "")


def is_foreign(value: object) -> bool:
    """Whether ``value`` is an object of another library with names of its own, or a list of them; plain arrays are not.

    A list of arrays (channel, time) of different lengths, aeon's np-list, is one, since no array holds it.
    """
    return bool(kind(value) or (isinstance(value, list) and value and (kind(value[0]) or _ragged(value))))


def load(value: object, asked: Asked, where: str) -> Loaded:
    """The signals of an object: one of ``READERS``, a list of such of one shape, ``Signals``, or an array as in an NPY file.

    Raises ``InputError`` for what is none of these.
    """
    if isinstance(value, Signals):
        classes = np.array(value.labels, dtype=object)[:, None] if value.labels else None
        times = None if value.times is None else value.times.numpy()
        return Loaded(value.values.numpy(), value.rate, value.channels, value.units, classes=classes, notes=value.notes, times=times)
    found = kind(value)
    if found:
        return READERS[found](value, asked, where)
    if isinstance(value, list) and is_foreign(value):
        return _stacked([_entry(one, asked, where) for one in value], where)
    return shaped(checks.tensor(value, where, missing=True).numpy(), asked.orient, where)


def _ragged(value: list[Any]) -> bool:
    """Whether a list holds arrays (channel, time) of as many channels, and of different lengths."""
    shapes = {tuple(one.shape) if isinstance(one, np.ndarray | Tensor) else () for one in value}
    return len(shapes) > 1 and {len(shape) for shape in shapes} == {2} and len({shape[0] for shape in shapes}) == 1


def _entry(value: Any, asked: Asked, where: str) -> Loaded:
    """One case of a list. An array, and a frame without names, is (channel, time), as in aeon, and (time, channel) with "columns"."""
    bare = isinstance(value, np.ndarray | Tensor) or (frames.nameless(value) and len(value) > 1)
    if not bare or asked.orient not in ("auto", "columns"):
        return load(value, asked, where)
    array = checks.tensor(value if isinstance(value, np.ndarray | Tensor) else value.to_numpy(), where, missing=True).numpy()
    if asked.orient == "columns":
        return Loaded(array.T[None])
    note = "the rows of each frame, which has no names, are its channels (orient='columns': its columns are)"
    return Loaded(array[None], notes=() if isinstance(value, np.ndarray | Tensor) else (note,))


def _stacked(parts: list[Loaded], where: str) -> Loaded:
    """One case after another, in the names of the first; shorter ones are missing after their end."""
    first = parts[0]
    for number, part in enumerate(parts):
        if part.channels == first.channels and part.units != first.units:
            raise InputError(
                f"entry {number} of {where} is in {listed(part.units)}, but the first one in {listed(first.units)}: convert it"
            )
    if any(part.times is not None for part in parts) and all(len(part.values) == 1 and part.channels == first.channels for part in parts):
        return _at_all_times(parts)
    for number, part in enumerate(parts):
        if (part.values.shape[1], part.channels) != (first.values.shape[1], first.channels):
            own, others = counted(part.values.shape[1], "channel"), counted(first.values.shape[1], "channel")
            raise InputError(
                f"entry {number} of {where} has {own} ({listed(part.channels) or '-'}), but the first one {others} "
                f"({listed(first.channels) or '-'}): give all the same ones"
            )
    lengths = [part.values.shape[2] for part in parts]
    if min(lengths) == (most := max(lengths)):
        return replace(first, values=np.concatenate([part.values for part in parts]), classes=None, events=())
    padded = [
        np.pad(part.values.astype(float), ((0, 0), (0, 0), (0, most - part.values.shape[2])), constant_values=np.nan) for part in parts
    ]
    note = f"cases have {min(lengths)} to {most} samples, and are missing (NaN) after their end"
    return replace(first, values=np.concatenate(padded), classes=None, events=(), notes=(*first.notes, note))


def _at_all_times(parts: list[Loaded]) -> Loaded:
    """Recordings with times of their own, each from its first on, at the times of all."""
    own = [part.times if part.times is not None else np.arange(part.values.shape[2]) / (part.rate or 1.0) for part in parts]
    values, times, even = together([(part.values[0], at) for part, at in zip(parts, own, strict=True)])
    share = 1 - sum(len(at) for at in own) / (len(parts) * len(times))
    note = f"samples have times of their own, and stand on the {len(times)} times of all: {share:.0%} of them are missing"
    rate = 1 / float(times[1] - times[0]) if even and len(times) > 1 else None
    return replace(parts[0], values=values, rate=rate, times=None if even else times, classes=None, events=(), notes=(note,))
