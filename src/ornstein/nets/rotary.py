"""Rotary positions: attention scores that depend on how far apart two places are, and in which direction, and on nothing else."""

from __future__ import annotations

import itertools
import math

import torch
from torch import Tensor, nn

Shape = tuple[int, ...]


class Rotary(nn.Module):
    """Turns pair j of query and key by angle f_j i at place i (Su et al. 2021, eq. 15), so that <R_i q, R_k k> = <q, R_(k - i) k>.

    ``grid`` is the number of places along each spatial axis; the pairs of a head are dealt out to the axes in turn. Along an axis
    of n places f goes geometrically from 1 radian per place down to a quarter turn over the whole axis: the slowest pair still
    tells the two ends apart. Calling it returns (cos, sin), each (place, pair), for ``rotate``.
    """

    frequencies: Tensor
    places: Tensor

    def __init__(self, grid: Shape, pairs: int) -> None:
        super().__init__()
        frequencies = torch.zeros(len(grid), pairs)
        for axis, n in enumerate(grid):
            own = frequencies[axis, axis :: len(grid)]
            own.copy_(torch.logspace(0, math.log10(min(1.0, math.pi / 2 / n)), len(own)))
        self.register_buffer("frequencies", frequencies, persistent=False)
        places = torch.tensor(list(itertools.product(*map(range, grid))), dtype=frequencies.dtype)
        self.register_buffer("places", places, persistent=False)

    def forward(self) -> tuple[Tensor, Tensor]:
        angle = self.places @ self.frequencies
        return angle.cos(), angle.sin()


def rotate(x: Tensor, turn: tuple[Tensor, Tensor]) -> Tensor:
    """x (..., place, 2 pairs), entries j and j + pairs turned together."""
    (cos, sin), (a, b) = turn, x.chunk(2, -1)
    return torch.cat([a * cos - b * sin, a * sin + b * cos], -1)
