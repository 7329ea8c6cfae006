"""Heun's method on the probability-flow ODE."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from ornstein.samplers.base import Context, Sampler
from ornstein.samplers.euler import velocity
from ornstein.samplers.level import Level


@dataclass(frozen=True)
class Heun(Sampler):
    """The trapezoidal corrector (Karras et al. 2022, algorithm 1): order 2, two denoiser calls a step, one in the last.

        x' = x_t + h v(x_t, t),   x_s = x_t + h (v(x_t, t) + v(x', s)) / 2,   h = s - t

    The step to sigma = 0 returns the denoised signal.
    """

    @property
    def order(self) -> int:
        return 2

    def calls(self, steps: int) -> int:
        return 2 * steps - 1

    def step(self, context: Context, x: Tensor, now: Level, then: Level) -> Tensor:
        clean = context.clean(x, now)
        if then.sigma == 0:
            return then.alpha * clean
        h, first = then.t - now.t, velocity(x, clean, now)
        ahead = x + h * first
        return x + 0.5 * h * (first + velocity(ahead, context.clean(ahead, then), then))
