"""A file whose signals are taken piece by piece, and how much of it that costs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ornstein.common import checks
from ornstein.common.errors import InputError
from ornstein.common.signals import Signals
from ornstein.data.loaded import broken
from ornstein.data.read import mapped, read

ZARR = ".zarr"

_LAZY = {"orient", "rate", "channels", "units"}
"""What can be asked of a file that is not read whole."""


@dataclass(frozen=True)
class Held:
    """Recordings (case, ..., time) of a file.

    take     signals of some cases and some of their times, cut into windows of so many samples where they are asked for; an array of a
             Zarr array, which is not cut
    lazy     whether no more is read than is taken
    signals  whether what is taken has names
    """

    shape: tuple[int, ...]
    take: Callable[[slice, slice, int | None], Signals | Any]
    lazy: bool
    signals: bool = True


def opened(path: Path, reading: Mapping[str, Any]) -> Held:
    """A file as ``orn.read`` reads it with the arguments ``reading``; NPY files of 64 MiB and more, and Zarr arrays, stay on the disk."""
    if path.suffix == ZARR:
        zarr = checks.extra("zarr", "shards", "reading Zarr")
        array = _zarr(path, lambda: zarr.open_array(str(path), mode="r"))
        return Held(array.shape, lambda cases, times, _: _zarr(path, lambda: array[cases, ..., times]), lazy=True, signals=False)
    if set(reading) <= _LAZY and (found := mapped(path, **reading)) is not None:
        array, like = found
        return Held(array.shape, lambda cases, times, length: _checked(path, array[cases, :, times], like, length), lazy=True)
    x = read(path, **reading)
    names = x.rate, x.channels, x.units
    return Held(x.shape, lambda cases, times, length: Signals(_cut(x.values[cases, :, times], length), *names), lazy=False)


def _zarr(path: Path, act: Callable[[], Any]) -> Any:
    """What ``act`` has from a Zarr array; damage surfaces as almost any error, in the array's head or in one of its chunks."""
    try:
        return act()
    except Exception as error:
        raise broken(path, "Zarr", error) from None


def _checked(path: Path, values: npt.NDArray[Any], like: Signals, length: int | None) -> Signals:
    """A piece of a mapped file, which nobody has looked at before."""
    try:
        return Signals(_cut(torch.from_numpy(np.asarray(values)), length), like.rate, like.channels, like.units)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def _cut(values: Tensor, length: int | None) -> Tensor:
    """One case (1, channel, time) as windows (case, channel, length) that follow one another, without a copy."""
    return values if length is None else values[0].unflatten(-1, (-1, length)).transpose(0, 1)
