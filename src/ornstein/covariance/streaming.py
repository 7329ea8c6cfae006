"""Moments of data that do not fit in memory: in one process, on Dask workers, or across the ranks of torch.distributed.

Whatever the engine, each worker reads its own rows and only accumulators travel, so the data are never in one place.
"""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt
import torch.distributed as dist

from ornstein.common import checks
from ornstein.common.errors import InputError, OrnsteinError, RunError, unknown_name
from ornstein.covariance.accumulator import Accumulator, Moments, SpectrumAccumulator, VarianceAccumulator
from ornstein.covariance.batches import as_array, pieces

ENGINES = ("dask", "local", "torch")
M = TypeVar("M", bound=Moments)
Tell: TypeAlias = Callable[[str], None]


def accumulate(source: object, *, engine: str = "local", progress: Tell | None = None) -> Accumulator:
    """Count, mean and scatter matrix of signals (case, *event), flattened to vectors of size d, in one pass.

    source  an array, tensor, memory map, Zarr or HDF5 array, read in pieces of rows; or an iterator of batches (case, *event)
    engine  "local"  this process
            "dask"   ``source`` is a Dask array: one accumulator per block of rows, merged pairwise on the workers of the scheduler
                     in use. A block and its accumulator must fit in a worker.
            "torch"  every rank of torch.distributed calls this. An array is the same one on every rank and is divided by rows;
                     batches are each rank's own share. Every rank returns the same numbers, merged in order of rank.

    All engines, orders and sizes of pieces agree to 1e-12 of the variances. Memory: d^2 and pieces of 32 MiB. Cost: 2 n d^2.
    ``progress`` is told the number of cases read. Raises ``InputError`` for NaN (``estimate`` handles gaps), infinite values, unequal
    lengths, no data, d too large for a matrix, and an engine that is not there; on every rank if it happened on one.
    """
    return gather(Accumulator, source, engine, progress).moments


def accumulate_variances(source: object, *, engine: str = "local", progress: Tell | None = None) -> VarianceAccumulator:
    """Mean and variance of every entry, as ``accumulate`` but in memory d: for standardisation at any size."""
    return gather(VarianceAccumulator, source, engine, progress).moments


def accumulate_spectrum(source: object, *, engine: str = "local", progress: Tell | None = None) -> SpectrumAccumulator:
    """Mean and mean periodogram of signals, as ``accumulate`` but in memory d and n d log d flops: for stationary laws."""
    return gather(SpectrumAccumulator, source, engine, progress).moments


@dataclass(frozen=True)
class Gathered(Generic[M]):
    """The moments of a source, and the shape of one of its signals."""

    moments: M
    event_shape: tuple[int, ...]

    def merged(self, other: Gathered[M], name: str) -> Gathered[M]:
        """Both together; neither is changed, as a scheduler may use a result twice."""
        if other.event_shape != self.event_shape:
            raise InputError(
                f"{name} holds signals of shape {other.event_shape}, but others have {self.event_shape}: pad or window them to one length"
            )
        both = type(self.moments)(len(self.moments.mean)).merge(self.moments).merge(other.moments)
        return Gathered(both, self.event_shape)


def gather(kind: Callable[[int], M], source: object, engine: str, progress: Tell | None) -> Gathered[M]:
    """Moments of one ``kind`` from a source, by an engine: what the functions above share."""
    if engine not in ENGINES:
        raise unknown_name("engine", engine, ENGINES)
    tell = progress or (lambda _: None)
    by_engine = {"dask": _on_dask, "local": _in_pieces, "torch": _across_ranks}
    found = by_engine[engine](kind, source, tell)
    if found is None:
        shape = f" {tuple(source.shape)}" if hasattr(source, "shape") else ""
        raise InputError(f"x is empty{shape}: it holds no cases to take moments of")
    return found


def _in_pieces(kind: Callable[[int], M], source: object, tell: Tell, name: str = "x", part: int = 0, parts: int = 1) -> Gathered[M] | None:
    found: Gathered[M] | None = None
    for piece in pieces(source, name, part, parts):
        rows = piece.flatten(1)
        found = found or Gathered(kind(rows.shape[1]), tuple(piece.shape[1:]))
        found.moments.update(rows)
        tell(f"{found.moments.count} cases")
    return found


