"""What every reader hands back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ornstein.common.errors import InputError, listed
from ornstein.common.signals import Signals

MAX_BYTES = 4 * 2**30
"""Compressed files may claim any size in a few bytes: no more than this is unpacked into memory."""


class Event(NamedTuple):
    """Something that happened in a recording: where it starts in samples from the first, and its name."""

    case: int
    start: float
    name: str


@dataclass(frozen=True, eq=False)
class Loaded:
    """The content of one file: values (case, channel, time), and what it says about them.

    classes   the class of every sample, shape (case, time), or of every case, (case, 1); None without labels
    asked     the labels were asked for by name, so that none may be lost
    events    what happened and when
    notes     what was assumed or left out, a sentence each
    times     the seconds of every sample (time,), where they are not evenly spaced
    """

    values: npt.NDArray[Any]
    rate: float | None = None
    channels: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    classes: npt.NDArray[Any] | None = None
    asked: bool = False
    events: tuple[Event, ...] = ()
    notes: tuple[str, ...] = ()
    times: npt.NDArray[np.float64] | None = None


def broken(path: Path, kind: str, error: object) -> InputError:
    """The error for a file that its own format's parser cannot follow."""
    words = " ".join(str(error).split())[:200] or type(error).__name__
    return InputError(f"{path} is not a readable {kind} file, it is damaged or something else ({words})")


def single(signals: Signals, kind: str) -> npt.NDArray[Any]:
    """The one recording (channel, time) that a file of this kind can hold, complete and finite."""
    if len(signals) != 1:
        raise InputError(f"a {kind} file holds one recording, but there are {len(signals)} cases: write signals[i], or an NPZ file")
    if bool(signals.values.isnan().any()):
        raise InputError(f"a {kind} file cannot mark missing values, but there are NaN: impute them first, or write an NPZ or CSV file")
    values: npt.NDArray[Any] = signals.values[0].cpu().numpy()
    return values


def picked(names: tuple[str, ...], chosen: tuple[str, ...], path: Path | str) -> list[int]:
    """The index of each chosen channel among ``names``."""
    for name in chosen:
        if names.count(name) != 1:
            found = "twice or more" if name in names else "not"
            raise InputError(f"channels asks for {name!r}, which occurs {found} in {path}: it has {listed([*map(repr, names)], 12)}")
    return [names.index(name) for name in chosen]
