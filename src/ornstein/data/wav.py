"""WAV files: sound and anything else that was recorded as sound."""

from __future__ import annotations

import struct
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ornstein.common.errors import InputError
from ornstein.common.signals import Signals
from ornstein.data.loaded import Loaded, broken, single

_PCM, _FLOAT = 1, 3
_TYPES: dict[tuple[int, int], np.dtype[Any]] = {
    **{(_PCM, width): np.dtype(name) for width, name in ((1, "u1"), (2, "<i2"), (3, "u1"), (4, "<i4"))},
    **{(_FLOAT, width): np.dtype(name) for width, name in ((4, "<f4"), (8, "<f8"))},
}
"""Sample types by (format, bytes)."""
_OPEN = 0xFFFFFFFF
"""The length that a program writes which does not know it yet."""


def read(path: Path) -> Loaded:
    """One case; whole numbers are scaled to [-1, 1) by their full range, floats are kept.

    A program that streams writes a length of 0 or 0xFFFFFFFF, and one that was cut off leaves it: such a file is read to its end.
    Raises ``InputError`` for any other length that is not what the file holds, and for compressed sound.
    """
    content = np.memmap(path, dtype=np.uint8, mode="r")
    form, first, length, notes = _chunks(content, path)
    kind, channels, rate, block, bits = form
    width = block // channels if channels else 0
    if (kind, width) not in _TYPES or bits > 8 * width or not rate:
        raise InputError(
            f"{path} holds sound of format {kind} with {bits} bits, but must be PCM or float: convert it (ffmpeg -c:a pcm_s16le)"
        )
    frames = length // block
    if not frames:
        raise InputError(f"{path} is empty: it holds no values")
    if length % block:
        notes.append(f"the last {length % block} bytes are no whole frame and are left out")
    raw = np.array(content[first : first + frames * block])
    dtype = _TYPES[kind, width]
    if width == 3:
        whole = np.pad(raw.reshape(-1, 3), ((0, 0), (1, 0))).view("<i4").ravel()
        data: npt.NDArray[np.generic] = whole.astype(np.float64) / 2.0**31
    elif kind == _PCM:
        full = 2.0 ** (8 * width - 1)
        data = (raw.view(dtype).astype(np.float64) - (full if width == 1 else 0.0)) / full
    else:
        data = raw.view(dtype).astype(dtype.newbyteorder("="))
    return Loaded(np.ascontiguousarray(data.reshape(frames, channels).T)[None], float(rate), notes=tuple(notes))


def _chunks(content: npt.NDArray[np.uint8], path: Path) -> tuple[tuple[int, int, int, int, int], int, int, list[str]]:
    """(format, first byte and length of the samples, notes), from chunks that must fill the file."""
    size = len(content)
    if size < 12 or bytes(content[:4]) not in (b"RIFF", b"RF64", b"BW64") or bytes(content[8:12]) != b"WAVE":
        raise broken(path, "WAV", "it does not begin as RIFF ... WAVE")
    place, form, long = 12, None, None
    while place + 8 <= size:
        name, length = bytes(content[place : place + 4]), int.from_bytes(bytes(content[place + 4 : place + 8]), "little")
        start = place + 8
        if name == b"ds64" and length >= 24:
            long = int.from_bytes(bytes(content[start + 8 : start + 16]), "little")
        if name == b"fmt ":
            if length < 16 or start + length > size:
                raise broken(path, "WAV", "its format chunk is cut off")
            form = _form(bytes(content[start : start + min(length, 40)]))
        if name == b"data":
            if form is None:
                raise broken(path, "WAV", "its samples come before their format")
            if length == _OPEN and long is not None:
                length = long
            return form, start, *_length(content, start, length, path)
        place = start + length + length % 2
    raise broken(path, "WAV", "unexpected end: it has no chunk of samples")


def _length(content: npt.NDArray[np.uint8], start: int, length: int, path: Path) -> tuple[int, list[str]]:
    """How many bytes of samples there are, checked against the end of the file."""
    size, present = len(content), len(content) - start
    if length in (0, _OPEN) and present and not (length == 0 and _chunks_to_end(content, start)):
        note = "its header tells no length, so it is read to its end"
        warnings.warn(f"{path} was streamed or never closed: {note}", stacklevel=2)
        return present, [note]
    if length > present:
        raise broken(path, "WAV", f"its header claims {length} bytes of samples, but it holds {present}")
    after = start + length + length % 2
    if _chunks_to_end(content, after) and bytes(content[after : after + 4]) == b"data":
        raise broken(path, "WAV", "a second chunk of samples follows the first")
    if not _chunks_to_end(content, after) and start + length != size:
        raise broken(path, "WAV", f"its header claims {length} bytes of samples, but {present - length} more follow that are no chunk")
    return length, []


def _chunks_to_end(content: npt.NDArray[np.uint8], place: int) -> bool:
    """Whether whole chunks with readable names fill the file from ``place`` on."""
    while place + 8 <= len(content):
        name, length = bytes(content[place : place + 4]), int.from_bytes(bytes(content[place + 4 : place + 8]), "little")
        if not (name.isascii() and name.decode("ascii").isprintable()):
            return False
        place += 8 + length + length % 2
    return place in (len(content), len(content) + 1)


def _form(raw: bytes) -> tuple[int, int, int, int, int]:
    """(format, channels, rate, bytes a frame, bits) of a format chunk; the extensible one names its format further down."""
    kind, channels, rate, _, block, bits = struct.unpack("<HHIIHH", raw[:16])
    if kind == 0xFFFE and len(raw) >= 26:
        kind = int.from_bytes(raw[24:26], "little")
    return kind, channels, rate, block, bits


def write(path: Path, signals: Signals) -> None:
    """One recording as 32-bit float: values are rounded to 24 bits, names and units have no place."""
    values = single(signals, "WAV")
    rate = signals.rate
    if rate is None or rate != int(rate) or not 1 <= rate < 2**32:
        raise InputError(f"rate is {rate}, but a WAV file needs a whole number of samples per second: resample, or write an NPZ file")
    with np.errstate(over="ignore"):
        rounded = values.T.astype(np.float32)
    if not np.isfinite(rounded).all():
        raise InputError("values are too large for the 32-bit floats of a WAV file: change the unit, or write an NPZ file")
    if len(values) > 65535 or rounded.nbytes >= 2**32 - 2**10:
        raise InputError("the recording is too long or has too many channels for a WAV file (4 GiB): write an NPZ file")
    from scipy.io import wavfile  # heavy to import, and needed only here

    wavfile.write(path, int(rate), rounded)
