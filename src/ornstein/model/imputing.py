"""Filling gaps from an analytic law: cases that share a pattern of gaps are conditioned together."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ornstein.common.random import Noise
from ornstein.denoisers import Law
from ornstein.fitting.scaling import Scaler
from ornstein.measurements import Mask


def impute(law: Law, scaler: Scaler, x: Tensor, draws: int, seed: int, progress: Callable[[int], None] | None) -> Tensor:
    """Draws of what NaN hides in x (case, *event), (draw, case, *event), in the units of x; see ``Model.impute``."""
    observed = ~torch.isnan(x)
    scaled = scaler.encode(x)
    patterns, member = torch.unique(observed.flatten(1), dim=0, return_inverse=True)
    out = x.expand(draws, *x.shape).clone()
    for k, pattern in enumerate(patterns):
        cases = (member == k).nonzero()[:, 0]
        if not bool(pattern.all()):
            mask = pattern.view(law.event_shape)
            part = law.condition(Mask(mask), scaled[cases][:, mask]).law
            drawn = scaler.decode(part.draw(Noise(seed, index=cases), draws))
            out[:, cases] = torch.where(mask, x[cases], drawn)
        if progress is not None:
            progress(len(cases))
    return out
