"""NPY and NPZ files: nothing is unpickled, and no claim of a header is believed before it is checked against the file."""

from __future__ import annotations

import math
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt
from numpy.lib import format as npy

from ornstein.common.errors import InputError, listed, unknown_name
from ornstein.common.signals import Signals
from ornstein.data.loaded import MAX_BYTES, Loaded, broken

MAP_FROM = 64 * 2**20
"""Files of this size and more are mapped, not read: pages are fetched from disk when they are touched."""

_MAX_RATIO = 500
_RATIO_FROM = 16 * 2**20
"""Deflate reaches 1032 : 1 on constant bytes and recordings stay below 20 : 1; small members are harmless at any ratio."""


_BESIDE = {
    "rate": ("rate", "fs", "Fs", "sfreq", "srate", "sampling_rate", "sample_rate"),
    "channels": ("channels", "ch_names", "channel_names", "names"),
    "units": ("units",),
    "uneven_times": ("uneven_times",),
}
"""What stands beside an array, under the names that programs give it; those of ``write`` first."""


def read_npy(path: Path, orient: str) -> Loaded:
    """The signals of one array; large float files are memory-mapped copy-on-write (do not truncate them meanwhile)."""
    return shaped(np.load(path, mmap_mode="c" if is_mapped(path) else None, allow_pickle=False), orient, f"{path}")


def is_mapped(path: Path) -> bool:
    """Whether an NPY file, whose header is looked at, is large and holds floats as this machine has them."""
    size = path.stat().st_size
    with path.open("rb") as file:
        member = _inspect(file, size, f"{path}")
    _numeric(member, f"{path}")
    return size >= MAP_FROM and member.dtype in (np.dtype("=f4"), np.dtype("=f8"))


def read_npz(path: Path, orient: str, key: str | None) -> Loaded:
    """The signals of one array of an archive, with rate, names and units where ``write`` put them."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = _members(archive, path)
            name = _choose(members, key, path)
            found = shaped(_load(archive, members[name], name, path), orient, f"{name!r} in {path}")
            beside = _beside(archive, members, name, found.values.shape[1], path)
    except (InputError, MemoryError):
        raise
    except Exception as error:  # a damaged archive surfaces as almost any error, a negative file position included
        raise broken(path, "NPZ", error) from None
    known = {word for words in _BESIDE.values() for word in words} if beside else set()
    left = [f"`{other}`" for other in members if other != name and other not in known]
    notes = (*found.notes, *([f"{listed(left, 4)} {'is' if len(left) == 1 else 'are'} left out"] if left else []))
    rate, channels, units = _rate(beside.get("rate"), path), _words(beside, "channels", path), _words(beside, "units", path)
    return Loaded(found.values, rate, channels, units, notes=notes, times=_numbers(beside.get("uneven_times"), path))


def write_npy(path: Path, signals: Signals) -> None:
    """The values alone, (case, channel, time); an NPY file has no place for rate, names and units."""
    with path.open("wb") as file:
        np.save(file, signals.values.cpu().numpy(), allow_pickle=False)


def write_npz(path: Path, signals: Signals) -> None:
    """Arrays ``values``, ``channels``, ``units`` and, where known, ``rate`` or ``uneven_times``; numbers and text only, no pickle."""
    arrays = {"values": signals.values.cpu().numpy(), "channels": np.array(signals.channels), "units": np.array(signals.units)}
    if signals.rate is not None:
        arrays["rate"] = np.array(signals.rate)
    if signals.times is not None:
        arrays["uneven_times"] = signals.times.numpy()
    with path.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)


@dataclass(frozen=True)
class _Member:
    """One array as its header describes it."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]


def _inspect(file: IO[bytes], size: int, where: str) -> _Member:
    """The header at the start of ``file``, checked against the ``size`` in bytes that is really there."""
    try:
        version = npy.read_magic(file)
        if version not in ((1, 0), (2, 0)):
            raise InputError(f"{where} is an NPY file of version {version}, which only arrays of records need: save plain numbers")
        reader = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, _, dtype = reader(file)
    except InputError:
        raise
    except Exception as error:  # the header is a Python literal: damage surfaces as almost any error
        raise broken(Path(where), "NPY", error) from None
    if dtype.hasobject:
        raise InputError(f"{where} holds Python objects (pickle), which are never loaded: save it as an array of numbers")
    claimed, present = math.prod(shape) * dtype.itemsize, size - file.tell()
    if claimed != present or not all(0 <= length < 2**63 for length in shape):
        raise InputError(f"{where} claims shape {shape} of {dtype} = {claimed} bytes, but holds {present}: it is cut off or forged")
    if not claimed:
        raise InputError(f"{where} holds no values: its shape is {shape}")
    return _Member(shape, dtype)


def _numeric(member: _Member, where: str) -> None:
    if member.dtype.kind not in "fiub":
        remedy = "save real and imaginary part as channels" if member.dtype.kind == "c" else "save it as an array of numbers"
        raise InputError(f"{where} holds values of type {member.dtype}, but must hold real numbers: {remedy}")


