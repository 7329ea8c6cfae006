"""Objects of other libraries as signals, known by the name of their type: nothing is imported that the caller has not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from ornstein.common import checks
from ornstein.common.errors import InputError, listed
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
    """Whether ``value`` is an object of another library with names of its own, or a list of them; plain arrays are not."""
    return bool(kind(value) or (isinstance(value, list) and value and kind(value[0])))


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
        return _stacked([load(one, asked, where) for one in value], where)
    return shaped(checks.tensor(value, where, missing=True).numpy(), asked.orient, where)


def _stacked(parts: list[Loaded], where: str) -> Loaded:
    """One case after another; all must have the names and lengths of the first."""
    first = parts[0]
    for number, part in enumerate(parts):
        if part.channels == first.channels and part.units != first.units:
            raise InputError(
                f"entry {number} of {where} is in {listed(part.units)}, but the first one in {listed(first.units)}: convert it"
            )
    if any(part.times is not None for part in parts) and all(len(part.values) == 1 and part.channels == first.channels for part in parts):
        return _at_all_times(parts)
    for number, part in enumerate(parts):
        if (part.values.shape[1:], part.channels) != (first.values.shape[1:], first.channels):
            raise InputError(
                f"entry {number} of {where} has shape {part.values.shape[1:]} and channels {part.channels}, but the first one has "
                f"{first.values.shape[1:]} and {first.channels}: cut or pad them to one length"
            )
    return replace(first, values=np.concatenate([part.values for part in parts]), classes=None, events=())


def _at_all_times(parts: list[Loaded]) -> Loaded:
    """Recordings with times of their own, each from its first on, at the times of all."""
    own = [part.times if part.times is not None else np.arange(part.values.shape[2]) / (part.rate or 1.0) for part in parts]
    values, times, even = together([(part.values[0], at) for part, at in zip(parts, own, strict=True)])
    share = 1 - sum(len(at) for at in own) / (len(parts) * len(times))
    note = f"samples have times of their own, and stand on the {len(times)} times of all: {share:.0%} of them are missing"
    rate = 1 / float(times[1] - times[0]) if even and len(times) > 1 else None
    return replace(parts[0], values=values, rate=rate, times=None if even else times, classes=None, events=(), notes=(note,))
