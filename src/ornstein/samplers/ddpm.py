"""Ancestral sampling."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor

from ornstein.common.errors import unknown_name
from ornstein.samplers.base import Context, Sampler, blend
from ornstein.samplers.level import Level, bridge, fresh_share

VARIANCES = ("small", "large")


@dataclass(frozen=True)
class DDPM(Sampler):
    """x_s ~ N(E[x_s | x_t, x_0], c^2) at x_0 = E[x_0 | x_t] (Ho et al. 2020, eq. 6 and 7); order 1, one denoiser call a step.

        variance = "small"    c^2 = sigma_s^2 sigma_ts^2 / sigma_t^2, that of the bridge q(x_s | x_t, x_0)
        variance = "large"    c^2 = sigma_ts^2, that of the transition q(x_t | x_s)

    The true variance of the step of a mode of variance V_t is sigma_ts^2 V_s / V_t: "small" is right for a law that is one signal,
    "large" for white data of variance 1 under a variance-preserving schedule (ibid., section 3.2). Samples spread too little
    with "small"; with "large" too much in the modes that lose variance on the way to the data, and too little in those that gain.
    Both errors fall like 1 / steps. The step to sigma = 0 adds no noise. Raises ``InputError`` for another name.
    """

    variance: str = "small"

    def __post_init__(self) -> None:
        if self.variance not in VARIANCES:
            raise unknown_name("variance", self.variance, VARIANCES)

    @property
    def deterministic(self) -> bool:
        return False

    def step(self, context: Context, x: Tensor, now: Level, then: Level) -> Tensor:
        noisy, clean, deviation = bridge(now, then)
        if self.variance == "large" and then.sigma > 0:
            deviation = now.sigma * math.sqrt(fresh_share(now, then))
        moved = blend(noisy, x, clean, context.clean(x, now))
        return moved.add_(context.increment(now, then), alpha=deviation) if deviation > 0 else moved
