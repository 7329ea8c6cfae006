"""WAV files: sound and anything else that was recorded as sound."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np

from ornstein.common.errors import InputError
from ornstein.common.signals import Signals
from ornstein.data.loaded import Loaded, broken, single


def read(path: Path) -> Loaded:
    """One case; whole numbers are scaled to [-1, 1) by their full range, floats are kept."""
    from scipy.io import wavfile  # heavy to import, and needed only here

    with warnings.catch_warnings(record=True) as notes:
        warnings.simplefilter("always", wavfile.WavFileWarning)
        try:
            rate, data = wavfile.read(path)
        except Exception as error:  # damaged headers surface as almost any error, a forged size as lack of memory
            raise broken(path, "WAV", error) from None
    for note in notes:  # unknown chunks hold titles and the like; a missing end is missing data
        if "EOF" in str(note.message):
            raise broken(path, "WAV", note.message)
    if data.dtype.kind in "iu":
        full = 2.0 ** (8 * data.dtype.itemsize - 1)
        data = (data.astype(np.float64) - (full if data.dtype.kind == "u" else 0.0)) / full
    return Loaded(np.atleast_2d(data.T)[None], float(rate))


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
