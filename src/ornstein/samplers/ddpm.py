"""Ancestral sampling."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from ornstein.samplers.base import Context, Sampler
from ornstein.samplers.level import Level, bridge


@dataclass(frozen=True)
class DDPM(Sampler):
    """x_s ~ q(x_s | x_t, x_0 = E[x_0 | x_t]), the bridge through the denoised signal (Ho et al. 2020, eq. 6 and 7).

    One denoiser call a step. The variance is that of the bridge, which leaves out the variance of x_0 itself: with few steps
    the samples spread too little, by an amount that falls like 1 / steps.
    """

    @property
    def deterministic(self) -> bool:
        return False

    def step(self, context: Context, x: Tensor, now: Level, then: Level) -> Tensor:
        noisy, clean, deviation = bridge(now, then)
        moved = noisy * x + clean * context.clean(x, now)
        return moved + deviation * context.increment(now, then) if deviation > 0 else moved
