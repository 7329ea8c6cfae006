"""Counter-based normal numbers: noise that belongs to a case, not to a batch.

Value j of case i under (seed, stream) is a pure function of (seed, stream, i, j), so sample i is the same in a batch of 1
and in a batch of 1000, on one worker or many, and on any device (up to the last bits of log and cos).

``common.philox`` turns each counter into four 32-bit words; Box-Muller turns two words into two normals. 32-bit uniforms reach
|z| <= 6.66, whose complement has probability 3e-11.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ornstein.common.philox import WORD, philox
from ornstein.common.philox_numpy import NumpyPhilox

_CHUNK = 1 << 14
"""Counters per pass: enough for calls to cost little, few enough for the work arrays, 1.2 MiB, to stay inside a cache."""
_LARGE_CHUNK = 1 << 22
"""The same on an accelerator, where few large kernels count: 400 MiB of work arrays."""

Words = tuple[Any, ...]


def _counter(cases: Tensor, blocks: int, streams: list[int]) -> tuple[Any, Any, Any]:
    """Blocks, cases and streams, which broadcast to (stream, case, block): arrays of NumPy on a processor, else tensors."""
    if cases.device.type == "cpu":
        return np.arange(blocks, dtype=np.uint64), cases.numpy().astype(np.uint64)[:, None], np.array(streams, np.uint64)[:, None, None]
    # filled in on the device: a list would be copied there, and the host would wait
    filled = [torch.full((1, 1, 1), stream, device=cases.device) for stream in streams]
    return torch.arange(blocks, device=cases.device), cases[:, None], torch.cat(filled)


def _words(cases: Tensor, blocks: int, streams: Sequence[int], seed: int) -> Iterator[tuple[slice, Words]]:
    """Four words for each (stream, case, block), of as many cases at a time as one pass takes; of the next pass in the same memory."""
    key, on_cpu = (seed & WORD, (seed >> 32) & WORD), cases.device.type == "cpu"
    rows = max(1, min(len(cases), (_CHUNK if on_cpu else _LARGE_CHUNK) // max(1, blocks * len(streams))))
    block, case, stream = _counter(cases, blocks, [s & WORD for s in streams])
    generate = NumpyPhilox(key, len(streams) * rows * blocks) if on_cpu else partial(philox, key)
    for start in range(0, len(cases), rows):
        part = case[start : start + rows]
        yield slice(start, start + rows), generate(block, part & WORD, (part >> 32) & WORD, stream)


def _box_muller(words: Words, work: Any, out: Any, library: ModuleType) -> None:
    """Two normals for each pair of words: ``out`` is (pair, stream, case, block, 2), ``work`` (3, two numbers a counter or more).

    Words become the middles of 2^32 intervals of (0, 1); in float32 the last of them are 1.
    """
    shape = (2, *words[0].shape)
    radius, angle, wave = (row[: math.prod(shape)].reshape(shape) for row in work)
    for k, word in enumerate(words):
        (angle if k % 2 else radius)[k // 2] = library.asarray(word)
    radius += 0.5
    radius *= 2.0**-32
    library.log(radius, out=radius)
    radius *= -2
    library.sqrt(radius, out=radius)
    angle += 0.5
    angle *= 2 * math.pi * 2.0**-32
    for k, turn in enumerate((library.cos, library.sin)):
        turn(angle, out=wave)
        library.multiply(radius, wave, out=out[..., k])


@dataclass(frozen=True, eq=False)
class Noise:
    """Random numbers for the cases ``first, first + 1, ...`` (or those listed in ``index``) under ``seed``.

    ``stream`` separates independent uses: the start of a run, each of its steps, the choice of a mixture component.
    """

    seed: int = 0
    first: int = 0
    index: Tensor | None = None
    device: torch.device | str = "cpu"

    def _cases(self, cases: int) -> Tensor:
        if self.index is not None:
            return self.index.to(self.device)
        return torch.arange(self.first, self.first + cases, device=self.device)

    def normal(self, cases: int, shape: tuple[int, ...], stream: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
        """Standard normal numbers of shape (cases, *shape); 9 to 12 ns each on one core, 4 in float32.

        In float32 they are made of the same words: the same numbers up to its rounding.
        """
        return self.normals(cases, shape, (stream,), dtype)[0]

    def normals(self, cases: int, shape: tuple[int, ...], streams: Sequence[int], dtype: torch.dtype = torch.float64) -> Tensor:
        """``normal`` for several streams at once, (len(streams), cases, *shape): small arrays cost little more together than one alone."""
        size, many = math.prod(shape), len(streams)
        blocks = -(-size // 4)
        drawn = torch.empty(many, cases, blocks, 2, 2, dtype=dtype, device=self.device)
        out: Any = drawn.permute(3, 0, 1, 2, 4)
        # float32 logarithms and cosines take NumPy half of torch's time, float64 ones twice
        library, out = (np, out.numpy()) if drawn.device.type == "cpu" and dtype == torch.float32 else (torch, out)
        work: Any = None
        for rows, words in _words(self._cases(cases), blocks, streams, self.seed):
            if work is None:
                work = library.empty((3, 2 * math.prod(words[0].shape)), dtype=out.dtype, device=out.device)
            _box_muller(words, work, out[:, :, rows], library)
        return (drawn if size == 4 * blocks else drawn.flatten(2)[..., :size]).reshape(many, cases, *shape)

    def uniform(self, cases: int, shape: tuple[int, ...] = (), stream: int = 0) -> Tensor:
        """Uniform numbers in (0, 1) of shape (cases, *shape), float64 with 32 random bits."""
        size = math.prod(shape)
        blocks = -(-size // 4)
        drawn = torch.empty(cases, blocks, 4, dtype=torch.float64, device=self.device)
        for rows, words in _words(self._cases(cases), blocks, (stream,), self.seed):
            for k, word in enumerate(words):
                drawn[rows, :, k] = torch.asarray(word[0])
        drawn += 0.5
        drawn *= 2.0**-32
        return drawn.view(cases, 4 * blocks)[:, :size].reshape(cases, *shape)
