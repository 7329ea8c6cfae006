"""Signals back to MNE: new Raw and Epochs from signals, and copies of old ones with what was missing filled in."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from ornstein.common import checks
from ornstein.common.errors import InputError, listed
from ornstein.common.signals import Signals
from ornstein.common.units import conversion
from ornstein.data import objects
from ornstein.data.mne_objects import NO_SIGNALS, scale_of
from ornstein.data.read import read

KINDS = ("mne.BaseRaw", "mne.BaseEpochs", "mne.Evoked")
_TYPES = {"V": "eeg", "T": "mag", "T/m": "grad", "mol/L": "hbo"}
"""Unit that MNE stores -> the type of channel that a signal in a unit of the same dimension gets."""


def is_instrument(x: object) -> bool:
    """Whether x is a Raw, Epochs or Evoked."""
    return objects.kind(x) in KINDS


def is_epochs(x: object) -> bool:
    """Whether x is Epochs."""
    return objects.kind(x) == "mne.BaseEpochs"


def by_epoch(x: Any, nats: Tensor, p: Tensor | None) -> Any:
    """A pandas frame with a row for every epoch, by its number in the recording's list: the name of its event, nats, and the p-value."""
    pandas: Any = checks.extra("pandas", "mne", "frames of epochs")
    names = {code: name for name, code in x.event_id.items()}
    columns = {"event": [names[code] for code in x.events[:, 2]], "nats": nats.numpy()}
    found = columns if p is None else {**columns, "p_value": p.numpy()}
    return pandas.DataFrame(found, index=pandas.Index(x.selection, name="epoch"))


def opened(x: Any, channels: tuple[str, ...]) -> Signals:
    """The channels of x that a model knows (all that hold signals, for a model without names), with bad ones as missing from end to end."""
    kinds = dict(zip(x.ch_names, x.get_channel_types(), strict=True))
    wanted = [name for name in x.ch_names if name in channels] or [name for name, kind in kinds.items() if kind not in NO_SIGNALS]
    found = read(x, channels=wanted)
    values = found.values.clone()
    values[:, [k for k, name in enumerate(found.channels) if name in x.info["bads"]]] = torch.nan
    return found.with_values(values)


def filled(x: Any, signals: Signals, values: Tensor) -> Any:
    """A copy of x in which ``values`` (case, channel, time) stand where ``signals``, read from x, are missing.

    Every other number is as it was, to the bit; channels that were bad and are filled are bad no longer.
    """
    copy = x.copy()
    if hasattr(copy, "load_data"):
        copy.load_data()
    at = [x.ch_names.index(name) for name in signals.channels]
    types = x.get_channel_types()
    scales = np.array([scale_of(types[i])[1] for i in at])[:, None]
    data = copy.data if objects.kind(x) == "mne.Evoked" else copy._data
    stored = data[..., at, :]
    data[..., at, :] = np.where(np.isnan(signals.values.numpy()), values.numpy() / scales, stored).reshape(stored.shape)
    copy.info["bads"] = [name for name in x.info["bads"] if name not in signals.channels]
    return copy


def to_mne(signals: Signals, like: Any = None) -> Any:
    """A ``RawArray`` of one case, or an ``EpochsArray`` of several, whose labels are the names of its events.

    like   a Raw, Epochs or Info that has these channels: their types, places and filters are kept. Without it, types follow from units:
           volts are EEG, teslas magnetometers, all else "misc"

    Raises ``InputError`` without a rate, for channels that ``like`` lacks, and for units that its types do not have.
    """
    mne: Any = checks.extra("mne", "mne", "making MNE objects")
    if signals.rate is None:
        raise InputError("the signals have no rate, but MNE needs one: give them one, orn.Signals(values, rate=...)")
    info = _info(mne, signals, signals.rate, like)
    data = signals.values.to(torch.float64).numpy().copy()
    for k, (kind, unit) in enumerate(zip(info.get_channel_types(), signals.units, strict=True)):
        shown, scale = scale_of(kind)
        step = conversion(unit or shown, shown) if shown else None
        if shown and step is None:
            raise InputError(
                f"{signals.channels[k]} is in {unit}, but a channel of type {kind} is in {shown}: convert it, or change its type"
            )
        if step is not None:
            data[:, k] = (step.factor * data[:, k] + step.offset) / scale
    if len(data) == 1:
        return mne.io.RawArray(data[0], info, verbose="error")
    words = [str(label) for label in signals.labels] or ["signal"] * len(data)
    codes = {name: code for code, name in enumerate(sorted(set(words)), 1)}
    starts = np.arange(len(data)) * data.shape[-1]
    events = np.column_stack([starts, np.zeros_like(starts), [codes[word] for word in words]])
    return mne.EpochsArray(data, info, events, event_id=codes, verbose="error")


def _info(mne: Any, signals: Signals, rate: float, like: Any) -> Any:
    if like is None:
        kinds = [next((kind for unit, kind in _TYPES.items() if mine and conversion(mine, unit)), "misc") for mine in signals.units]
        return mne.create_info(list(signals.channels), rate, kinds)
    info = getattr(like, "info", like)
    if lacking := [name for name in signals.channels if name not in info["ch_names"]]:
        raise InputError(f"like has no channels {listed(lacking)}: give the Raw, Epochs or Info that the signals are like")
    kept = mne.pick_info(info, [info["ch_names"].index(name) for name in signals.channels])
    if abs(kept["sfreq"] - rate) > 1e-6 * rate:
        raise InputError(f"like is sampled at {kept['sfreq']:g} Hz, but the signals at {rate:g} Hz: resample one of them")
    return kept
