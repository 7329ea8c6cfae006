"""The laws of single hidden entries given what their cases hold, under a Gaussian or a mixture, and of seen ones given all others."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ornstein.covariance.missing_left_out import left_out
from ornstein.denoisers.filling import Parts

_HALVINGS = 52
_SMALLEST = 1e-12
"""Probability below which a score is not looked for: 7 deviations."""


class Marginals(NamedTuple):
    """The law of hidden entries given what their cases hold, a mixture: weights, means and deviations (k, entry)."""

    weights: Tensor
    means: Tensor
    deviations: Tensor

    def quantile(self, z: Tensor) -> Tensor:
        """The quantiles (entry,) of level Phi(z), z (entry,)."""
        ends = self.means + z * self.deviations
        if len(ends) == 1:
            return ends[0]
        low, high = ends.amin(0), ends.amax(0)
        level = torch.special.ndtr(z)
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            below = self.level(middle) < level
            low, high = torch.where(below, middle, low), torch.where(below, high, middle)
        return (low + high) / 2

    def level(self, v: Tensor) -> Tensor:
        """The probability (entry,) of less than v (entry,)."""
        apart = (v - self.means) / self.deviations.clamp_min(torch.finfo(v.dtype).tiny)
        below: Tensor = (self.weights * torch.special.ndtr(apart)).sum(0)
        return below

    def score(self, v: Tensor) -> Tensor:
        """The normal scores (entry,) of v (entry,): z with v = quantile(z)."""
        if len(self.means) == 1:
            tiny = torch.finfo(v.dtype).tiny
            return (v - self.means[0]) / self.deviations[0].clamp_min(tiny)
        found: Tensor = torch.special.ndtri(self.level(v).clamp(_SMALLEST, 1 - _SMALLEST))
        return found

    def moments(self) -> tuple[Tensor, Tensor]:
        """(mean, deviation), (entry,) each."""
        mean = (self.weights * self.means).sum(0)
        apart = self.deviations.square() + (self.means - mean).square()
        return mean, (self.weights * apart).sum(0).sqrt()


def marginals(parts: Parts, u: Tensor, wanted: Tensor | None = None) -> Marginals:
    """The law of every hidden entry of u (case, d), or of those ``wanted`` (case, d), in order, given the observed ones of its case."""
    hidden = torch.isnan(u) if wanted is None else wanted
    found = [law.expect(u, wanted) for _, law in parts]
    levels = torch.stack([weight + law.log_prob(u) for weight, law in parts]) if len(parts) > 1 else torch.zeros(1, len(u))
    weights = torch.softmax(levels.to(torch.float64), 0)[:, hidden.nonzero()[:, 0]]
    return Marginals(weights, *(torch.stack([one[hidden] for one in part]) for part in zip(*found, strict=True)))


def surprises(parts: Parts, u: Tensor) -> Tensor:
    """By how many deviations every seen entry of u (case, d) is off what all others of its case say of it; 0 in the gaps.

    Component k of a mixture weighs w_k N_k(all seen) / N_k(this | the others), which is its weight without the entry. An entry that
    never varies is not off. Cost: as for conditioning, and an inverse of every block.
    """
    seen = ~torch.isnan(u)
    means, deviations = (torch.stack(part) for part in zip(*(left_out(law, u) for _, law in parts), strict=True))
    weights = torch.ones_like(means[:1])
    if len(parts) > 1:
        nats = torch.stack([weight + law.log_prob(u) for weight, law in parts]).unsqueeze(2)
        apart = (u - means) / deviations.clamp_min(torch.finfo(u.dtype).tiny)
        weights = torch.softmax(nats + deviations.log() + apart.square() / 2, 0)
    mean = (weights * means).sum(0)
    deviation = (weights * (deviations.square() + (means - mean).square())).sum(0).sqrt()
    return torch.where(seen & (deviation > 0), (u - mean) / deviation, 0.0)
