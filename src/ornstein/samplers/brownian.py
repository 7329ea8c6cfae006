"""One Brownian path for a grid and its refinements: halve every step, and the same sample becomes more accurate.

The clock is the signal-to-noise ratio v = alpha^2 / sigma^2. In it the noise of an ancestral step is exactly an increment,

    x_s / (alpha_s n_s^2) - x_t / (alpha_t n_t^2) = (v_s - v_t) x_0 + B(v_s) - B(v_t),        n = sigma / alpha,

so for a fixed clean signal two short steps are one long step. An increment over a cell, divided by its deviation, is split into those
of its two parts by one new normal z, a rotation (Levy's bridge):

    e_left = sqrt(w) e + sqrt(1 - w) z,     e_right = sqrt(1 - w) e - sqrt(w) z,     w = the share of the left part in the clock

A grid of n steps is one cell that is split into n by the prime factors of n, the largest first, every boundary keyed by its place among
the steps. So n steps cost n normals, and a grid that divides every step of a coarser one by factors no larger than its own, in
particular by 2, has the same path. Where v is infinite (sigma = 0) w is 0, and the last step has noise of its own.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from ornstein.common.errors import InputError
from ornstein.common.random import Noise
from ornstein.samplers.level import Level

_PATH = 1 << 63
"""Flips one bit of the seed, so that the boundaries of cells share no stream with the steps of the loop."""

_TOGETHER = 1 << 18
"""Normal numbers drawn in one call: those of many boundaries where signals are small, of one where there is nothing to gain."""

_CACHED = 1 << 15
"""Numbers of a cell that are split at once: three arrays of them stay inside a processor's cache."""

Cell = tuple[int, int, int]
"""Steps ``first`` to ``last`` - 1, to be split into parts of so many steps."""


class BrownianPath:
    """The increments of one path between the times of a grid, for cases keyed by ``noise``; asked for once each, from noise to data.

    Cost: one normal number per entry and step. Memory: a dozen arrays of the size of x.
    """

    def __init__(
        self, noise: Noise, cases: int, shape: tuple[int, ...], visited: Sequence[Level], dtype: torch.dtype = torch.float64
    ) -> None:
        self.noise = replace(noise, seed=noise.seed ^ _PATH)
        self.cases, self.shape, self.dtype = cases, shape, dtype
        self.clock = [math.inf if level.sigma == 0 else (level.alpha / level.sigma) ** 2 for level in visited]
        self.numbers = {level.t: k for k, level in enumerate(visited)}
        self.factors = _primes(len(visited) - 1)
        self._leaves, self._next = self._grown(), 0

    def increment(self, now: Level, then: Level) -> Tensor:
        """(B(v_s) - B(v_t)) / sqrt(v_s - v_t), (case, *event), between two times of the grid."""
        first, last = self.numbers[now.t], self.numbers[then.t]
        if not self._next <= first < last:
            raise InputError(
                f"the noise from t = {now.t:g} to {then.t:g} was asked for before, or later times were: ask in the order of the run"
            )
        while self._next < first:
            self._leaf()
        out = self._leaf()
        for k in range(first + 1, last):
            w = self._share(first, k, k + 1)
            out = out.mul_(math.sqrt(w)).add_(self._leaf(), alpha=math.sqrt(1 - w))
        return out

    def _leaf(self) -> Tensor:
        self._next += 1
        return next(self._leaves)

    def _grown(self) -> Iterator[Tensor]:
        """The normalised increment of every step in turn: cells are split from the left, as deep as the next step asks."""
        whites = self._whites()
        waiting = [((0, len(self.clock) - 1, self._parts(len(self.clock) - 1)), next(whites))]
        while waiting:
            (first, last, part), e = waiting.pop()
            if last - first == 1:
                yield e
                continue
            middle, z, w = first + part, next(whites), self._share(first, first + part, last)
            left, rest = _split(e, z, math.sqrt(w), math.sqrt(1 - w))
            waiting += [(self._cell(middle, last, part), rest), (self._cell(first, middle, part), left)]

    def _whites(self) -> Iterator[Tensor]:
        """A normal for the whole run and for each boundary, in the order in which cells are split; small ones are drawn together."""
        streams = self._streams()
        calls = -(-len(streams) // max(1, _TOGETHER // max(self.cases * math.prod(self.shape), 1)))
        together = -(-len(streams) // calls)
        for start in range(0, len(streams), together):
            yield from self.noise.normals(self.cases, self.shape, streams[start : start + together], self.dtype)

    def _streams(self) -> list[int]:
        """The stream of each: boundary b of M parts has M + b, in (M, 2 M), and M at least doubles from split to split."""
        steps, out = len(self.clock) - 1, [1]
        waiting = [(0, steps, self._parts(steps))]
        while waiting:
            first, last, part = waiting.pop()
            if last - first > 1:
                middle = first + part
                out.append(steps // part + middle // part)
                waiting += [self._cell(middle, last, part), self._cell(first, middle, part)]
        return out

    def _cell(self, first: int, last: int, part: int) -> Cell:
        """What is left of a cell with parts of this size; a single part is a cell of its own."""
        return first, last, part if last - first > part else self._parts(part)

    def _parts(self, size: int) -> int:
        """The steps in a part of a cell of ``size`` steps: it is divided by the next factor."""
        rest = len(self.clock) - 1
        for factor in self.factors:
            if rest == size:
                return size // factor
            rest //= factor
        return 1

    def _share(self, first: int, middle: int, last: int) -> float:
        """Of the clock between two times, the share before the one in the middle; a half where the clock does not move."""
        whole, left = self.clock[last] - self.clock[first], self.clock[middle] - self.clock[first]
        if whole == math.inf:
            return 0.0 if left < math.inf else 0.5
        return min(left / whole, 1.0) if whole > 0 else 0.5


def _split(e: Tensor, z: Tensor, c: float, s: float) -> tuple[Tensor, Tensor]:
    """(c e + s z, s e - c z), the increments of the two parts of a cell; e is used up."""
    left = torch.empty_like(e)
    rows = max(1, _CACHED // max(e[:1].numel(), 1))
    parts = zip(e.split(rows), z.split(rows), left.split(rows), strict=True) if len(e) > rows else [(e, z, left)]
    for part, new, out in parts:
        torch.mul(part, c, out=out).add_(new, alpha=s)
        part.mul_(s).sub_(new, alpha=c)
    return left, e


def _primes(n: int) -> list[int]:
    """The prime factors of n, the largest first."""
    out, p = [], 2
    while p * p <= n:
        while n % p == 0:
            out.append(p)
            n //= p
        p += 1
    return sorted([*out, n] if n > 1 else out, reverse=True)
