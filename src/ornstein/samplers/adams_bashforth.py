"""Adams-Bashforth with constant weights on the noise: the multistep part of PNDM."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from ornstein.common import checks
from ornstein.samplers.base import Context, Sampler
from ornstein.samplers.level import Level
from ornstein.samplers.multistep import corrected, straight, visit

WEIGHTS = (
    (),
    (-1 / 2,),
    (-16 / 12, 5 / 12),
    (-59 / 24, 37 / 24, -9 / 24),
)
"""The classical weights of the earlier steps, newest first; with that of the step itself (1, 3/2, 23/12, 55/24) they sum to 1."""


@dataclass(frozen=True)
class AdamsBashforth(Sampler):
    """iPNDM (Liu et al. 2022, the linear multistep rule; Zhang and Chen 2023, without Runge-Kutta steps at the start).

        x_s = alpha_s (x_t / alpha_t + (n_s - n_t) sum_k beta_k eps_k),    n = sigma / alpha,    eps = (x - alpha E[x_0 | x]) / sigma

    order  1 to 4: how many denoised signals are blended; the first steps blend as many as there are.

    One denoiser call a step. The weights are those of equal steps, so the error falls with ``order`` only on a grid uniform in n
    and like 1 / steps^2 on any other smooth grid: ``DEIS(variable="noise")`` is the same method with the weights of the grid.
    A run starts with a step of order 1, whose error of its length squared caps the order at 2 unless the first steps are much
    shorter than the others. The step to sigma = 0 returns the denoised signal.
    Raises ``InputError`` for another order.
    """

    order: int = 4

    def __post_init__(self) -> None:
        checks.count(self.order, "order", at_most=4)

    @property
    def memory(self) -> int:
        return self.order - 1

    def step(self, context: Context, x: Tensor, now: Level, then: Level) -> Tensor:
        here, earlier = visit(context, x, now, then, self.memory)
        moved = straight(x, here.clean, now, then)
        if not earlier:
            return moved
        return corrected(moved, then.alpha * (then.noise - now.noise), WEIGHTS[len(earlier)], [p.eps for p in earlier], here.eps)
