"""Counter-based normal numbers: noise that belongs to a case, not to a batch.

Value j of case i under (seed, stream) is a pure function of (seed, stream, i, j), so sample i is the same in a batch of 1
and in a batch of 1000, on one worker or many, and on any device (up to the last bits of log and cos).

Philox-4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011) turns each counter into four 32-bit
words; Box-Muller turns two words into two normals. 32-bit uniforms reach |z| <= 6.66, whose complement has probability 3e-11.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

_MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
_WEYL = (0x9E3779B9, 0xBB67AE85)
_WORD = 0xFFFFFFFF
_ROUNDS = 10
_CHUNK = 1 << 15
"""Counters per pass: the eight int64 work arrays of a pass stay inside a processor's cache."""
_LARGE_CHUNK = 1 << 22
"""The same on an accelerator, where few large kernels count: 256 MiB of work arrays."""


def philox(counter: tuple[Tensor, Tensor, Tensor, Tensor], key: tuple[int, int]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Philox-4x32-10 of int64 tensors that hold 32-bit words. Products wrap modulo 2^64, which keeps both words exact.

    Words 1 and 3 carry bits above 32 from round to round: they only enter by exclusive or, and are cut there.
    """
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(_ROUNDS):
        p0, p1 = c0 * _MULTIPLIERS[0], c2 * _MULTIPLIERS[1]
        c0 = (p1 >> 32).bitwise_xor_(c1).bitwise_xor_(k0).bitwise_and_(_WORD)
        c2 = (p0 >> 32).bitwise_xor_(c3).bitwise_xor_(k1).bitwise_and_(_WORD)
        c1, c3 = p1, p0
        k0, k1 = (k0 + _WEYL[0]) & _WORD, (k1 + _WEYL[1]) & _WORD
    return c0, c1.bitwise_and_(_WORD), c2, c3.bitwise_and_(_WORD)


def _uniforms(
    cases: Tensor, blocks: int, streams: Sequence[int], seed: int, dtype: torch.dtype = torch.float64
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Four uniforms for every stream, case and block, each (stream, case, block)."""
    block = torch.arange(blocks, device=cases.device).expand(len(streams), len(cases), blocks)
    row = cases[:, None]
    # filled in on the device: a list would be copied there, and the host would wait
    stream = torch.cat([torch.full((1, 1, 1), s & _WORD, device=cases.device) for s in streams])
    words = philox((block, row & _WORD, ((row >> 32) & _WORD).expand_as(block), stream), _key(seed))
    u0, u1, u2, u3 = (w.to(dtype).add_(0.5).mul_(2.0**-32) for w in words)
    return u0, u1, u2, u3


def _key(seed: int) -> tuple[int, int]:
    return seed & _WORD, (seed >> 32) & _WORD


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
        """Standard normal numbers of shape (cases, *shape); about 12 ns each on one core.

        In float32 they are made of the same words, the same numbers up to its rounding, in two thirds of the time.
        """
        return self.normals(cases, shape, (stream,), dtype)[0]

    def normals(self, cases: int, shape: tuple[int, ...], streams: Sequence[int], dtype: torch.dtype = torch.float64) -> Tensor:
        """``normal`` for several streams at once, (len(streams), cases, *shape): small arrays cost little more together than one alone."""
        size, many = math.prod(shape), len(streams)
        blocks = -(-size // 4)
        numbers = self._cases(cases)
        out = torch.empty(many, cases, blocks, 4, dtype=dtype, device=self.device)
        rows = max(1, (_CHUNK if out.device.type == "cpu" else _LARGE_CHUNK) // max(blocks * many, 1))
        for start in range(0, cases, rows):
            u0, u1, u2, u3 = _uniforms(numbers[start : start + rows], blocks, streams, self.seed, dtype)
            for k, (radius, angle) in enumerate(((u0, u1), (u2, u3))):
                r, phi = radius.log_().mul_(-2).sqrt_(), angle.mul_(2 * math.pi)
                torch.mul(r, phi.cos(), out=out[:, start : start + rows, :, 2 * k])
                torch.mul(r, phi.sin_(), out=out[:, start : start + rows, :, 2 * k + 1])
        return out.view(many, cases, 4 * blocks)[..., :size].reshape(many, cases, *shape)

    def uniform(self, cases: int, shape: tuple[int, ...] = (), stream: int = 0) -> Tensor:
        """Uniform numbers in (0, 1) of shape (cases, *shape), float64 with 32 random bits."""
        size = math.prod(shape)
        blocks = -(-size // 4)
        words = torch.stack(_uniforms(self._cases(cases), blocks, (stream,), self.seed), -1)
        return words.view(cases, 4 * blocks)[:, :size].reshape(cases, *shape)
