"""Reading what does not fit in memory: any source of signals as pieces of bounded size, float64, complete."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator
from typing import Any

import torch
from torch import Tensor

from ornstein.common import checks
from ornstein.common.errors import InputError
from ornstein.common.signals import Signals

_ENTRIES = 2**22
"""Numbers per piece: 32 MiB in float64, and enough rows for matrix products to run at full speed."""


def is_stream(x: object) -> bool:
    """Whether x can only be read piece by piece: an iterator of batches, a data loader, a Zarr, Dask or chunked HDF5 array."""
    if isinstance(x, Tensor):
        return False
    if hasattr(x, "shape"):
        return getattr(x, "chunks", None) is not None
    return isinstance(x, Iterable) and not isinstance(x, Collection)


def pieces(source: object, name: str = "x", part: int = 0, parts: int = 1) -> Iterator[Tensor]:
    """The signals of a source in pieces (case, *event), float64, none of them empty.

    source  anything with a shape and slices of rows, read a piece at a time; a list, as one array; ``Signals``; or an iterable
            of such batches, all of one event shape
    part    of an array, only this one of ``parts`` equal blocks of rows; batches are never divided

    Raises ``InputError`` for missing or infinite values, for unequal lengths, and for a source that is none of these.
    """
    array = as_array(source, name)
    if array is not None:
        yield from _rows(array, name, part, parts)
    elif is_stream(source):
        yield from _batches(source)
    else:
        raise InputError(f"{name} is a {type(source).__name__}, but must be an array (case, *event), or an iterator of such arrays")


def as_array(source: object, name: str) -> Any:
    """The source as something with a shape and slices of rows, or None where it is no array."""
    if isinstance(source, Signals):
        return source.values
    if isinstance(source, list | tuple):
        return checks.tensor(source, name, missing=True)
    return source if hasattr(source, "shape") else None


def _batches(source: Any) -> Iterator[Tensor]:
    event: tuple[int, ...] | None = None
    for index, batch in enumerate(source, 1):
        for piece in pieces(batch, f"batch {index}"):
            found = tuple(piece.shape[1:])
            if event is not None and found != event:
                raise InputError(
                    f"batch {index} holds signals of shape {found}, but those before it have {event}: pad or window them to one length"
                )
            event = found
            yield piece


def _rows(array: Any, name: str, part: int, parts: int) -> Iterator[Tensor]:
    shape = tuple(array.shape)
    if len(shape) not in (2, 3, 4):
        raise InputError(f"{name} has {len(shape)} axes {shape}, but must be (case, *event) with 2 to 4: add a case axis")
    if 0 in shape[1:]:
        raise InputError(f"{name} is empty {shape}, but every signal must hold at least one value")
    if math.isnan(shape[0]):
        raise InputError(f"{name} has an unknown number of cases {shape}: call its compute_chunk_sizes() first, or use engine 'dask'")
    step = max(_ENTRIES // math.prod(shape[1:]), 1)
    stored = getattr(array, "chunks", None)
    if stored and isinstance(stored[0], int):  # whole chunks of the file, so that none is unpacked twice
        step = max(step // stored[0], 1) * stored[0]
    first, last = (shape[0] * k // parts for k in (part, part + 1))
    for start in range(first, last, step):
        stop = min(start + step, last)
        where = name if (start, stop) == (0, shape[0]) else f"{name}[{start}:{stop}]"
        yield _complete(checks.tensor(array[start:stop], where, missing=True), where)


def _complete(piece: Tensor, where: str) -> Tensor:
    gaps = int(torch.isnan(piece).sum())
    if gaps:
        raise InputError(
            f"{where} holds {gaps} missing value{'s' * (gaps > 1)} (NaN), which one pass cannot complete: drop those cases, "
            "or load x into memory and use estimate(x, 'dense'), which fills gaps by EM"
        )
    return piece.cpu()
