"""Real recordings for the benchmarks: (train, test) in float64 from the folder that ORNSTEIN_DATA names (default ../shared/data)."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

FOLDER = Path(os.environ.get("ORNSTEIN_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))


@dataclass(frozen=True)
class Split:
    """Signals to fit and signals to score, both (case, *event).

    Cases up to ``lag`` places apart come from one stretch of recording, so that their scores depend on each other.
    """

    name: str
    note: str
    train: Tensor
    test: Tensor
    lag: int = 0


def load(name: str) -> dict[str, npt.NDArray[np.generic]]:
    """The arrays of one file. A missing folder or file ends the program with one sentence, as success: ``make bench`` goes on."""
    path = FOLDER / f"{name}.npz"
    if not path.is_file():
        print(f"{path} does not exist: set ORNSTEIN_DATA to the folder that holds the benchmark data")
        sys.exit(0)
    with np.load(path) as arrays:
        return dict(arrays)


def eeg() -> Split:
    """64 channels, 160 Hz; every trial of 4 s cut into 20 windows of 0.2 s (32 samples), d = 2048."""
    found = load("eegmmidb_S001_MI_LR")
    train, test = (_double(found[part]).unfold(2, 32, 32).transpose(1, 2).flatten(0, 1) for part in ("train", "test"))
    return Split("64-channel EEG", "windows of 0.2 s at 160 Hz; the last 15 of 45 trials are the test", train, test, lag=20)


def ecg() -> Split:
    """Two leads, 256 samples around each R peak, d = 512."""
    found = load("mitbih100_beats")
    train, test = (_double(found[part]) for part in ("train", "test"))
    return Split("two-lead ECG beats", "0.71 s around each R peak at 360 Hz; the last fifth of 30 min is the test", train, test, lag=10)


def air() -> Split:
    """log PM2.5 of 12 stations over 24 h, d = 288; only days without a gap."""
    found = load("beijing_pm25")
    days = [torch.log(_double(found[part]).view(-1, 24, 12).transpose(1, 2)) for part in ("train", "test")]
    train, test = (part[~part.isnan().flatten(1).any(1)] for part in days)
    return Split("hourly air quality", "log PM2.5, 12 stations x 24 h, complete days; the last year is the test", train, test, lag=4)


def outlines(name: str, what: str) -> Split:
    """A UCR set with its own test part. Every series sums to 0, so that its last sample says nothing new: it is left out."""
    found = load(f"ucr_{name}")
    return Split(what, f"{name}, its own test part", *(_double(found[part])[:, :-1] for part in ("train", "test")))


def heartbeats_5000() -> Split:
    """ECG5000 has a training part only: its last fifth is the test."""
    x = _double(load("ucr_ECG5000")["train"])[:, :-1]
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
    return Split("heartbeats, 500", "ECG5000, which is sorted by kind: a random fifth (seed 0) is the test", x[order[100:]], x[order[:100]])


def _double(values: npt.NDArray[np.generic]) -> Tensor:
    return torch.from_numpy(values.astype(np.float64))
