"""One Brownian path for every grid: refine the grid, and the same sample becomes more accurate.

The clock is the signal-to-noise ratio v = alpha^2 / sigma^2. In it the noise of an ancestral step is exactly an increment,

    x_s / (alpha_s n_s^2) - x_t / (alpha_t n_t^2) = (v_s - v_t) x_0 + B(v_s) - B(v_t),        n = sigma / alpha,

so for a fixed clean signal two short steps are one long step, whatever the grid. The clock runs from 0 (noise) to infinity
(data); u = v / (1 + v) runs from 0 to 1, and B(v) = beta(u) / (1 - u) for a standard Brownian bridge beta (Doob's transform).
A bridge is built by halving: its middle given its ends is normal (Levy), so every dyadic u has one value, keyed by its place.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from ornstein.common.random import Noise
from ornstein.samplers.level import Level

_DEEPEST = 31
"""Halvings: places of the tree must fit the 32 bits of a stream. Times closer than 2^-31 in u draw from streams of their own."""

_FINER = 5
"""Times are read on a lattice 2^5 times finer than the step around them: with 2^3 the path would stop converging near 200 steps."""

_PATH = 1 << 63
"""Flips one bit of the seed, so that the places of the tree share no stream with the steps of the loop."""

_TOGETHER = 1 << 17
"""Normal numbers drawn in one call: many places at once where signals are small, one where there is nothing to gain."""

Place = tuple[int, int]
"""(i, k): the point i / 2^k with i odd; (0, 0) and (1, 0) are the ends."""


class BrownianPath:
    """The increments of one path between the times of a grid, for cases keyed by ``noise``; asked for from noise to data.

    Cost: about 6 normal numbers per entry and step, and 30 more per run. Memory: at most 32 arrays of the size of x.
    """

    def __init__(self, noise: Noise, cases: int, shape: tuple[int, ...], visited: Sequence[Level]) -> None:
        self.noise = replace(noise, seed=noise.seed ^ _PATH)
        self.cases, self.shape = cases, shape
        self.places = dict(zip((level.t for level in visited), _places(visited), strict=True))
        self.known: dict[Place, Tensor] = {}

    def increment(self, now: Level, then: Level) -> Tensor:
        """(B(v_s) - B(v_t)) / sqrt(v_s - v_t), (case, *event), float64. A step to sigma = 0 has noise of its own: v is infinite there."""
        t, s = self.places[now.t], self.places[then.t]
        if s == t or s == (1, 0):
            return self.noise.normal(self.cases, self.shape, stream=_own(t))
        u_t, u_s = (math.ldexp(i, -k) for i, k in (t, s))
        self._learn(t, s)
        before, after = self._value(t), self._value(s)
        self._forget(s)
        return (after * (1 - u_t) - before * (1 - u_s)) / math.sqrt((u_s - u_t) * (1 - u_s) * (1 - u_t))

    def _value(self, place: Place) -> Tensor:
        """beta at i / 2^k, 0 at the ends."""
        if place[1] == 0:
            return torch.zeros(self.cases, *self.shape, dtype=torch.float64, device=self.noise.device)
        return self.known[place]

    def _learn(self, *places: Place) -> None:
        """beta at these places and at all they rest on, coarsest first; beta(i / 2^k) is the mean of its two neighbours and a normal."""
        wanted: set[Place] = set()
        waiting = [*places]
        while waiting:
            i, k = waiting.pop()
            if k > 0 and (i, k) not in self.known and (i, k) not in wanted:
                wanted.add((i, k))
                waiting += [_lowest(i - 1, k), _lowest(i + 1, k)]
        new = sorted(wanted, key=lambda place: place[1])
        together = max(1, _TOGETHER // (self.cases * math.prod(self.shape)))
        for group in (new[start : start + together] for start in range(0, len(new), together)):
            whites = self.noise.normals(self.cases, self.shape, [(1 << (k - 1)) + (i - 1) // 2 for i, k in group])
            for (i, k), white in zip(group, whites, strict=True):
                middle = 0.5 * (self._value(_lowest(i - 1, k)) + self._value(_lowest(i + 1, k)))
                self.known[i, k] = middle + math.sqrt(2.0 ** -(k + 1)) * white

    def _forget(self, here: Place) -> None:
        """Drop what no later time can need: all before ``here`` but the left ends of the intervals around it."""
        i, k = here
        needed = {_lowest(i >> (k - depth), depth) for depth in range(k + 1)}
        self.known = {p: value for p, value in self.known.items() if p in needed or p[0] / 2 ** p[1] > i / 2**k}


def _places(visited: Sequence[Level]) -> list[Place]:
    """Each time on the lattice that its own steps ask for. The ends of the clock stay ends."""
    clock = [(level.alpha**2 / (level.alpha**2 + level.sigma**2), level.sigma**2 / (level.alpha**2 + level.sigma**2)) for level in visited]
    out: list[Place] = []
    for n, (u, left) in enumerate(clock):
        if u == 0 or left == 0:
            out.append((0, 0) if u == 0 else (1, 0))
            continue
        around = [abs(u - clock[m][0]) for m in (n - 1, n + 1) if 0 <= m < len(clock)]
        space = min(u, left, *(gap for gap in around if gap > 0))
        depth = min(max(1, math.ceil(_FINER - math.log2(space))), _DEEPEST)
        index = min(max(1, round(u * 2**depth)), 2**depth - 1)
        out.append(_lowest(index, depth))
    return out


def _lowest(i: int, k: int) -> Place:
    """i / 2^k in lowest terms."""
    while k and i % 2 == 0:
        i, k = i // 2, k - 1
    return i, k


def _own(place: Place) -> int:
    """A stream for a step that leaves the tree: places use those below 2^31."""
    i, k = place
    return (1 << 31) + ((1 << k) + i) % (1 << 31)