def shaped(array: npt.NDArray[Any], orient: str, where: str) -> Loaded:
    """An array as (case, channel, time), by its axes.

    (time,), (case, time) or with orient "columns" (time, channel), (case, channel, time), and grey images with an axis for their
    one colour, (case, 1, height, width) or (case, height, width, 1), whose rows become the channels.
    """
    if array.ndim not in (1, 2, 3, 4):
        raise InputError(f"{where} has {array.ndim} axes {array.shape}, but must have 1 (time), 2 (case, time) or 3 (case, channel, time)")
    if array.ndim > 2 and orient != "auto":
        raise InputError(f"orient is {orient!r}, but {where} has {array.ndim} axes, which leave no choice: leave orient out")
    if array.ndim == 1:
        return Loaded(array[None, None, :])
    if array.ndim == 2:
        return Loaded(array.T[None] if orient == "columns" else array[:, :, None] if orient == "vectors" else array[:, None, :])
    return Loaded(array) if array.ndim == 3 else _grey(array, where)


def _grey(array: npt.NDArray[Any], where: str) -> Loaded:
    """Images of one colour without the axis of colours; those of more are refused."""
    axis = next((axis for axis in (1, 3) if array.shape[axis] == 1), None)
    if axis is None:
        remedy = "keep one colour, or give the array itself to orn.fit in Python"
        raise InputError(f"{where} has 4 axes {array.shape}, images of more than one colour, and signals have one value a place: {remedy}")
    grey = array.squeeze(axis)
    return Loaded(grey, notes=(f"grey images of {grey.shape[1]} × {grey.shape[2]}, whose rows are the channels",))


def _beside(
    archive: zipfile.ZipFile, members: dict[str, zipfile.ZipInfo], name: str, channels: int, path: Path
) -> dict[str, npt.NDArray[Any]]:
    """Rate, names and units beside the array: as ``write`` calls them, or, beside an array of another name, as others do if they fit."""
    if name == "values":
        return {what: _load(archive, members[what], what, path) for what in _BESIDE if what in members}
    found: dict[str, npt.NDArray[Any]] = {}
    for what, words in _BESIDE.items():
        for word in (word for word in words if word in members and word != name):
            head = _head(archive, members[word], word, path)
            number = what == "rate" and math.prod(head.shape) == 1 and head.dtype.kind in "fiu"
            if number or (what in ("channels", "units") and head.shape == (channels,) and head.dtype.kind == "U"):
                found.setdefault(what, _load(archive, members[word], what, path))
    return found


def _members(archive: zipfile.ZipFile, path: Path) -> dict[str, zipfile.ZipInfo]:
    """The arrays of an archive, once their declared sizes are bearable."""
    infos = [info for info in archive.infolist() if info.filename.endswith(".npy")]
    if not infos:
        raise InputError(f"{path} is a zip file without NPY arrays: write it with numpy.savez")
    total = sum(info.file_size for info in infos)
    if total > MAX_BYTES:
        raise InputError(f"{path} would unpack to {total} bytes, more than {MAX_BYTES}: save large arrays as NPY files")
    for info in infos:
        if info.file_size > _RATIO_FROM and info.file_size > _MAX_RATIO * info.compress_size:
            growth = f"{info.compress_size} bytes to {info.file_size}"
            raise InputError(f"{info.filename} in {path} unpacks {growth}: save it uncompressed (numpy.savez)")
        if info.flag_bits & 1 or info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise InputError(f"{info.filename} in {path} is encrypted or packed in an unusual way: write it with numpy.savez")
    return {info.filename.removesuffix(".npy"): info for info in infos}


def _choose(members: dict[str, zipfile.ZipInfo], key: str | None, path: Path) -> str:
    if key is not None:
        if key not in members:
            raise unknown_name(f"key for {path}", key, members)
        return key
    if "values" in members:
        return "values"
    with zipfile.ZipFile(path) as archive:
        found = {name: _head(archive, info, name, path) for name, info in members.items()}
    fitting = [name for name, member in found.items() if len(member.shape) in (2, 3, 4) and member.dtype.kind in "fiub"]
    if len(fitting) == 1:
        return fitting[0]
    if len(found) == 1:
        return next(iter(found))
    listed = ", ".join(f"{name} {member.shape}" for name, member in found.items())
    raise InputError(f"{path} holds several arrays: choose one with key=: {listed}")


def _head(archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str, path: Path) -> _Member:
    with archive.open(info) as file:
        return _inspect(file, info.file_size, f"{name!r} in {path}")


def _load(archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str, path: Path) -> npt.NDArray[Any]:
    member = _head(archive, info, name, path)
    if name not in ("channels", "units"):
        _numeric(member, f"{name!r} in {path}")
    with archive.open(info) as file:
        array: npt.NDArray[Any] = npy.read_array(file, allow_pickle=False)
    return array


def _rate(value: npt.NDArray[Any] | None, path: Path) -> float | None:
    if value is None:
        return None
    if value.size != 1:
        raise InputError(f"'rate' in {path} has shape {value.shape}, but must be one number in Hz")
    return float(value.reshape(()))


def _numbers(value: npt.NDArray[Any] | None, path: Path) -> npt.NDArray[np.float64] | None:
    if value is not None and value.dtype.kind not in "fiu":
        raise InputError(f"'uneven_times' in {path} must hold numbers, but has type {value.dtype}")
    return None if value is None else value.astype(np.float64)


def _words(beside: dict[str, npt.NDArray[Any]], name: str, path: Path) -> tuple[str, ...]:
    value = beside.get(name)
    if value is None:
        return ()
    if value.dtype.kind != "U" or value.ndim != 1:
        raise InputError(f"{name!r} in {path} must be a list of words, but has type {value.dtype} and shape {value.shape}")
    return tuple(str(word) for word in value)
