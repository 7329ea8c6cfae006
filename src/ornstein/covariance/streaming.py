"""Moments of data that do not fit in memory: in one process, on Dask workers, or across the ranks of torch.distributed.

Whatever the engine, each worker reads its own rows and only accumulators travel, so the data are never in one place.
"""

from __future__ import annotations

import hashlib
import importlib
import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple, TypeAlias, TypeVar

import torch.distributed as dist
from torch import Tensor

from ornstein import checks
from ornstein.covariance.accumulator import Accumulator, Moments, SpectrumAccumulator, VarianceAccumulator
from ornstein.covariance.batches import pieces
from ornstein.errors import InputError, OrnsteinError, RunError, unknown_name

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


class Gathered(NamedTuple[M] if False else NamedTuple):  # placeholder
    pass
