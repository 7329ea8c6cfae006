"""Real signals that ship inside the wheels of other packages; their files are read without importing those packages."""

from __future__ import annotations

import csv
import gzip
import importlib.util
import io
from pathlib import Path

import numpy as np
import torch

from ornstein.common.errors import InputError
from ornstein.common.signals import Signals


def electricity() -> Signals:
    """Electricity demand of Italy, 1096 days of 24 hours, shape (1096, 1, 24), rate 1/3600 Hz.

    ItalyPowerDemand (Keogh et al., "Intelligent icons", ICDM 2006): the 67 training days come first, then the 1029 test days.
    The source standardised every day by itself to mean 0 and standard deviation 1, so values have no unit, the constant
    direction has no variance at all, and every day has the same norm. Raises ``InputError`` where sktime is not installed.
    """
    folder = _package("sktime") / "datasets" / "data" / "ItalyPowerDemand"
    days: list[list[float]] = []
    for part in ("TRAIN", "TEST"):
        lines = _text(folder / f"ItalyPowerDemand_{part}.ts").splitlines()
        days += [[float(cell) for cell in line.split(":")[0].split(",")] for line in lines if line and line[0] not in "#@"]
    return Signals(torch.tensor(days, dtype=torch.float64)[:, None], rate=1 / 3600, channels=("demand",))


def ecg(window: int = 256, hop: int | None = None) -> Signals:
    """Heartbeats of one person in mV, shape (beat, 1, window), rate 360 Hz; window = 256 samples gives 25 beats of 0.71 s.

    20.8 s of one lead from the MIT-BIH arrhythmia database (Moody & Mark 2001). The file states neither rate nor unit: 360 Hz
    and mV are the database's, and the steps of 0.005 are those of its converter. Each window holds one R peak at 3/8 of its
    length; the R peaks are the maxima above 0.35 mV that are at least 0.28 s apart. The last of the 25 beats comes early:
    the only part that the source labels abnormal. With ``hop`` the recording is cut into windows without regard to beats.
    Raises ``InputError`` where sktime is not installed, or no beat fits into the window.
    """
    table = csv.DictReader(io.StringIO(_text(_package("sktime") / "datasets" / "data" / "mitdb" / "mitdb.csv")))
    lead = torch.tensor([float(row["data"]) for row in table], dtype=torch.float64)
    recording = Signals(lead[None, None], rate=360.0, channels=("ECG",), units=("mV",))
    if hop is not None:
        return recording.windows(window, hop)
    windows = recording.windows(window, 1)
    from scipy.signal import find_peaks  # heavy to import, and needed only here

    peaks, _ = find_peaks(lead.numpy(), height=0.35, distance=100)
    starts = peaks - 3 * window // 8
    starts = starts[(starts >= 0) & (starts < len(windows))]
    if not len(starts):
        raise InputError(f"window is {window} samples, but no beat has so many around it: choose a window of at most 5000")
    return windows[torch.from_numpy(starts)]


def digits() -> Signals:
    """Handwritten digits, 1797 images of 8 x 8 pixels with values 0 to 16, shape (1797, 8, 8).

    The channels are the rows of an image and time runs along its columns; ``values.unsqueeze(1)`` is (case, 1, height, width).
    Optical recognition of handwritten digits (Alpaydin & Kaynak 1998), as scikit-learn ships it.
    Raises ``InputError`` where scikit-learn is not installed.
    """
    text = gzip.decompress(_bytes(_package("sklearn") / "datasets" / "data" / "digits.csv.gz")).decode("ascii")
    table = np.loadtxt(io.StringIO(text), delimiter=",")
    return Signals(torch.from_numpy(table[:, :64]).reshape(-1, 8, 8), channels=tuple(f"row {i}" for i in range(8)))


def _package(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise InputError(
            f"this example is a file of the package {name}, which the extra demo brings: pip install '.[demo]' in a copy of the repository"
        )
    return Path(next(iter(spec.submodule_search_locations)))


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        raise InputError(f"{path} is missing in this version of its package: pip install '.[demo]' in a copy of the repository") from None


def _text(path: Path) -> str:
    return _bytes(path).decode("utf-8")
