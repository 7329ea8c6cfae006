"""Signals between jobs: ``values.npy`` as they were read, and ``signals.json`` with everything beside them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from ornstein.common.files import atomic, write_json
from ornstein.common.signals import Signals

_BESIDE = ("rate", "channels", "units", "labels", "notes")


def save(folder: Path, x: Signals) -> None:
    """Write signals into the folder of a job."""
    with atomic(folder / "values.npy", force=True) as file:
        np.save(file, x.values.numpy(), allow_pickle=False)
    write_json(folder / "signals.json", {name: getattr(x, name) for name in _BESIDE}, force=True)


def beside(folder: Path) -> dict[str, Any]:
    """Rate, names, units, labels and notes."""
    told = json.loads((folder / "signals.json").read_text(encoding="utf-8"))
    return {name: tuple(value) if isinstance(value, list) else value for name, value in told.items()}


def values(folder: Path) -> npt.NDArray[Any]:
    """The values (case, channel, time) as they lie on the disk."""
    found: npt.NDArray[Any] = np.load(folder / "values.npy", mmap_mode="r", allow_pickle=False)
    return found


def load(folder: Path) -> Signals:
    """The signals that a job wrote."""
    return Signals(torch.from_numpy(np.array(values(folder))), **beside(folder))
