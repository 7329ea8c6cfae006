"""DDIM: deterministic at eta = 0, ancestral at eta = 1."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor

from ornstein.common import checks
from ornstein.common.errors import InputError
from ornstein.samplers.base import Context, Sampler, blend
from ornstein.samplers.level import Level, bridge


@dataclass(frozen=True)
class DDIM(Sampler):
    """Song, Meng and Ermon (2021), eq. 12, for any schedule; order 1, one denoiser call a step.

    x_s = alpha_s x_0 + sqrt(sigma_s^2 - (eta c)^2) eps + eta c z,     c the deviation of q(x_s | x_t, x_0)
    """

    eta: float = 0.0

    def __post_init__(self) -> None:
        if checks.positive(self.eta, "eta", zero=True) > 1:
            raise InputError(f"eta is {self.eta:g}, but must lie between 0 (deterministic) and 1 (ancestral)")

    @property
    def deterministic(self) -> bool:
        return self.eta == 0

    def step(self, context: Context, x: Tensor, now: Level, then: Level) -> Tensor:
        clean = context.clean(x, now)
        added = self.eta * bridge(now, then)[2] if self.eta else 0.0
        kept = math.sqrt(max(then.sigma**2 - added**2, 0.0)) / now.sigma  # the weight of eps = (x - alpha x_0) / sigma, over sigma
        moved = blend(kept, x, then.alpha - kept * now.alpha, clean)
        return moved.add_(context.increment(now, then), alpha=added) if added > 0 else moved
