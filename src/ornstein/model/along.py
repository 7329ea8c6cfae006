"""Log-densities of all windows of recordings in the user's units, under a law or under the judges of a fit."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from ornstein.denoisers import Denoiser, Law
from ornstein.fitting.held_out import Judge
from ornstein.fitting.scaling import Scaler
from ornstein.likelihood.windows import TOGETHER, Windows


class Along:
    """The densities of windows of recordings that are never cut, one every ``hop`` samples; what depends on the law is worked out once."""

    def __init__(self, law: Law, scaler: Scaler, hop: int, factor: Tensor | float = 1.0, offset: Tensor | float = 0.0) -> None:
        first = scaler.lengthened(1)
        self.centre = ((first.centre - offset) / factor).view(-1, 1)
        self.rate = (factor / first.scale).view(-1, 1)
        self.windows = Windows(law, len(self.centre), hop)
        self.volume = scaler.log_jacobian(law.covariance())

    @classmethod
    def of(cls, law: Denoiser, scaler: Scaler, hop: int, factor: Tensor | float = 1.0, offset: Tensor | float = 0.0) -> Along | None:
        """None where the scaling changes along the window, or no law is known.

        factor, offset   (channel, 1): a value in the model's units is factor * value + offset of x
        """
        if not isinstance(law, Law) or law.batch_shape or not scaler.still or scaler.curves is not None:
            return None
        return cls(law, scaler, hop, factor, offset)

    def __call__(self, x: Tensor) -> Tensor:
        """log p (windows,) in nats of one recording x (*lead, time) of any float type."""
        u = torch.empty(x.shape, dtype=torch.float64).copy_(x).view(-1, x.shape[-1])
        return self.windows(u.sub_(self.centre).mul_(self.rate)).sub_(self.volume)


def in_parts(log_prob: Callable[[Tensor], Tensor], x: Tensor, event_shape: tuple[int, ...], hop: int) -> Tensor:
    """(windows,) of one recording x (*lead, time), whose windows are made a few at a time."""
    parts = x.unfold(-1, event_shape[-1], hop).movedim(-2, 0).split(max(1, TOGETHER // math.prod(event_shape)))
    return torch.cat([log_prob(part.contiguous()) for part in parts])


def judged_along(judge: Judge, x: Tensor, hop: int) -> Tensor:
    """(case, window) of recordings x (case, *lead, time), under the law of a judge."""
    law = judge.law
    if (prepared := Along.of(law, judge.scaler, hop)) is not None:
        return torch.stack([prepared(one) for one in x])
    return torch.stack([in_parts(judge.log_prob, one, law.event_shape, hop) for one in x])
