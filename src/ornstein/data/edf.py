"""EDF files (European Data Format, Kemp et al. 1992): EEG, ECG and sleep recordings."""

from __future__ import annotations

import math
import warnings
from pathlib import Path

import numpy as np

from ornstein.common.checks import extra
from ornstein.common.errors import InputError
from ornstein.common.signals import Signals
from ornstein.data.loaded import Loaded, broken, picked, single


def read(path: Path, channels: tuple[str, ...]) -> Loaded:
    """One case with names, units and rate. ``channels`` picks signals by label, all of them where it is empty."""
    edfio = extra("edfio", "io", "reading EDF")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # remarks on header dates and patient fields, which are not read
        try:
            recording = edfio.read_edf(path)
            with path.open("rb") as file:
                promised = int(file.read(256)[236:244])
            signals, records = recording.signals, recording.num_data_records
        except Exception as error:  # damaged headers surface as almost any error
            raise broken(path, "EDF", error) from None
        if promised not in (-1, records):  # -1 marks a recording that was never closed
            raise broken(path, "EDF", f"its header promises {promised} data records, but it holds {records}")
        if not signals:
            raise InputError(f"{path} holds annotations only, no signals")
        if channels:
            signals = [signals[i] for i in picked(tuple(signal.label for signal in signals), channels, path)]
        rates = {signal.sampling_frequency for signal in signals}
        if len(rates) > 1:
            listed = ", ".join(f"{signal.label} {signal.sampling_frequency:g} Hz" for signal in signals)
            raise InputError(f"{path} holds signals of different rates ({listed}): choose those of one rate with channels=")
        try:
            values = np.stack([signal.data for signal in signals])[None]
        except Exception as error:  # samples are converted here, by scales that may be damaged
            raise broken(path, "EDF", error) from None
    return Loaded(values, float(rates.pop()), tuple(s.label for s in signals), tuple(s.physical_dimension for s in signals))


def write(path: Path, signals: Signals) -> None:
    """One recording; each channel is rounded to 1/65535 of its range, names have 16 and units 8 ASCII characters."""
    edfio = extra("edfio", "io", "writing EDF")
    values = single(signals, "EDF").astype(np.float64)
    if signals.rate is None:
        raise InputError("rate is None, but an EDF file needs samples per second: give the signals a rate")
    for name, words, room in (("channels", signals.channels, 16), ("units", signals.units, 8)):
        for word in words:
            if not (word.isascii() and word.isprintable() and len(word) <= room):
                raise InputError(f"{name} holds {word!r}, but EDF allows at most {room} ASCII characters: rename it")
    duration = _record(values.shape[1], signals.rate)
    try:
        columns = [
            edfio.EdfSignal(row, signals.rate, label=name, physical_dimension=unit)
            for row, name, unit in zip(values, signals.channels, signals.units, strict=True)
        ]
        content = edfio.Edf(columns, data_record_duration=duration)
    except ValueError as error:
        raise InputError(f"the recording does not fit into EDF ({error}): change the unit, or write an NPZ file") from None
    for row, column in zip(values, columns, strict=True):
        if np.abs(column.data - row).max() > np.ptp(row) / 65535:  # the limits of the range are rounded to 8 characters
            raise InputError(f"the range of channel {column.label!r} needs more than EDF's 8 characters: change the unit, or write NPZ")
    content.write(path)


def _record(length: int, rate: float) -> float:
    """Seconds per data record, such that whole records fill ``length`` samples and 8 characters give ``rate`` back exactly."""
    halves = [n for n in range(1, math.isqrt(length) + 1) if length % n == 0]
    seconds = {n: float(f"{n / rate:.12g}") for half in halves for n in (half, length // half)}
    fitting = [span for n, span in seconds.items() if len(f"{span:.12g}") <= 8 and n / span == rate]
    if not fitting:
        raise InputError(f"{length} samples at {rate:g} Hz do not fill whole EDF records: cut the recording to whole seconds")
    return min(fitting, key=lambda span: abs(span - 1.0))
