"""Heun's method in the noise level, with fresh noise before every step."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ornstein.common import checks
from ornstein.common.errors import InputError
from ornstein.samplers.base import Context, Sampler
from ornstein.samplers.level import Level

_MOST = math.sqrt(2) - 1
"""A step at most doubles the noise variance (Karras et al. 2022, algorithm 2)."""


@dataclass(frozen=True)
class StochasticHeun(Sampler):
    """Noise up, then Heun down (Karras et al. 2022, algorithm 2), in data scale y = x / alpha, n = sigma / alpha for any schedule.

        n^ = n (1 + gamma),   y^ = y + inflate sqrt(n^^2 - n^2) z,   gamma = min(churn / steps, sqrt(2) - 1) if low <= n <= high else 0
        y' = D + n_s e,       y_s = y' + (n_s - n^) (e' - e) / 2,    e = (y^ - D) / n^,   e' = (y' - D') / n_s

    Adding noise is exact and Heun has order 2, so with ``inflate = 1`` the law of the samples has order 2 with any churn, while
    errors of earlier steps are forgotten. ``inflate`` a little above 1 makes up for a network that removes too much noise.
    Two denoiser calls a step, one in the last, which returns the denoised signal. ``churn = 0`` is deterministic.

    From n = inf, where no noise can be added, and to it, the trapezoidal rule stands in m = 1 / n: d(x / sigma) / dm = D.
    """

    churn: float = 40.0
    low: float = 0.0
    high: float = math.inf
    inflate: float = 1.0

    def __post_init__(self) -> None:
        checks.positive(self.churn, "churn", zero=True)
        checks.positive(self.inflate, "inflate")
        if not self.high >= checks.positive(self.low, "low", zero=True):
            raise InputError(f"high is {self.high}, but must be at least low = {self.low:g}: noise is added at levels from low to high")

    @property
    def order(self) -> int:
        return 2

    @property
    def deterministic(self) -> bool:
        return self.churn == 0

    def calls(self, steps: int) -> int:
        return 2 * steps - 1

    def step(self, context: Context, x: Tensor, now: Level, then: Level) -> Tensor:
        gamma = min(self.churn / (len(context.levels) - 1), _MOST)
        if gamma > 0 and now.alpha > 0 and self.low <= now.noise <= self.high:
            raised = replace(now, sigma=now.sigma * (1 + gamma))
            x = torch.add(x, context.increment(now, then), alpha=self.inflate * math.sqrt(raised.sigma**2 - now.sigma**2))
            now = raised
        clean = context.clean(x, now)
        if then.sigma == 0:
            return then.alpha * clean
        ahead = then.alpha * clean + (then.sigma / now.sigma) * (x - now.alpha * clean)
        return ahead + _weight(now, then) * (context.clean(ahead, then) - clean)


def _weight(now: Level, then: Level) -> float:
    """What the second denoised signal counts for: e' - e = (D - D') / n_s, so (n_s - n^) (e' - e) / 2 is this times D' - D."""
    if now.alpha == 0 or then.alpha == 0:
        return 0.5 * (then.alpha - then.sigma * now.alpha / now.sigma)
    return 0.5 * then.alpha * (now.noise / then.noise - 1)
