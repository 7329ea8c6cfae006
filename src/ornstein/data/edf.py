"""EDF and BDF files (European Data Format, Kemp et al. 1992): EEG, ECG and sleep recordings."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ornstein.common.checks import extra
from ornstein.common.errors import InputError, counted, listed
from ornstein.common.signals import Signals
from ornstein.data import edf_annotations, edf_header, share, timeline
from ornstein.data.edf_annotations import Annotation
from ornstein.data.edf_header import Channel, Header
from ornstein.data.loaded import Event, Loaded, broken, picked, single


def read(path: Path, channels: tuple[str, ...]) -> Loaded:
    """Names, units, rate and events of EDF, EDF+ and BDF; ``channels`` picks signals by label, all of them where it is empty.

    physical = (digital - digital minimum) * gain + physical minimum. The records of a discontinuous file (EDF+D) stand at their
    own times: what lies between them is missing (NaN), or, where that would be most of the signal, each run of records is a case.
    """
    header = edf_header.read(path)
    kind = "BDF" if header.width == 3 else "EDF"
    data, notes = _records(path, header, kind)
    signals = [c for c in header.channels if not c.annotates and not (kind == "BDF" and c.label == "Status")]
    status = next((c for c in header.channels if kind == "BDF" and c.label == "Status"), None)
    if channels:
        everything = [c for c in header.channels if not c.annotates]
        signals = [everything[i] for i in picked(tuple(c.label for c in everything), channels, path)]
    if not signals:
        raise InputError(f"{path} holds annotations only, no signals")
    _refuse_rates(signals, header.seconds, path)
    samples = signals[0].count
    rate = samples / header.seconds if header.seconds else None
    if rate is None:
        notes.append("its records tell no duration, so the rate is unknown")
    values = np.empty((len(signals), len(data) * samples))
    for row, channel in zip(values, share.along(signals), strict=True):
        _scaled(data, channel, header.width, path, row)
    starts, told = edf_annotations.parse(_annotated(data, header))
    placed = timeline.place(values, samples, rate, starts, header.reserved[4:5] == "D", path)
    events = [Event(*placed.where(a.onset, rate), a.text) for a in told if rate is not None and not a.bad]
    events += _triggers(data, status, placed, samples)
    bad = [a for a in told if a.bad and rate is not None]
    for one in bad:
        case, first = placed.where(one.onset, rate or 1.0)
        placed.values[case, :, max(0, round(first)) : max(0, round(first + one.duration * (rate or 1.0)))] = np.nan
    if bad:
        notes.append(f"{counted(len(bad), 'part')} marked BAD set to missing")
    labels, units = tuple(c.label for c in signals), tuple(c.unit for c in signals)
    return Loaded(placed.values, rate, labels, units, events=tuple(events), notes=(*notes, *placed.notes))


def _records(path: Path, header: Header, kind: str) -> tuple[npt.NDArray[np.uint8], list[str]]:
    """The data records as bytes (record, byte), as many as the header promises."""
    size = path.stat().st_size - header.start
    found, rest = divmod(size, header.record_bytes)
    if header.records not in (-1, found) or (rest and header.records != -1) or not found:
        raise broken(path, kind, f"its header promises {header.records} data records, but it holds {size / header.record_bytes:.6g}")
    notes = []
    if header.records == -1:
        notes.append("the recording was never closed: its complete records are read")
        warnings.warn(f"{path} was never closed: its {found} complete records are read, {rest} bytes after them are not", stacklevel=2)
    raw = np.fromfile(path, dtype=np.uint8, count=found * header.record_bytes, offset=header.start)
    return raw.reshape(found, header.record_bytes), notes


def _annotated(data: npt.NDArray[np.uint8], header: Header) -> list[bytes]:
    """The bytes of the annotation signals of each record."""
    parts = [slice(c.offset, c.offset + header.width * c.count) for c in header.channels if c.annotates]
    return [b"".join(record[part].tobytes() for part in parts) for record in data] if parts else []


def _scaled(data: npt.NDArray[np.uint8], channel: Channel, width: int, path: Path, out: npt.NDArray[np.float64]) -> None:
    gain, offset = channel.scale(path)
    np.multiply(_digital(data, channel, width), gain, out=out)
    out += offset


def _digital(data: npt.NDArray[np.uint8], channel: Channel, width: int) -> npt.NDArray[np.int32]:
    """The whole numbers of one channel, all records in a row: two or three bytes each, the least first."""
    raw = np.ascontiguousarray(data[:, channel.offset : channel.offset + width * channel.count])
    if width == 2:
        return raw.view("<i2").astype(np.int32).ravel()
    three = raw.reshape(-1, 3)
    return np.pad(three, ((0, 0), (1, 0))).view("<i4").ravel() >> 8


def _refuse_rates(signals: list[Channel], seconds: float, path: Path) -> None:
    counts = list(dict.fromkeys(c.count for c in signals))
    if len(counts) > 1:
        groups = [(n / (seconds or 1.0), [c.label for c in signals if c.count == n]) for n in counts]
        shown = "; ".join(f"{rate:g} Hz: {listed(labels, 6)}" for rate, labels in groups)
        raise InputError(f"{path} holds signals of different rates ({shown}): choose those of one rate with channels= (--channels)")


def _triggers(data: npt.NDArray[np.uint8], status: Channel | None, placed: timeline.Placed, samples: int) -> list[Event]:
    """The codes of BioSemi's status channel: its lower 16 bits, wherever they become another number than 0."""
    if status is None or status.count != samples:
        return []
    codes = _digital(data, status, 3) & 0xFFFF
    changes = np.flatnonzero((codes != 0) & (np.diff(codes, prepend=codes[:1] * 0) != 0))
    return [Event(*placed.of_sample(int(i)), str(int(codes[i]))) for i in changes]


def write(path: Path, signals: Signals, annotations: Sequence[Annotation] = ()) -> None:
    """One recording, EDF+ with annotations; each channel is rounded to 1/65535 of its range, names have 16 and units 8 ASCII characters."""
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
        told = [edfio.EdfAnnotation(a.onset, a.duration, a.text) for a in annotations]
        content = edfio.Edf(columns, data_record_duration=duration, annotations=told or None)
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
