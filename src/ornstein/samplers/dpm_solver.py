"""DPM-Solver++ as a multistep method: the denoised signal as a polynomial of log (alpha / sigma)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from ornstein.common import checks
from ornstein.common.errors import unknown_name
from ornstein.samplers.base import Context, Past, Sampler
from ornstein.samplers.level import Level
from ornstein.samplers.multistep import corrected, exponential_moments, straight, usable, weights

INTEGRALS = ("published", "exact")


@dataclass(frozen=True)
class DPMSolver(Sampler):
    """DPM-Solver++(2M) and (3M) (Lu et al. 2022b, algorithm 2, and its third-order form), for any schedule.

        x_s = (sigma_s / sigma_t) x_t + alpha_s int_0^h exp(u - h) p(u) du,    h = log (alpha_s / sigma_s) - log (alpha_t / sigma_t),

    p the polynomial of degree ``order`` - 1 in u through the denoised signals at this step (u = 0) and the ones before.

    order     2 or 3; the first steps use as many values as there are
    integral  "published" keeps the papers' coefficients: at order 2 the slope gets half the weight of the constant (the
              "midpoint" solver of other libraries) instead of its integral, which changes the error but not its order; at
              order 3 the second divided difference gets the weight of a second derivative, half of its integral, so that the
              error falls like 1 / steps^2 only, on any grid. "exact" integrates p: at order 2 the "heun" solver of other
              libraries, at order 3 a method whose error falls like 1 / steps^3.

    One denoiser call a step. A run starts with a step of order 1, whose error of its length squared caps the order at 2 unless
    the first steps are much shorter than the others. The step to sigma = 0 returns the denoised signal.
    Raises ``InputError`` for another order or integral.
    """

    order: int = 2
    integral: str = "published"

    def __post_init__(self) -> None:
        check(self.order, self.integral)

    @property
    def memory(self) -> int:
        return self.order - 1

    def step(self, context: Context, x: Tensor, now: Level, then: Level) -> Tensor:
        clean = context.clean(x, now)
        earlier = usable(context.past, now, then, self.memory)
        context.past.appendleft(Past(now, clean))
        moved = straight(x, clean, now, then)
        if not earlier:
            return moved
        h = then.half - now.half
        return extrapolated(moved, clean, earlier, now, then, moments(h, self.order, self.integral))


def check(order: int, integral: str) -> None:
    """One clear sentence for an order or an integral that is not offered."""
    checks.count(order, "order", at_least=2, at_most=3)
    if integral not in INTEGRALS:
        raise unknown_name("integral", integral, INTEGRALS)


def moments(rate: float, order: int, integral: str) -> list[float]:
    """int s and int s^2 against rate exp(-rate (1 - s)) ds, or what the papers take for them."""
    constant, slope, square = exponential_moments(rate, 3)
    if integral == "exact":
        return [slope, square]
    return [0.5 * constant] if order == 2 else [slope, 0.5 * square]


def extrapolated(moved: Tensor, clean: Tensor, earlier: Sequence[Past], now: Level, then: Level, integrals: Sequence[float]) -> Tensor:
    """A step with a constant denoised signal, and what a polynomial through the ``earlier`` ones adds to it."""
    h = then.half - now.half
    by = weights([(p.at.half - now.half) / h for p in earlier], integrals)
    return corrected(moved, then.alpha, by, [p.clean for p in earlier], clean)
