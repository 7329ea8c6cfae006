"""Raw, Epochs and Evoked of MNE: volts become microvolts, bad channels are left out, bad parts are missing."""

from __future__ import annotations

from typing import Any

import numpy as np

from ornstein.common.errors import InputError, counted, listed
from ornstein.data.edf_annotations import Annotation
from ornstein.data.loaded import Event, Loaded
from ornstein.data.roles import Asked

_VOLTS = ("eeg", "eog", "ecg", "emg", "seeg", "ecog", "dbs", "bio")
_SCALES = {**dict.fromkeys(_VOLTS, ("µV", 1e6)), "mag": ("fT", 1e15), "grad": ("fT/cm", 1e13), "ref_meg": ("fT", 1e15), "hbo": ("µM", 1e6)}
"""Type of a channel -> the unit that MNE shows it in, and how many of it make one of the unit that MNE stores."""
NO_SIGNALS = ("stim", "syst", "exci", "ias")


def scale_of(kind: str) -> tuple[str, float]:
    """(the unit that MNE shows a type of channel in, how many of it make one of the unit that it stores); ("", 1) for other types."""
    return _SCALES.get(kind, ("", 1.0))


def raw(value: Any, asked: Asked, where: str) -> Loaded:
    """One recording with its annotations as events; what they mark as BAD is missing."""
    data, notes = np.array(value.get_data()), []
    rate = float(value.info["sfreq"])
    events = []
    bad = 0
    for entry in value.annotations:
        onset = float(entry["onset"]) - (value.first_time if value.annotations.orig_time is not None else 0.0)
        one = Annotation(onset, float(entry["duration"]), str(entry["description"]))
        if one.bad:
            bad += 1
            data[:, max(0, round(one.onset * rate)) : max(0, round((one.onset + one.duration) * rate))] = np.nan
        else:
            events.append(Event(0, one.onset * rate, one.text))
    if bad:
        notes.append(f"{counted(bad, 'part')} marked BAD set to missing")
    return _named(data[None], value, asked, where, events=tuple(events), notes=notes)


def epochs(value: Any, asked: Asked, where: str) -> Loaded:
    """One case per epoch, labelled with the name of its event."""
    names = {code: name for name, code in value.event_id.items()}
    labels = np.array([names[code] for code in value.events[:, 2]], dtype=object)[:, None]
    return _named(value.get_data(copy=False), value, asked, where, classes=labels if len(names) > 1 else None)


def evoked(value: Any, asked: Asked, where: str) -> Loaded:
    """The average of many epochs as one case."""
    return _named(value.get_data()[None], value, asked, where)


def info(value: Any, asked: Asked, where: str) -> Loaded:
    """Refused: names and rate without signals."""
    raise InputError(f"{where} holds {len(value['ch_names'])} channel names and a rate, but no signals: pass the Raw or the Epochs")


def _named(data: Any, value: Any, asked: Asked, where: str, classes: Any = None, events: tuple[Event, ...] = (), notes: Any = ()) -> Loaded:
    """(case, channel, time) with the names and units of the channels that hold signals."""
    if asked.orient != "auto":
        raise InputError(f"orient is {asked.orient!r}, but {where} has only one orientation: leave orient out")
    kinds, labels, bads = value.get_channel_types(), list(value.ch_names), set(value.info["bads"])
    kept = [
        i
        for i, (kind, name) in enumerate(zip(kinds, labels, strict=True))
        if name in asked.channels or (kind not in NO_SIGNALS and name not in bads)
    ]
    if not kept:
        raise InputError(f"{where} has no channel that is good and holds signals: it has {listed(labels, 12)}")
    left = [name for i, name in enumerate(labels) if i not in kept]
    notes = [*notes, f"{listed(left, 4)} {'is' if len(left) == 1 else 'are'} left out (bad, or no signal)"] if left else list(notes)
    scales = [scale_of(kinds[i]) for i in kept]
    values = data[:, kept] * np.array([scale for _, scale in scales])[:, None]
    rate = float(value.info["sfreq"])
    return Loaded(
        values, rate, tuple(labels[i] for i in kept), tuple(u for u, _ in scales), classes=classes, events=events, notes=tuple(notes)
    )
