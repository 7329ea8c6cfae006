"""Counter-based normal numbers: noise that belongs to a case, not to a batch.

Value j of case i under (seed, stream) is a pure function of (seed, stream, i, j), so sample i is the same in a batch of 1
and in a batch of 1000, on one worker or many, and on any device (up to the last bits of log and cos).

Philox-4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011) turns each counter into four 32-bit
words; Box-Muller turns two words into two normals. 32-bit uniforms reach |z| <= 6.66, whose complement has probability 3e-11.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

_MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
_WEYL = (0x9E3779B9, 0xBB67AE85)
_WORD = 0xFFFFFFFF
_ROUNDS = 10
_CHUNK = 1 << 16
"""Counters per pass: the eight int64 work arrays of a pass stay inside a processor's cache."""


def philox(counter: tuple[Tensor, Tensor, Tensor, Tensor], key: tuple[int, int]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Philox-4x32-10 of int64 tensors that hold 32-bit words. Products wrap modulo 2^64, which keeps both words exact."""
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(_ROUNDS):
        p0, p1 = c0 * _MULTIPLIERS[0], c2 * _MULTIPLIERS[1]
        c0, c1, c2, c3 = ((p1 >> 32) & _WORD) ^ c1 ^ k0, p1 & _WORD, ((p0 >> 32) & _WORD) ^ c3 ^ k1, p0 & _WORD
        k0, k1 = (k0 + _WEYL[0]) & _WORD, (k1 + _WEYL[1]) & _WORD
    return c0, c1, c2, c3


def _uniforms(counter: Tensor, per_case: int, cases: Tensor, stream: int, seed: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    row = counter // per_case
    block, case = counter - row * per_case, cases[row]
    words = philox(
        (block, case & _WORD, (case >> 32) & _WORD, torch.full_like(block, stream & _WORD)), (seed & _WORD, (seed >> 32) & _WORD)
    )
    u0, u1, u2, u3 = ((w.to(torch.float64) + 0.5) * 2.0**-32 for w in words)
    return u0, u1, u2, u3


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

    def normal(self, cases: int, shape: tuple[int, ...], stream: int = 0) -> Tensor:
        """Standard normal numbers of shape (cases, *shape) in float64; about 30 ns each on one core."""
        size = math.prod(shape)
        per_case = -(-size // 4)
        numbers = self._cases(cases)
        out = torch.empty(cases * per_case, 4, dtype=torch.float64, device=self.device)
        for start in range(0, cases * per_case, _CHUNK):
            piece = out[start : start + _CHUNK]
            counter = torch.arange(start, start + len(piece), device=self.device)
            u0, u1, u2, u3 = _uniforms(counter, per_case, numbers, stream, self.seed)
            for k, (radius, angle) in enumerate(((u0, u1), (u2, u3))):
                r, phi = torch.sqrt(-2 * torch.log(radius)), 2 * math.pi * angle
                piece[:, 2 * k], piece[:, 2 * k + 1] = r * torch.cos(phi), r * torch.sin(phi)
        return out.view(cases, 4 * per_case)[:, :size].reshape(cases, *shape)

    def uniform(self, cases: int, shape: tuple[int, ...] = (), stream: int = 0) -> Tensor:
        """Uniform numbers in (0, 1) of shape (cases, *shape), float64 with 32 random bits."""
        size = math.prod(shape)
        per_case = -(-size // 4)
        counter = torch.arange(cases * per_case, device=self.device)
        words = torch.stack(_uniforms(counter, per_case, self._cases(cases), stream, self.seed), -1)
        return words.view(cases, 4 * per_case)[:, :size].reshape(cases, *shape)
