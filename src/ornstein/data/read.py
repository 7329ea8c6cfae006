"""One door for every file of signals."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path

from ornstein.common.errors import InputError, RunError, unknown_name
from ornstein.common.files import path_of
from ornstein.common.signals import Signals
from ornstein.data import delimited, edf, numpy_files, parquet, wav
from ornstein.data.loaded import Loaded, picked

TABLES = {".csv": ",", ".tsv": "\t", ".txt": "\t"}
"""Suffixes of text tables, and the delimiter that ``write`` uses for each."""

SUFFIXES = (*TABLES, ".npy", ".npz", ".wav", ".edf", ".parquet")
_ORIENTED = (*TABLES, ".npy", ".npz", ".parquet")


def read(
    path: str | os.PathLike[str],
    *,
    orient: str = "auto",
    window: int | None = None,
    hop: int | None = None,
    rate: float | None = None,
    channels: str | Sequence[str] | None = None,
    units: str | Sequence[str] | None = None,
    key: str | None = None,
) -> Signals:
    """Signals (case, channel, time) from a CSV, TSV, TXT, NPY, NPZ, WAV, EDF or Parquet file, chosen by its suffix.

    orient    "columns": each column is a channel of one recording; "rows": each row is a case with one channel.
              "auto": a table with a header of names is read by columns, and so is a single column; without a header, rows are cases.
              A first column called time (or t, timestamp, date), or of ISO time stamps, gives the rate and is dropped; its steps
              must be uniform. A first column called case splits the rows into cases. A header "ECG [mV]" is name and unit.
              For arrays: 2-D is (case, time), or (time, channel) with "columns"; 1-D is one recording; 3-D is (case, channel, time).
    window    cut recordings into windows of this many samples, one every ``hop`` samples (default: no overlap)
    rate      samples per second in Hz, in place of the file's
    channels  where the file names its channels, those to keep, in this order; otherwise names for all of them
    units     one unit per channel, or one for all, in place of the file's
    key       which array of an NPZ file; default ``values``, or the only one with two or three axes

    Empty cells, NA and NaN are missing values (NaN). Text may be UTF-8, UTF-16 or GB18030, delimited by comma, semicolon, tab or
    blanks, with a decimal comma beside semicolons or tabs. Whole-number WAV samples are scaled to [-1, 1). Nothing is ever
    unpickled. Float NPY files of 64 MiB and more are memory-mapped.

    Raises ``InputError`` for anything that cannot be read exactly as described, with line and column where there are any;
    ``RunError`` where permission or memory is lacking. Cost: one pass over the file.
    """
    file = _checked(path)
    suffix = file.suffix.lower()
    if orient not in ("auto", "rows", "columns"):
        raise unknown_name("orient", orient, ("auto", "rows", "columns"))
    if orient != "auto" and suffix not in _ORIENTED:
        raise InputError(f"orient is {orient!r}, but a {suffix} file has only one orientation: leave orient out")
    if key is not None and suffix != ".npz":
        raise InputError(f"key is {key!r}, but only an NPZ file has keys: leave key out")
    if hop is not None and window is None:
        raise InputError(f"hop is {hop}, but there is no window: give window as well")
    chosen = _words(channels, "channels")
    try:
        loaded = _load(file, suffix, orient, key, chosen)
        signals = _named(loaded, file, rate, chosen, units)
    except MemoryError:
        raise RunError(f"{file} does not fit into memory: cut it into smaller files, or save it as a float NPY file") from None
    except PermissionError:
        raise RunError(f"{file} cannot be read: permission denied") from None
    except OSError as error:
        raise RunError(f"{file} cannot be read ({error.strerror or error})") from None
    return signals if window is None else signals.windows(window, hop)


def _load(file: Path, suffix: str, orient: str, key: str | None, chosen: tuple[str, ...]) -> Loaded:
    if suffix in TABLES:
        return delimited.read(file, orient)
    if suffix == ".npy":
        return numpy_files.read_npy(file, orient)
    if suffix == ".npz":
        return numpy_files.read_npz(file, orient, key)
    if suffix == ".wav":
        return wav.read(file)
    if suffix == ".edf":
        return edf.read(file, chosen)
    return parquet.read(file, orient)


def _checked(path: str | os.PathLike[str]) -> Path:
    file = path_of(path)
    try:
        found = file.stat()
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(f"{file} does not exist: check the path") from None
    except (OSError, ValueError) as error:
        raise RunError(f"{file} cannot be read ({error})") from None
    if stat.S_ISDIR(found.st_mode):
        raise InputError(f"{file} is a folder, but must be a file: name a file inside it")
    if not stat.S_ISREG(found.st_mode):
        raise InputError(f"{file} is not a regular file (a device, pipe or socket): copy its content to a file first")
    if file.suffix.lower() not in SUFFIXES:
        raise unknown_name(f"the suffix of {file.name}", file.suffix.lower(), SUFFIXES)
    if not found.st_size:
        raise InputError(f"{file} is empty: it holds no values")
    return file


def _named(loaded: Loaded, file: Path, rate: float | None, chosen: tuple[str, ...], units: str | Sequence[str] | None) -> Signals:
    """The values with the names, units and rate that were asked for."""
    values, names, file_units = loaded.values, loaded.channels, loaded.units
    if not values.size:
        raise InputError(f"{file} holds no values: its shape is {values.shape}")
    if names and chosen and chosen != names:
        index = picked(names, chosen, file)
        values, file_units = values[:, index], tuple(file_units[i] for i in index)
    new_units = (units,) * values.shape[1] if isinstance(units, str) else _words(units, "units")
    try:
        # Signals turns arrays into tensors itself, so that memory maps are not copied before they are checked
        return Signals(values, loaded.rate if rate is None else rate, chosen or names, new_units or file_units)  # type: ignore[arg-type]
    except InputError as error:
        raise InputError(f"{file}: {error}") from None


def _words(words: str | Sequence[str] | None, name: str) -> tuple[str, ...]:
    if words is None:
        return ()
    found = (words,) if isinstance(words, str) else tuple(words)
    if not found or not all(isinstance(word, str) for word in found):
        raise InputError(f"{name} is {words!r}, but must be one or more words")
    return found
