"""What multistep methods share: a polynomial through the values of earlier steps, integrated exactly over the next one.

A run from alpha = 0 begins with a step that no polynomial describes: it is of order 1, as in DDIM, and forgotten afterwards. With
few steps its error is most of the whole. On the cosine schedule with 20 steps, beginning at sigma / alpha = 20 instead takes the
error of UniPC(2) on a Gaussian law from 8e-2 to 5e-3.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

from torch import Tensor

from ornstein.samplers.base import Context, Past, blend
from ornstein.samplers.level import Level

P = TypeVar("P", bound=Past)

_SERIES = 1.0
"""Below this step the moments are summed as a series: the recursion would lose a factor 1 / h of precision with every power."""


@dataclass(frozen=True)
class Visited(Past):
    """An earlier step with its point x_t, for methods that extrapolate the noise or return to the point."""

    x: Tensor

    @cached_property
    def eps(self) -> Tensor:
        """The noise in x_t, (x_t - alpha E[x_0 | x_t]) / sigma."""
        return blend(1 / self.at.sigma, self.x, -self.at.alpha / self.at.sigma, self.clean)


def usable(past: Iterable[P], now: Level, then: Level, count: int) -> list[P]:
    """The newest ``count`` earlier steps that a polynomial can go through.

    None where the step itself begins or ends without signal or without noise: it is infinitely long in log (alpha / sigma),
    and a polynomial says nothing about it. For the same reason history ends at a time without signal.
    """
    if not (math.isfinite(now.half) and math.isfinite(then.half)):
        return []
    return list(itertools.takewhile(lambda p: math.isfinite(p.at.half), itertools.islice(past, count)))


def visit(context: Context, x: Tensor, now: Level, then: Level, count: int) -> tuple[Visited, list[Visited]]:
    """Calls the denoiser, leaves the visit in the past of the run, and returns it with the usable ones before it."""
    here = Visited(now, context.clean(x, now), x)
    earlier = usable((p for p in context.past if isinstance(p, Visited)), now, then, count)
    context.past.appendleft(here)
    return here, earlier


def straight(x: Tensor, clean: Tensor, now: Level, then: Level, kept: float = 1.0) -> Tensor:
    """alpha_s x_0 + kept (sigma_s / sigma_t) (x_t - alpha_t x_0): the step with a constant denoised signal, DDIM at kept = 1.

    Finite at alpha = 0 and at sigma_s = 0.
    """
    scale = kept * then.sigma / now.sigma
    return blend(scale, x, then.alpha - scale * now.alpha, clean)


def exponential_moments(h: float, count: int) -> list[float]:
    """J_k = int_0^1 h exp(-h (1 - s)) s^k ds for k = 0 ... count - 1, of either sign of h, to rounding.

    J_0 = 1 - exp(-h) and J_k = 1 - k J_(k-1) / h: the phi functions of an exponential integrator, J_k = h k! phi_(k+1)(-h).
    """
    if abs(h) < _SERIES:
        return [h * _beta_series(h, k) for k in range(count)]
    moments = [-math.expm1(-h)]
    for k in range(1, count):
        moments.append(1 - k * moments[-1] / h)
    return moments


def _beta_series(h: float, k: int) -> float:
    """k! phi_(k+1)(-h) = sum_m (-h)^m k! / (k + m + 1)!, 20 terms: the rest is below 1e-19 for |h| < 1."""
    term = total = 1 / (k + 1)
    for m in range(1, 20):
        term *= -h / (k + m + 1)
        total += term
    return total


def weights(places: Sequence[float], moments: Sequence[float]) -> list[float]:
    """w with sum_k w_k (f(s_k) - f(0)) = int (f - f(0)), exactly for every polynomial f of degree K = len(places).

    ``places`` s_1 ... s_K are distinct and not 0; ``moments`` are the integrals of s, s^2, ..., s^K, at least K of them. The
    weight of s_k is the integral of its Lagrange polynomial through 0 and the other places.
    """
    out = []
    for k, place in enumerate(places):
        powers, scale = [1.0], place  # of the polynomial divided by s, lowest first
        for other in (*places[:k], *places[k + 1 :]):
            powers = [a - other * b for a, b in zip((0.0, *powers), (*powers, 0.0), strict=True)]
            scale *= place - other
        out.append(sum(c * m for c, m in zip(powers, moments, strict=False)) / scale)
    return out


def corrected(x: Tensor, scale: float, by: Sequence[float], values: Sequence[Tensor], newest: Tensor) -> Tensor:
    """x + scale sum_k w_k (value_k - newest), in place: one pass over memory for each array."""
    for w, value in zip(by, values, strict=True):
        x.add_(value, alpha=scale * w)
    return x.add_(newest, alpha=-scale * math.fsum(by))
