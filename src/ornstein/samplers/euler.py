"""Euler's method on the probability-flow ODE."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from ornstein.samplers.base import Context, Sampler, blend
from ornstein.samplers.level import Level


def velocity(x: Tensor, clean: Tensor, at: Level) -> Tensor:
    """dx_t/dt = alpha' x_0 + sigma' eps with eps = (x_t - alpha x_0) / sigma, both from the denoiser's mean."""
    a, b = rates(at)
    return blend(a, x, b, clean)


def rates(at: Level) -> tuple[float, float]:
    """(a, b) of dx_t/dt = a x_t + b x_0: sigma' / sigma, and alpha' - alpha sigma' / sigma."""
    growth = at.sigma_rate / at.sigma
    return growth, at.alpha_rate - growth * at.alpha


@dataclass(frozen=True)
class Euler(Sampler):
    """x_s = x_t + (s - t) dx_t/dt, order 1, one denoiser call a step; the step to sigma = 0 returns the denoised signal.

    The flow of Song et al. (2021), eq. 13, in the schedule's own time: under VE this is the Euler of Karras et al. (2022),
    under RectifiedFlow that of flow matching.
    """

    def step(self, context: Context, x: Tensor, now: Level, then: Level) -> Tensor:
        clean = context.clean(x, now)
        if then.sigma == 0:
            return then.alpha * clean
        h, (a, b) = then.t - now.t, rates(now)
        return blend(1 + h * a, x, h * b, clean)
