"""The shards of a folder, and the signals of one of them piece by piece."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from ornstein.common import checks
from ornstein.common.errors import InputError
from ornstein.common.signals import Signals
from ornstein.data.read import SUFFIXES, read
from ornstein.likelihood.windows import together
from ornstein.model import Model

ZARR = ".zarr"
ENTRIES = 1 << 18
"""Numbers of a piece: 2 MiB, which stay inside a processor's cache from one step of an answer to the next."""
PIECES = 64
"""Of a shard of draws."""


@dataclass(frozen=True)
class Shard:
    """One file, or one Zarr array, by its name below the folder and its size in bytes."""

    name: str
    path: Path
    size: int

    @property
    def result(self) -> str:
        """The name of what comes of it, without a suffix: no two shards share it."""
        return self.name.replace("_", "__").replace("/", "_-")

    def pieces(self, model: Model, reading: Mapping[str, Any], hop: int | None = None) -> Iterator[tuple[int, Signals | Any]]:
        """(number of the first case, cases) in pieces of some MiB, as ``orn.read`` reads them, with the arguments ``reading``.

        Recordings longer than the signals of the model are cut into windows of its length. With ``hop`` they are not: a piece is a
        stretch of recording that holds the windows from a case on, and windows that begin at every hop-th sample are the cases.

        Memory: a piece of an NPY file of 64 MiB or more, and of a Zarr array, which are never held whole; any other file is.
        """
        rows, length = max(1, ENTRIES // math.prod(model.event_shape)), model.event_shape[-1]
        if self.path.suffix == ZARR:
            array = checks.extra("zarr", "shards", "reading Zarr").open_array(str(self.path), mode="r")
            if hop is not None:
                yield from self._stretches(array.shape, lambda case, time: array[case : case + 1, ..., time], model, hop)
                return
            for start in range(0, array.shape[0], rows):
                yield start, array[start : start + rows]
            return
        x = read(self.path, **reading)
        if hop is not None:
            names = x.rate, x.channels, x.units
            yield from self._stretches(x.shape, lambda case, time: Signals(x.values[case : case + 1, :, time], *names), model, hop)
            return
        many = x.shape[-1] // length
        if many < 2:
            for start in range(0, len(x), rows):
                yield start, Signals(x.values[start : start + rows], x.rate, x.channels, x.units)
            return
        for case, start in product(range(len(x)), range(0, many, rows)):
            part = x.values[case : case + 1, :, start * length : min(start + rows, many) * length]
            yield case * many + start, Signals(part, x.rate, x.channels, x.units).windows(length)

    def _stretches(
        self, shape: tuple[int, ...], taken: Callable[[int, slice], Any], model: Model, hop: int
    ) -> Iterator[tuple[int, Signals | Any]]:
        """Stretches of recordings (case, ..., time), each of whole blocks of windows, so that where they are cut changes no number."""
        length = model.event_shape[-1]
        if shape[-1] < length:
            raise InputError(f"{self.path} has {shape[-1]} samples, but windows of the model have {length}: leave it out")
        many, channels = (shape[-1] - length) // hop + 1, math.prod(shape[1:-1])
        rows = together(hop) * max(1, ENTRIES // (together(hop) * hop * channels))
        for case, start in product(range(shape[0]), range(0, many, rows)):
            end = min(start + rows, many)
            yield case * many + start, taken(case, slice(start * hop, (end - 1) * hop + length))


@dataclass(frozen=True)
class Draws:
    """Signals number ``first`` to ``first + size - 1`` of those that are to be drawn."""

    first: int
    size: int

    @property
    def name(self) -> str:
        """The numbers of the first and the last signal."""
        return f"draws-{self.first:012d}-{self.first + self.size - 1:012d}"

    @property
    def result(self) -> str:
        """The name of the result."""
        return self.name

    def pieces(self, model: Model, reading: Mapping[str, Any], hop: int | None = None) -> Iterator[tuple[int, Any]]:
        """(number of the first, numbers) in pieces of some MiB."""
        rows = max(1, ENTRIES // math.prod(model.event_shape))
        for start in range(self.first, self.first + self.size, rows):
            yield start, np.arange(start, min(start + rows, self.first + self.size))


def draws(cases: int, model: Model) -> list[Draws]:
    """So many signals in shards of some 128 MiB."""
    size = max(1, PIECES * ENTRIES // math.prod(model.event_shape))
    return [Draws(first, min(size, cases - first)) for first in range(0, checks.count(cases, "cases"), size)]


def shards(folder: str | os.PathLike[str]) -> list[Shard]:
    """Every readable file below a folder, by name. Raises ``InputError`` for what is no folder, and for one without such files."""
    root = Path(folder)
    if not root.is_dir():
        raise InputError(f"{root} is not a folder: give the one whose files are to be read")
    found = [Shard(path.relative_to(root).as_posix(), path, _size(path)) for path in sorted(root.rglob("*")) if _is_shard(path, root)]
    if not found:
        raise InputError(f"{root} holds no file of a known kind ({', '.join(SUFFIXES)}, {ZARR}): give a folder of signals")
    return found


def _is_shard(path: Path, root: Path) -> bool:
    inside = path.relative_to(root).parts[:-1]
    if any(part.endswith(ZARR) or part.startswith(".") for part in inside) or path.name.startswith("."):
        return False
    return path.is_dir() if path.suffix == ZARR else path.is_file() and path.suffix.lower() in SUFFIXES


def _size(path: Path) -> int:
    return sum(part.stat().st_size for part in path.rglob("*") if part.is_file()) if path.is_dir() else path.stat().st_size
