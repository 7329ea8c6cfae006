"""A learned correction of what a law says of gaps: the quantiles of every hidden entry, bent by a network that sees the law's answer.

A law says q_p = F^-1(Phi(z_p)) of a hidden entry, z_p the normal score of level p; corrected, it says F^-1(Phi(h(z_p))), with a monotone
map h of its own for every entry (``nets.warp``). h = z changes nothing; h is straight beyond the levels 0.05 and 0.95. A joint draw of
the law is moved entry by entry from the law's quantile to the corrected one of the same level: single entries have the corrected law,
and their dependence is the law's (its Gaussian copula). Draws of a network that stands on the law are moved by their ranks, and keep
the dependence that the network knows.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ornstein.common.random import Noise
from ornstein.correction.sight import sight
from ornstein.denoisers.filling import Parts
from ornstein.denoisers.gap_marginals import Marginals, marginals
from ornstein.nets.warp import Warp, bent

_FAR = 6.0
_ROWS = 1 << 15
"""Entries that are bent at once."""
_RANK = 1 << 21
"""The stream of the places of ranks."""


@dataclass(frozen=True, eq=False)
class Correction:
    """net: features and variable of an entry -> knots of its map h, (n, 19)
    event    the shape of one signal
    centre, spread   of the features it was trained on, (feature,)
    crps     on held-out gaps of held-out cases, in deviations: the law's, and the corrected one's
    """

    net: Warp
    event: tuple[int, ...]
    centre: Tensor
    spread: Tensor
    crps: tuple[float, float]

    def __call__(self, parts: Parts, u: Tensor, known: Marginals, wanted: Tensor | None = None) -> Bend:
        """The maps of the hidden entries of u (case, d), or of those ``wanted`` (case, d), in order, whose laws are ``known``."""
        features, variable = sight(parts, u, known, torch.isnan(u) if wanted is None else wanted, self.event)
        return Bend(self.knots(features, variable))

    def by_rank(self, parts: Parts, u: Tensor, drawn: Tensor, wanted: Tensor, noise: Noise) -> Tensor:
        """Draws (draw, case, d) of the ``wanted`` entries (case, d) of u with the corrected laws, in the order that ``drawn`` has.

        The draw of rank r among n gets the corrected quantile of level (r + v) / n, v uniform: each by itself has the corrected law, and
        the dependence among entries is that of ``drawn``, from whichever law it came.
        """
        known = marginals(parts, u, wanted)
        bend, count = self(parts, u, known, wanted), len(drawn)
        rank = drawn[:, wanted].argsort(0).argsort(0)
        v = noise.uniform(len(u), (count, u.shape[1]), _RANK).movedim(1, 0)[:, wanted]
        scores = bend(torch.special.ndtri((rank + v) / count))
        moved = drawn.clone()
        for row, level in zip(moved, scores, strict=True):
            row[wanted] = known.quantile(level)
        return moved

    @torch.no_grad()
    def knots(self, features: Tensor, variable: Tensor) -> Tensor:
        """h (n, 19) in float64."""
        rows = zip(self.standardised(features).split(_ROWS), variable.split(_ROWS), strict=True)
        return torch.cat([self.net(*some) for some in rows]).double()

    def standardised(self, features: Tensor) -> Tensor:
        """Features as the network sees them, float32."""
        return ((features - self.centre) / self.spread).clamp(-_FAR, _FAR).float()


@dataclass(frozen=True)
class Bend:
    """The maps h of some entries, by their knots (entry, 19)."""

    knots: Tensor

    def __call__(self, z: Tensor) -> Tensor:
        """h(z) for scores (level, entry)."""
        return bent(z, self.knots)
