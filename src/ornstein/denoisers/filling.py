"""Draws of what is missing from a small Gaussian or mixture: every case with a pattern of its own, in batches."""

from __future__ import annotations

import torch
from torch import Tensor

from ornstein.common.random import Noise
from ornstein.covariance.missing_blocks import Conditional
from ornstein.covariance.missing_draws import draw_missing
from ornstein.denoisers.base import Law
from ornstein.denoisers.gaussian import Gaussian
from ornstein.denoisers.mixture import Mixture

DENSE = 2048
"""Entries up to which a law is conditioned through its dense matrix, for all patterns at once."""
_CHOICE = 1 << 20

Parts = list[tuple[Tensor, Conditional]]
"""Log-weight and Gaussian of every component."""


def components(law: Law) -> Parts | None:
    """What a small Gaussian or mixture consists of; None for every other law."""
    if law.batch_shape or law.size > DENSE:
        return None
    if isinstance(law, Gaussian):
        return [(torch.zeros((), dtype=torch.float64), _ready(law))]
    if isinstance(law, Mixture):
        return [(weight, _ready(part)) for weight, part in zip(law.log_weights, law.components, strict=True)]
    return None


def _ready(law: Gaussian) -> Conditional:
    return Conditional(law.mean().flatten(), law.operator.dense())


def draw_gaps(parts: Parts, u: Tensor, noise: Noise, draws: int) -> Tensor:
    """Draws (case, draw, d) given u (case, d), which case i takes from its own noise: a component by its weight given u, then its draw."""
    white = noise.normal(len(u), (draws, u.shape[1]))
    if len(parts) == 1:
        return draw_missing(parts[0][1], u, white)
    levels = torch.stack([weight + law.log_prob(u) for weight, law in parts], -1)
    cumulative = torch.softmax(levels, -1).cumsum(-1)
    target = noise.uniform(len(u), (draws,), _CHOICE) * cumulative[:, -1:]
    chosen = (cumulative.unsqueeze(1) < target.unsqueeze(2)).sum(2)
    out = torch.empty_like(white)
    for k, (_, law) in enumerate(parts):
        mine = (chosen == k).any(1).nonzero()[:, 0]
        if len(mine):
            drawn = draw_missing(law, u[mine], white[mine])
            out[mine] = torch.where((chosen[mine] == k).unsqueeze(2), drawn, out[mine])
    return out
