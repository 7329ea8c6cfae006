"""The shards of a folder, and the signals of one of them piece by piece."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from ornstein.common import checks
from ornstein.common.errors import InputError, OrnsteinError
from ornstein.common.signals import Signals
from ornstein.data.read import SUFFIXES
from ornstein.likelihood.windows import together
from ornstein.model import Model
from ornstein.shards.opened import ZARR, opened

ENTRIES = 1 << 18
"""Numbers of a piece: 2 MiB, which stay inside a processor's cache from one step of an answer to the next."""
PIECES = 64
"""Of a shard of draws."""
PART = 128
"""Pieces of a part of a large file."""


@dataclass(frozen=True)
class Shard:
    """One file, or one Zarr array, by its name below the folder and its size in bytes; or its pieces from ``first`` on, up to ``end``."""

    name: str
    path: Path
    size: int
    first: int = 0
    end: int | None = None

    @property
    def result(self) -> str:
        """The name of what comes of it, without a suffix: no two shards share it."""
        whole = self.name.replace("_", "__").replace("/", "_-")
        return whole if self.end is None else f"{whole}_+{self.first:06d}"

    def parts(self, model: Model, reading: Mapping[str, Any], hop: int | None = None) -> list[Shard]:
        """The file in parts of ``PART`` pieces, each a shard of its own, where any of it can be had without the rest; or as it is."""
        try:
            held = opened(self.path, reading)
            count = len(self._places(held.shape, model, hop, held.signals)) if held.lazy else 0
        except (OrnsteinError, OSError):  # said of the shard, when it is its turn
            count = 0
        if count <= PART:
            return [self]
        return [replace(self, first=k, end=min(k + PART, count)) for k in range(0, count, PART)]

    def pieces(self, model: Model, reading: Mapping[str, Any], hop: int | None = None) -> Iterator[tuple[int, Signals | Any]]:
        """(number of the first case, cases) in pieces of some MiB, as ``orn.read`` reads them, with the arguments ``reading``.

        Recordings longer than the signals of the model are cut into windows of its length. With ``hop`` they are not: a piece is a
        stretch of recording that holds the windows from a case on, and windows that begin at every hop-th sample are the cases.

        Memory: a piece of an NPY file of 64 MiB or more, and of a Zarr array, which are never held whole; any other file is.
        """
        held, length = opened(self.path, reading), model.event_shape[-1]
        cut = hop is None and held.shape[-1] >= 2 * length and held.signals
        for first, cases, times in self._places(held.shape, model, hop, held.signals)[self.first : self.end]:
            yield first, held.take(cases, times, length if cut else None)

    def _places(self, shape: tuple[int, ...], model: Model, hop: int | None, cuts: bool) -> Sequence[tuple[int, slice, slice]]:
        """(number of the first case, cases, times) of every piece of recordings (case, ..., time).

        Stretches with ``hop`` are of whole blocks of windows, so that where they are cut changes no number.
        """
        length, whole = model.event_shape[-1], slice(None)
        if hop is None:
            rows, many = max(1, ENTRIES // math.prod(model.event_shape)), shape[-1] // length if cuts else 1
            if many < 2:
                return [(k, slice(k, k + rows), whole) for k in range(0, shape[0], rows)]
            return [
                (case * many + k, slice(case, case + 1), slice(k * length, min(k + rows, many) * length))
                for case, k in product(range(shape[0]), range(0, many, rows))
            ]
        if shape[-1] < length:
            raise InputError(f"{self.path} has {shape[-1]} samples, but windows of the model have {length}: leave it out")
        many, channels = (shape[-1] - length) // hop + 1, math.prod(shape[1:-1])
        rows = together(hop) * max(1, ENTRIES // (together(hop) * hop * channels))
        if many <= rows:  # short recordings, some at a time
            some = max(1, ENTRIES // (channels * shape[-1]))
            times = slice((many - 1) * hop + length)
            return [(case * many, slice(case, case + some), times) for case in range(0, shape[0], some)]
        return [
            (case * many + k, slice(case, case + 1), slice(k * hop, (min(k + rows, many) - 1) * hop + length))
            for case, k in product(range(shape[0]), range(0, many, rows))
        ]


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
