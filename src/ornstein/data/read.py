"""One door for every file and object of signals."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy.typing as npt

from ornstein.common import checks
from ornstein.common.errors import InputError, RunError, unknown_name
from ornstein.common.files import possible
from ornstein.common.signals import Signals
from ornstein.data import delimited, edf, numpy_files, objects, parquet, wav
from ornstein.data.cutting import Around, around_events, events_listed, labelled, windows
from ornstein.data.loaded import Loaded, picked
from ornstein.data.roles import NONE, Asked
from ornstein.data.sentinels import warn_of_marks
from ornstein.data.table import classes_of

TABLES = {".csv": ",", ".tsv": "\t", ".txt": "\t"}
"""Suffixes of text tables, and the delimiter that ``write`` uses for each."""

WRITTEN = (*TABLES, ".npy", ".npz", ".wav", ".edf", ".parquet")
SUFFIXES = (*WRITTEN, ".bdf")
ORIENTATIONS = ("auto", "rows", "columns", "vectors")
_BEGIN = 1 << 18
"""Numbers of a mapped file that are looked at for marks of missing values."""
_ORIENTED = (*TABLES, ".npy", ".npz", ".parquet")


def read(
    path: object,
    *,
    orient: str = "auto",
    window: int | None = None,
    hop: int | None = None,
    rate: float | None = None,
    channels: str | Sequence[str] | None = None,
    units: str | Sequence[str] | None = None,
    key: str | None = None,
    time: str | int | None = None,
    index: str | int | None = None,
    labels: str | int | None = None,
    uneven: bool = False,
    events: str | Sequence[str] | None = None,
    before: float = 0.0,
    after: float | None = None,
) -> Signals:
    """Signals (case, channel, time) from a CSV, TSV, TXT, NPY, NPZ, WAV, EDF, BDF or Parquet file, or from an object of another library.

    The path alone is enough for most files; every other argument answers one question that a file can leave open.

    path      a file, its format by its suffix; or a frame of pandas or polars, a Raw or Epochs of MNE, an array of xarray, a
              collection of aeon or sktime, an array: see ``data.objects``
    orient    "columns": each column is a channel of one recording; "rows": each row is a case with one channel;
              "vectors": each row is a case, and each column one of its numbers, a channel of one sample with a name.
              "auto": a table with a header of names is read by columns, and so is a single column; without a header, rows are cases.
              For arrays: 2-D is (case, time), or (time, channel) with "columns"; 1-D is one recording; 3-D is (case, channel, time).
    window    cut recordings into windows of this many samples, one every ``hop`` samples (default: no overlap)
    rate      samples per second in Hz, in place of the file's, whatever its clock says
    channels  where the file names its channels, those to keep, in this order; otherwise names for all of them
    units     one unit per channel, or one for all, in place of the file's
    key       which array of an NPZ file; default ``values``, or the only one with two to four axes
    time      the column of a table that is the clock; index: the one that numbers its rows; labels: the column, or channel, with
              the class of each case. By name, or by number from 1; "none" where there is none
    uneven    where the steps of a clock are not uniform, every sample keeps its time (``Signals.times``); implied by a frame with an
              index of dates, and by an array of xarray with a coordinate of dates
    events    cut at these events (names, or "all"), from ``before`` seconds before to ``after`` seconds after each (or ``window``
              samples in all); the names become ``labels``

    What a column of a table is follows from what is asked for, then from its name (a clock: time, timestamp_ms, Time (s), elapsed, ...;
    a row number: Unnamed: 0, sample, index, ...; a case: case, epoch, trial, id, ...; a label, an event), then from its values. The
    notes of the result say it, and ``print(x)`` shows them. The net below: a column that rises in equal steps beside others that do
    not is refused, unless it is named as a channel. Steps of a clock must be uniform. A header "ECG [mV]" is name and unit.

    Empty cells, NA and NaN are missing values (NaN). Text may be UTF-8, UTF-16 or GB18030, delimited by comma, semicolon, tab or
    blanks, with a decimal comma beside semicolons or tabs. Whole-number WAV samples are scaled to [-1, 1). Nothing is ever
    unpickled. Float NPY files of 64 MiB and more are memory-mapped.

    Raises ``InputError`` for anything that cannot be read exactly as described, with line and column where there are any;
    ``RunError`` where permission or memory is lacking. Cost: one pass over the file.
    """
    if orient not in ORIENTATIONS:
        raise unknown_name("orient", orient, ORIENTATIONS)
    if hop is not None and window is None:
        raise InputError(f"hop is {hop}, but there is no window: give window as well")
    if events is not None and hop is not None:
        raise InputError(f"hop is {hop}, but windows are cut at events: leave hop out")
    if rate is not None:
        rate = checks.positive(rate, "rate")
    asked = Asked(orient, time, index, labels, words(channels, "channels"), rate, uneven)
    if isinstance(path, str | os.PathLike) or path is None or isinstance(path, bytes):
        file = _checked(path)
        where: Path | str = file
        loaded = _from_file(file, asked, key)
    else:
        if key is not None:
            raise InputError(f"key is {key!r}, but only an NPZ file has keys: leave key out")
        where = f"the {type(path).__name__}"
        loaded = objects.load(path, asked, where)
    if labels not in (None, NONE) and loaded.classes is None:
        loaded = classes_of(loaded, str(labels), where)
    signals = warn_of_marks(_named(loaded, where, asked, units), where)
    if events is not None:
        wanted = Around(words(events, "events"), before, after)
        return around_events(signals, loaded.events, wanted, window, where)
    if loaded.events:
        signals = replace(signals, notes=(*signals.notes, f"events {events_listed(loaded.events)} (events= cuts at them)"))
    if window is not None:
        signals = windows(signals, window, hop)
    return signals if loaded.classes is None else labelled(signals, loaded.classes, loaded.asked, window, hop, where)


def mapped(
    path: str | os.PathLike[str],
    *,
    orient: str = "auto",
    rate: float | None = None,
    channels: str | Sequence[str] | None = None,
    units: str | Sequence[str] | None = None,
) -> tuple[npt.NDArray[Any], Signals] | None:
    """The values (case, channel, time) of a float NPY file of 64 MiB and more, and its beginning as ``read`` gives it; None for any other.

    Of the values nothing is read, checked or held: of a file that does not fit into memory ``read`` looks at all of it first.
    """
    file = _checked(path)
    if file.suffix.lower() != ".npy" or not numpy_files.is_mapped(file):
        return None
    asked = Asked(orient, None, None, None, words(channels, "channels"), None if rate is None else checks.positive(rate, "rate"), False)
    loaded = _from_file(file, asked, None)
    begin = replace(loaded, values=loaded.values[:1, :, : _BEGIN // loaded.values.shape[1] + 1])
    return loaded.values, warn_of_marks(_named(begin, file, asked, units), file)


def recognised(x: object) -> object:
    """``x``, or the signals of an object of another library; a frame without a clock and without cases holds vectors."""
    if not objects.is_foreign(x):
        return x
    found = read(x)
    by_columns = len(found) == 1 and found.rate is None and found.times is None and (not hasattr(x, "__len__") or found.shape[2] == len(x))
    return read(x, orient="vectors") if by_columns and objects.kind(x).endswith("Frame") else found


def _from_file(file: Path, asked: Asked, key: str | None) -> Loaded:
    suffix = file.suffix.lower()
    if asked.orient != "auto" and suffix not in _ORIENTED:
        raise InputError(f"orient is {asked.orient!r}, but a {suffix} file has only one orientation: leave orient out")
    if key is not None and suffix != ".npz":
        raise InputError(f"key is {key!r}, but only an NPZ file has keys: leave key out")
    for name, wish in (("time", asked.time), ("index", asked.index)):
        if wish is not None and suffix not in (*TABLES, ".parquet"):
            raise InputError(f"{name} is {wish!r}, but a {suffix} file has no columns of that kind: leave {name} out")
    try:
        if suffix in TABLES:
            return delimited.read(file, asked)
        if suffix == ".npy":
            return numpy_files.read_npy(file, asked.orient)
        if suffix == ".npz":
            return numpy_files.read_npz(file, asked.orient, key)
        if suffix == ".wav":
            return wav.read(file)
        if suffix in (".edf", ".bdf"):
            return edf.read(file, asked.channels)
        return parquet.read(file, asked)
    except MemoryError:
        raise RunError(f"{file} does not fit into memory: cut it into smaller files, or save it as a float NPY file") from None
    except PermissionError:
        raise RunError(f"{file} cannot be read: permission denied") from None
    except OSError as error:
        raise RunError(f"{file} cannot be read ({error.strerror or error})") from None


def _checked(path: object) -> Path:
    file = possible(path)
    try:
        found = file.stat()
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(f"{file} does not exist: check the path") from None
    except OSError as error:
        raise RunError(f"{file} cannot be read ({error.strerror or error})") from None
    if stat.S_ISDIR(found.st_mode):
        raise InputError(f"{file} is a folder, but must be a file: name a file inside it")
    if not stat.S_ISREG(found.st_mode):
        raise InputError(f"{file} is not a regular file (a device, pipe or socket): copy its content to a file first")
    if file.suffix.lower() not in SUFFIXES:
        raise unknown_name(f"the suffix of {file.name}", file.suffix.lower(), SUFFIXES)
    if not found.st_size:
        raise InputError(f"{file} is empty: it holds no values")
    return file


def _named(loaded: Loaded, where: Path | str, asked: Asked, units: str | Sequence[str] | None) -> Signals:
    """The values with the names, units and rate that were asked for."""
    values, names, file_units, chosen = loaded.values, loaded.channels, loaded.units, asked.channels
    if not values.size:
        raise InputError(f"{where} holds no values: its shape is {values.shape}")
    if names and chosen and chosen != names:
        index = picked(names, chosen, where)
        values, file_units = values[:, index], tuple(file_units[i] for i in index)
    new_units = (units,) * values.shape[1] if isinstance(units, str) else words(units, "units")
    rate = loaded.rate if asked.rate is None else asked.rate
    try:
        # Signals turns arrays into tensors itself, so that memory maps are not copied before they are checked
        times = loaded.times if asked.rate is None else None
        return Signals(values, rate, chosen or names, new_units or file_units, notes=loaded.notes, times=times)  # type: ignore[arg-type]
    except InputError as error:
        raise InputError(f"{where}: {error}") from None


def words(given: str | Sequence[str] | None, name: str) -> tuple[str, ...]:
    """One word or several as a tuple; none where nothing was given."""
    if given is None:
        return ()
    found = (given,) if isinstance(given, str) else tuple(given)
    if not found or not all(isinstance(word, str) for word in found):
        raise InputError(f"{name} is {given!r}, but must be one or more words")
    return found
