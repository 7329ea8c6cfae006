"""Predictor-corrector sampling: after a step of any method, a few moves that leave the law of the new level as it is."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from torch import Tensor

from ornstein.common import checks
from ornstein.samplers.base import Context, Sampler
from ornstein.samplers.level import Level
from ornstein.samplers.wrapper import Wrapper

_USE = 32
"""Number of the first array of noise of the corrections, apart from those that a predictor asks for."""

_MOST = 32


@dataclass(frozen=True)
class PredictorCorrector(Wrapper):
    """A step of ``inner``, the predictor, then ``corrections`` Langevin moves at the new level (Song et al. 2021, algorithms 1, 4 and 5).

    Langevin's step of size e, x' = x + e score(x) + sqrt(2 e) z, keeps a wrong law: with score(x) = -x / V it settles at the
    variance V / (1 - e / (2 V)). Here the score is taken at a point with noise of its own instead, for the same one call:

        p = x + d z,   x' = x + 2 d z + 2 d^2 score(p),      d = ratio sigma_s,   score(p) = (alpha_s D - p) / (sigma_s^2 + d^2)

    By Tweedie's formula p + d^2 score(p) = E[x | p], so x' = 2 E[x | p] - x: x reflected in the mean of its law given p. Where
    that law is symmetric, as on every Gaussian, x' has exactly the law of x, for any ``ratio`` (it is the step of Leimkuhler and
    Matthews 2013 at a raised noise level); elsewhere the defect of a move falls like ratio^6, and like ratio^4 for Langevin's.

    e = 2 d^2 is Song's step size with sigma_s in place of the ratio of norms over the batch: the two are equal for white noise
    and a score that is noise alone, and this one leaves cases independent and steps affine. At ``ratio = 1`` a move replaces all
    of the noise of a mode without signal. Cost: ``corrections`` denoiser calls a step more, none after the last.
    """

    inner: Sampler
    corrections: int = 1
    ratio: float = 0.16

    def __post_init__(self) -> None:
        checks.count(self.corrections, "corrections", at_most=_MOST)
        checks.positive(self.ratio, "ratio")

    def calls(self, steps: int) -> int:
        return self.inner.calls(steps) + self.corrections * (steps - 1)

    def step(self, context: Context, x: Tensor, now: Level, then: Level) -> Tensor:
        x = self.inner.step(context, x, now, then)
        if then.sigma == 0:
            return x
        raised = replace(then, sigma=then.sigma * math.hypot(1, self.ratio))
        drift = 2 * (self.ratio * then.sigma / raised.sigma) ** 2
        for i in range(self.corrections):
            push = self.ratio * then.sigma * context.fresh(_USE + i)
            p = x + push
            x = p + push + drift * (then.alpha * context.clean(p, raised) - p)
        return x