def _on_dask(kind: Callable[[int], M], source: Any, tell: Tell) -> Gathered[M] | None:
    try:
        dask, array = importlib.import_module("dask"), importlib.import_module("dask.array")
    except ImportError:
        raise InputError("engine 'dask' needs the extra dask: pip install '.[dask]' in a copy of the repository") from None
    if not isinstance(source, array.Array):
        raise InputError(f"engine 'dask' needs a Dask array, but x is a {type(source).__name__}: wrap it with dask.array.from_array")
    whole = source.rechunk(dict.fromkeys(range(1, source.ndim), -1))  # a block is some rows with all of their entries
    # map_blocks, because it fuses the reading of a block with its reduction: no worker reads ahead of its memory
    boxes = whole.map_blocks(_of_block, kind, chunks=(1,) * source.ndim, dtype=object, meta=np.empty((0,) * source.ndim, object))
    found = [dask.delayed(_unboxed)(box) for box in boxes.to_delayed().ravel()]
    tell(f"{len(found)} blocks")
    while len(found) > 1:
        found = [dask.delayed(_of_pair)(found[i : i + 2]) for i in range(0, len(found), 2)]
    total: Gathered[M] | None = found[0].compute()
    return total


def _of_block(block: object, kind: Callable[[int], M], block_id: tuple[int, ...]) -> npt.NDArray[np.object_]:
    """The moments of one block, in an array with one entry."""
    box = np.empty((1,) * len(block_id), object)
    box[(0,) * len(block_id)] = _in_pieces(kind, block, lambda _: None, f"x.blocks[{block_id[0]}]")
    return box


def _unboxed(box: npt.NDArray[np.object_]) -> Gathered[Any] | None:
    found: Gathered[Any] | None = box.item()
    return found


def _of_pair(pair: list[Gathered[M] | None]) -> Gathered[M] | None:
    full = [found for found in pair if found is not None]
    return full[0].merged(full[1], "a block") if len(full) == 2 else next(iter(full), None)


def _across_ranks(kind: Callable[[int], M], source: object, tell: Tell) -> Gathered[M] | None:
    """Every rank hears every rank in turn, so all merge in one order and all raise the same error: none is left waiting."""
    if not (dist.is_available() and dist.is_initialized()):
        raise InputError("engine 'torch' needs a process group: start with torchrun and call torch.distributed.init_process_group first")
    rank, ranks = dist.get_rank(), dist.get_world_size()
    mark = mine = None
    error: Exception | None = None
    try:
        mark = _mark(source)
        mine = _in_pieces(kind, source, tell, part=rank, parts=ranks)
    except Exception as caught:  # whatever it is, the other ranks must hear of it
        error = caught
    heard = None if error is None else (type(error) if isinstance(error, OrnsteinError) else RunError)(f"rank {rank}: {error}")
    total: Gathered[M] | None = None
    expected = None
    for other in range(ranks):
        box = [(mark, mine, heard)]
        dist.broadcast_object_list(box, src=other)
        found_mark, found, failure = box[0]
        if failure is not None:
            raise failure from error
        expected = found_mark if other == 0 else expected
        if found_mark != expected:
            raise InputError(
                f"rank {other} was given another x than rank 0, but an array is the same on all ranks and divided by rows: "
                "pass the whole array everywhere, or shards as iter([shard])"
            )
        if found is not None:
            total = found if total is None else total.merged(found, f"rank {other}")
    return total


def _mark(source: object) -> str | None:
    """What tells one array from another without reading it all: shape, first and last row. Batches have none."""
    array = as_array(source, "x")
    if array is None:
        return None
    count = array.shape[0]
    ends = [checks.tensor(array[rows], "x", missing=True) for rows in (slice(0, 1), slice(max(count - 1, 0), count))]
    return f"{tuple(array.shape)} {hashlib.sha256(b''.join(end.cpu().numpy().tobytes() for end in ends)).hexdigest()}"
