"""The way back to a file, complete or not at all."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence

import torch

from ornstein.common import checks
from ornstein.common.errors import InputError, unknown_name
from ornstein.common.files import atomic, path_of
from ornstein.common.signals import Signals
from ornstein.data import delimited, edf, numpy_files, parquet, wav
from ornstein.data.edf_annotations import Annotation
from ornstein.data.read import TABLES, WRITTEN


def write(
    path: str | os.PathLike[str], signals: Signals | checks.ArrayLike, *, annotations: Sequence[Annotation] = (), force: bool = False
) -> None:
    """Write signals to a CSV, TSV, TXT, NPY, NPZ, WAV, EDF or Parquet file, chosen by its suffix.

    signals  ``Signals``, or an array (case, time) or (case, channel, time) without names
    annotations   what happened when, in seconds, for an EDF+ file (``data.Annotation``)
    force    replace an existing file

    NPZ keeps everything bit for bit. So do CSV, TSV, TXT and Parquet, as rows of ``case, time, <channel [unit]>``: text comes back
    as float64. NPY keeps the values only. WAV (32-bit float) and EDF (16 bits of each channel's range) hold one recording without gaps.

    Raises ``InputError`` where the file exists (unless ``force``) or its format cannot hold the signals, ``RunError`` where the disk
    is full or the folder is not writable; no half-written file is left in any case.
    """
    suffix = path_of(path).suffix.lower()
    if suffix not in WRITTEN:
        raise unknown_name(f"the suffix of {os.fspath(path)}", suffix, WRITTEN)
    if annotations and suffix != ".edf":
        raise InputError(f"annotations are given, but {suffix} files hold none: write an .edf file, or leave them out")
    batch = signals if isinstance(signals, Signals) else _signals(signals)
    with atomic(path, force=force) as temporary:
        if suffix in TABLES:
            delimited.write(temporary, batch, TABLES[suffix])
        elif suffix == ".npy":
            numpy_files.write_npy(temporary, batch)
        elif suffix == ".npz":
            numpy_files.write_npz(temporary, batch)
        elif suffix == ".wav":
            wav.write(temporary, batch)
        elif suffix == ".edf":
            edf.write(temporary, batch, annotations)
        else:
            parquet.write(temporary, batch)


def _signals(array: object) -> Signals:
    single = str(getattr(array, "dtype", "")).endswith("float32")
    values = checks.tensor(array, "signals", ndim=(2, 3), missing=True, dtype=torch.float32 if single else torch.float64, largest=math.inf)
    return Signals(values if values.ndim == 3 else values[:, None, :])
