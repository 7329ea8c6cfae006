"""Signals as a frame of pandas or an array of xarray, each as its users lay them out; ``orn.read`` and ``orn.fit`` take both back."""

from __future__ import annotations

from typing import Any

import numpy as np

from ornstein.common import checks
from ornstein.common.errors import InputError
from ornstein.common.signals import Signals

Values = np.ndarray[Any, Any]


def to_frame(signals: Signals) -> Any:
    """A ``DataFrame``: one column a channel, "Fz [µV]" where its unit is known, one row a sample.

    The index is (case, time), the layout that sktime calls pd-multiindex, or the time alone for a single case without a label; time is in
    seconds, and ``sample`` stands in its place where there is no rate. Labels are a column ``label``. Raises ``InputError`` without
    pandas, and for channels with the name of a level or of that column, which would be lost on the way back.
    """
    signals = _signals(signals)
    pandas: Any = checks.extra("pandas", "frames", "making a DataFrame")
    cases, channels, length = signals.shape
    time, clock = _times(signals), "sample" if signals.rate is None and signals.times is None else "time"
    rows = signals.values.numpy().transpose(0, 2, 1).reshape(-1, channels)
    names = [f"{name} [{unit}]" if unit else name for name, unit in zip(signals.channels, signals.units, strict=True)]
    if taken := sorted({"case", clock, *(["label"] if signals.labels else [])} & set(names)):
        raise InputError(f"a channel is called {taken[0]}, which a frame keeps for its {taken[0]}: rename the channel")
    if cases == 1 and not signals.labels:
        return pandas.DataFrame(rows, columns=names, index=pandas.Index(time, name=clock))
    index = pandas.MultiIndex.from_product([range(cases), time], names=["case", clock])
    frame = pandas.DataFrame(rows, columns=names, index=index)
    return frame.assign(label=np.repeat(np.array(signals.labels), length)) if signals.labels else frame


def to_xarray(signals: Signals) -> Any:
    """A ``DataArray`` with the dimensions case, channel and time (in seconds, or counting samples where there is no rate).

    Coordinates: ``channel``, ``time``, ``label`` of the cases, and ``units`` of the channels where they differ; units that are the same for
    all are the attribute ``units``, as everywhere in xarray. Raises ``InputError`` without xarray.
    """
    signals = _signals(signals)
    xarray: Any = checks.extra("xarray", "frames", "making a DataArray")
    counted = signals.rate is None and signals.times is None
    coords: dict[str, Any] = {"channel": list(signals.channels), "time": ("time", _times(signals), {} if counted else {"units": "s"})}
    if signals.labels:
        coords["label"] = ("case", np.array(signals.labels))
    shared = set(signals.units)
    if len(shared) > 1:
        coords["units"] = ("channel", list(signals.units))
    attrs = {"units": signals.units[0]} if len(shared) == 1 and signals.units[0] else {}
    return xarray.DataArray(signals.values.numpy().copy(), coords, ("case", "channel", "time"), attrs=attrs)


def _signals(x: object) -> Signals:
    if not isinstance(x, Signals):
        raise InputError(
            f"signals is a {type(x).__name__}, but must be Signals: orn.Signals(values, rate), or model.signals(values) of draws"
        )
    return x


def _times(signals: Signals) -> Values:
    """The moment of every sample in seconds, or its number."""
    if signals.times is not None:
        return signals.times.numpy()
    count = np.arange(signals.shape[-1])
    return count if signals.rate is None else count / signals.rate
