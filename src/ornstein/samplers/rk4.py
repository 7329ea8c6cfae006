"""The classical Runge-Kutta method on the probability-flow ODE."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from ornstein.samplers.base import Context, Sampler
from ornstein.samplers.euler import velocity
from ornstein.samplers.level import Level


@dataclass(frozen=True)
class RK4(Sampler):
    """Four stages in the schedule's own time (Kutta 1901): order 4, four denoiser calls a step, one in the last.

        k_1 = v(x_t, t),  k_2 = v(x_t + h k_1 / 2, t + h / 2),  k_3 = v(x_t + h k_2 / 2, t + h / 2),  k_4 = v(x_t + h k_3, s)
        x_s = x_t + h (k_1 + 2 k_2 + 2 k_3 + k_4) / 6,          h = s - t,  v = dx_t/dt

    The step to sigma = 0 returns the denoised signal, so order 4 is that of the way to the last time before it. A ``Discrete``
    chain has kinks at its steps, and a slope without bound where it ends at alpha = 0: there the order is lower.
    """

    @property
    def order(self) -> int:
        return 4

    def calls(self, steps: int) -> int:
        return 4 * steps - 3

    def step(self, context: Context, x: Tensor, now: Level, then: Level) -> Tensor:
        clean = context.clean(x, now)
        if then.sigma == 0:
            return then.alpha * clean
        h, middle = then.t - now.t, context.at(0.5 * (now.t + then.t))
        first = velocity(x, clean, now)
        half = x + 0.5 * h * first
        second = velocity(half, context.clean(half, middle), middle)
        half = x + 0.5 * h * second
        third = velocity(half, context.clean(half, middle), middle)
        ahead = x + h * third
        fourth = velocity(ahead, context.clean(ahead, then), then)
        return x + (h / 6) * (first + 2 * second + 2 * third + fourth)
