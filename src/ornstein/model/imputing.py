"""Filling gaps from an analytic law: every case with a pattern of its own, in batches, or pattern by pattern for large laws."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ornstein.common.random import Noise
from ornstein.covariance.missing_blocks import Conditional
from ornstein.covariance.missing_draws import draw_missing
from ornstein.denoisers import Gaussian, Law, Mixture
from ornstein.fitting.scaling import Scaler
from ornstein.measurements import Mask

Tell = Callable[[int], None]
DENSE = 2048
"""Entries up to which a law is conditioned through its dense matrix, for all patterns at once."""
_MEMORY = 1 << 23
"""Numbers drawn at once: 64 MiB."""
_CHOICE = 1 << 20


def impute(law: Law, scaler: Scaler, x: Tensor, draws: int, seed: int, progress: Tell | None) -> Tensor:
    """Draws of what NaN hides in x (case, *event), (draw, case, *event), in the units of x; see ``Model.impute``."""
    tell = progress or (lambda _: None)
    scaled = scaler.encode(x)
    parts = _components(law)
    out = x.expand(draws, *x.shape).clone()
    if parts is None:
        _by_pattern(law, scaler, scaled, out, seed, tell)
        return torch.where(torch.isnan(x), out, x)
    gappy = torch.isnan(x).flatten(1).any(1)
    tell(int((~gappy).sum()))
    for cases in gappy.nonzero()[:, 0].split(max(1, _MEMORY // (draws * law.size))):
        drawn = _at_once(parts, scaled[cases].flatten(1), Noise(seed, index=cases), draws)
        values = scaler.decode(drawn.movedim(1, 0).reshape(draws, len(cases), *law.event_shape))
        out[:, cases] = torch.where(torch.isnan(x[cases]), values, x[cases])
        tell(len(cases))
    return out


Parts = list[tuple[Tensor, Conditional]]
"""Log-weight and Gaussian of every component."""


def _components(law: Law) -> Parts | None:
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


def _at_once(parts: Parts, u: Tensor, noise: Noise, draws: int) -> Tensor:
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


def _by_pattern(law: Law, scaler: Scaler, u: Tensor, out: Tensor, seed: int, tell: Tell) -> None:
    """Cases that share a pattern of gaps are conditioned together, into ``out``."""
    patterns, member = torch.unique(~torch.isnan(u).flatten(1), dim=0, return_inverse=True)
    for k, pattern in enumerate(patterns):
        cases = (member == k).nonzero()[:, 0]
        if not bool(pattern.all()):
            mask = pattern.view(law.event_shape)
            part = law.condition(Mask(mask), u[cases][:, mask]).law
            out[:, cases] = scaler.decode(part.draw(Noise(seed, index=cases), len(out)))
        tell(len(cases))
