"""The header of EDF, EDF+ and BDF files (Kemp et al. 1992, Kemp & Olivan 2003): what each signal is, and how bytes become its values."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from ornstein.common.errors import InputError
from ornstein.data.loaded import broken

_FIELDS = (16, 80, 8, 8, 8, 8, 8, 80, 8, 32)
"""Bytes of each field of a signal: label, transducer, unit, physical and digital range, filters, samples, reserved."""


@dataclass(frozen=True)
class Channel:
    """One signal: ``count`` samples a record, from byte ``offset`` of it. The ranges are as written, decimal comma included."""

    label: str
    unit: str
    physical: tuple[str, str]
    digital: tuple[str, str]
    count: int
    offset: int

    @property
    def annotates(self) -> bool:
        """Whether it holds annotations, not samples."""
        return self.label in ("EDF Annotations", "BDF Annotations")

    def scale(self, path: Path) -> tuple[float, float]:
        """(gain, offset) of physical = gain * digital + offset. Raises ``InputError`` for ranges that are no numbers, or empty."""
        (low, high), (least, most) = self._range(self.physical, "physical", path), self._range(self.digital, "digital", path)
        if low == high or not least < most:
            which, ends = ("physical", self.physical) if low == high else ("digital", self.digital)
            raise InputError(
                f"channel {self.label!r} of {path} has the {which} range {ends[0]} to {ends[1]}, which scales nothing: "
                "choose other channels with channels= (--channels), or mend the header"
            )
        gain = (high - low) / (most - least)
        return gain, low - gain * least

    def _range(self, ends: tuple[str, str], what: str, path: Path) -> tuple[float, float]:
        try:
            low, high = (float(end.replace(",", ".")) for end in ends)
        except ValueError:
            low = high = math.nan
        if not math.isfinite(low + high):
            raise InputError(
                f"channel {self.label!r} of {path} has the {what} range {ends[0]!r} to {ends[1]!r}, but they must be numbers: "
                "choose other channels with channels= (--channels), or mend the header"
            )
        return low, high


@dataclass(frozen=True)
class Header:
    """``records`` of ``seconds`` each (-1: never closed; 0: not told), from byte ``start`` of the file; ``width`` bytes a sample."""

    channels: list[Channel]
    records: int
    seconds: float
    start: int
    width: int
    reserved: str

    @property
    def record_bytes(self) -> int:
        """Bytes of one data record."""
        return self.width * sum(channel.count for channel in self.channels)


def read(path: Path) -> Header:
    """The header of a file, by its first byte EDF (0) or BDF (255), whatever its suffix."""
    with path.open("rb") as file:
        fixed = file.read(256)
        kind = "BDF" if fixed[:1] == b"\xff" else "EDF"
        if len(fixed) < 256 or (kind == "EDF" and fixed[:8].strip(b" \0") != b"0") or (kind == "BDF" and fixed[1:8] != b"BIOSEMI"):
            raise broken(path, kind, "its first bytes are no header")
        try:
            start, records, count = (int(fixed[a:b].strip(b" \0")) for a, b in ((184, 192), (236, 244), (252, 256)))
            seconds = _decimal(fixed[244:252])
        except ValueError:
            raise broken(path, kind, "its header holds words where numbers belong") from None
        if not 0 < count <= 9999 or start != 256 * (count + 1) or records < -1 or not 0 <= seconds < math.inf:
            raise broken(path, kind, f"{count} signals, {start} bytes of header and {records} records of {seconds:g} s do not agree")
        table = file.read(256 * count)
    if len(table) < 256 * count:
        raise broken(path, kind, "its header is cut off")
    width = 3 if kind == "BDF" else 2
    return Header(_channels(table, count, width, path), records, seconds, start, width, _text(fixed[192:236]))


def _channels(table: bytes, count: int, width: int, path: Path) -> list[Channel]:
    columns, place = [], 0
    for size in _FIELDS:
        columns.append([_text(table[place + i * size : place + (i + 1) * size]) for i in range(count)])
        place += size * count
    labels, _, units, low, high, least, most, _, samples, _ = columns
    channels, offset = [], 0
    for i in range(count):
        if not samples[i].isdigit():
            raise broken(path, "EDF", f"channel {labels[i]!r} has {samples[i]!r} samples a record")
        channels.append(Channel(labels[i], units[i], (low[i], high[i]), (least[i], most[i]), int(samples[i]), offset))
        offset += width * int(samples[i])
    if not offset:
        raise broken(path, "EDF", "its records hold no samples")
    return channels


def _text(raw: bytes) -> str:
    """Up to the first NUL, where a program in C ends it; UTF-8 where it is valid, otherwise Latin-1, which a micro sign usually is."""
    raw = raw.lstrip(b" \0").partition(b"\0")[0]
    try:
        return raw.decode("utf-8").strip(" \0")
    except UnicodeDecodeError:
        return raw.decode("latin-1").strip(" \0")


def _decimal(raw: bytes) -> float:
    return float(raw.strip(b" \0").replace(b",", b"."))
