"""A network that bends the quantiles of a law: from what is known of an entry to a monotone map of normal scores."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ornstein.common.checks import count
from ornstein.nets.layers import seeded, zeroed

KNOTS = torch.special.ndtri(torch.arange(1, 20, dtype=torch.float64) / 20)
"""Scores of the levels 0.05, 0.10, ... 0.95, at which a map has its knots."""
_MIDDLE = len(KNOTS) // 2
_WORD = 16
"""Numbers in the embedding of a variable."""
_SHIFT, _WIDTH, _BEND = 8.0, 3.0, 4.0
"""Largest shift in deviations, and logarithms of the largest common and single factors of distances between knots."""


class Warp(nn.Module):
    """(features (n, inputs), variable (n,)) -> the scores h (n, 19) at which a law is asked for its quantiles of levels 0.05 ... 0.95.

        h_middle = shift,    h_(k+1) - h_k = (z_(k+1) - z_k) exp(common + bend_k),      z_k the normal scores of the levels

    A layer and ``depth`` residual ones; every variable has an embedding, and numbers of its own at the end. All that leads to the answer
    is 0 at the start, where h = z: a new network changes nothing.
    """

    def __init__(self, inputs: int, variables: int, *, width: int = 128, depth: int = 2, seed: int = 0) -> None:
        super().__init__()
        self.inputs, self.variables = count(inputs, "inputs"), count(variables, "variables")
        self.width, self.depth = count(width, "width"), count(depth, "depth")
        with seeded(seed):
            self.word = nn.Embedding(variables, _WORD)
            self.first = nn.Linear(inputs + _WORD, width)
            self.blocks = nn.ModuleList(nn.Linear(width, width) for _ in range(depth))
            self.last = zeroed(nn.Linear(width, len(KNOTS) + 1))
            self.own = nn.Embedding(variables, len(KNOTS) + 1)
        nn.init.zeros_(self.own.weight)

    def forward(self, features: Tensor, variable: Tensor) -> Tensor:
        h = F.silu(self.first(torch.cat([features, self.word(variable)], 1)))
        for block in self.blocks:
            h = h + F.silu(block(h))
        out = self.last(h) + self.own(variable)
        shift, common, bend = out[:, :1], out[:, 1:2].clamp(-_WIDTH, _WIDTH), out[:, 2:].clamp(-_BEND, _BEND)
        steps = KNOTS.diff().to(out) * torch.exp(common + bend)
        zero = torch.zeros_like(shift)
        below, above = steps[:, :_MIDDLE].flip(1).cumsum(1).flip(1), steps[:, _MIDDLE:].cumsum(1)
        found: Tensor = _SHIFT * torch.tanh(shift / _SHIFT) + torch.cat([-below, zero, above], 1)
        return found


def bent(z: Tensor, h: Tensor) -> Tensor:
    """Scores z (level, n) under maps with knots h (n, 19): straight between the knots, and beyond them as between the last two."""
    knots = KNOTS.to(h)
    k = torch.searchsorted(knots, z.to(h).contiguous()).clamp(1, len(knots) - 1)
    low, high = h.gather(1, k.T - 1).T, h.gather(1, k.T).T
    share = (z - knots[k - 1]) / (knots[k] - knots[k - 1])
    found: Tensor = low + share * (high - low)
    return found
