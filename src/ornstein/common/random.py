"""Counter-based normal numbers: noise that belongs to a case, not to a batch.

Value j of case i under (seed, stream) is a pure function of (seed, stream, i, j), so sample i is the same in a batch of 1
and in a batch of 1000, on one worker or many, and on any device (up to the last bits of log and cos).

``common.philox`` turns each counter into four 32-bit words; Box-Muller turns two words into two normals. 32-bit uniforms reach
|z| <= 6.66, whose complement has probability 3e-11.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ornstein.common.philox import WORD, Words, philox

_CHUNK = 1 << 15
"""Counters per pass: enough for calls to cost little, few enough for the work arrays, 256 KiB each, to stay inside a cache."""
_LARGE_CHUNK = 1 << 22
"""The same on an accelerator, where few large kernels count: 256 MiB of work arrays."""


def _words(cases: Tensor, blocks: int, streams: Sequence[int], seed: int) -> Words:
    """Four words for every stream, case and block, each (stream, case, block): of NumPy where the cases are on the CPU, else of torch."""
    block, row = torch.arange(blocks, device=cases.device), cases[:, None]
    # filled in on the device: a list would be copied there, and the host would wait
    stream = torch.cat([torch.full((1, 1, 1), s & WORD, device=cases.device) for s in streams])
    counter: Words = (block, row & WORD, (row >> 32) & WORD, stream)
    key = seed & WORD, (seed >> 32) & WORD
    if cases.device.type != "cpu":
        return philox(counter, key, torch)
    block, low, high, stream = (part.numpy() for part in counter)
    return philox((block, low, high, stream), key, np)


def _uniform(words: Any) -> Any:
    """Floating numbers that are words become numbers in (0, 1): the middles of 2^32 intervals. In float32 the last of them are 1."""
    words += 0.5
    words *= 2.0**-32
    return words


def _box_muller(radius: Any, angle: Any, out: Any, library: ModuleType) -> None:
    """Two normals for each pair of uniforms, (..., 2); the uniforms are used up."""
    library.log(radius, out=radius)
    radius *= -2
    library.sqrt(radius, out=radius)
    angle *= 2 * math.pi
    library.multiply(radius, library.cos(angle), out=out[..., 0])
    library.sin(angle, out=angle)
    library.multiply(radius, angle, out=out[..., 1])


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
        """Standard normal numbers of shape (cases, *shape); about 9 ns each on one core.

        In float32 they are made of the same words, the same numbers up to its rounding, in half of the time.
        """
        return self.normals(cases, shape, (stream,), dtype)[0]

    def normals(self, cases: int, shape: tuple[int, ...], streams: Sequence[int], dtype: torch.dtype = torch.float64) -> Tensor:
        """``normal`` for several streams at once, (len(streams), cases, *shape): small arrays cost little more together than one alone."""
        size, many = math.prod(shape), len(streams)
        blocks = -(-size // 4)
        numbers = self._cases(cases)
        drawn = torch.empty(many, cases, blocks, 2, 2, dtype=dtype, device=self.device)
        on_cpu = drawn.device.type == "cpu"
        # float32 logarithms and cosines take NumPy half of torch's time, float64 ones twice
        library, out, floating = (np, drawn.numpy(), np.float32) if on_cpu and dtype == torch.float32 else (torch, drawn, dtype)
        passes = -(-cases * blocks * many // (_CHUNK if on_cpu else _LARGE_CHUNK))
        rows = -(-cases // max(passes, 1)) or 1
        for start in range(0, cases, rows):
            words = _words(numbers[start : start + rows], blocks, streams, self.seed)
            u = [_uniform(library.asarray(word, dtype=floating)) for word in words]
            for k in (0, 1):
                _box_muller(u[2 * k], u[2 * k + 1], out[:, start : start + rows, :, k], library)
        return drawn.view(many, cases, 4 * blocks)[..., :size].reshape(many, cases, *shape)

    def uniform(self, cases: int, shape: tuple[int, ...] = (), stream: int = 0) -> Tensor:
        """Uniform numbers in (0, 1) of shape (cases, *shape), float64 with 32 random bits."""
        size = math.prod(shape)
        blocks = -(-size // 4)
        words = torch.stack(
            [_uniform(torch.asarray(word, dtype=torch.float64)) for word in _words(self._cases(cases), blocks, (stream,), self.seed)], -1
        )
        return words.view(cases, 4 * blocks)[:, :size].reshape(cases, *shape)
