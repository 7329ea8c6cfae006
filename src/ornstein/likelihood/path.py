"""The probability flow from a signal into noise, in coordinates that do not move for a Gaussian."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ornstein.denoisers import Denoiser
from ornstein.likelihood.frame import Frame
from ornstein.likelihood.levels import Levels

PREDICT = ((1.0,), (3 / 2, -1 / 2), (23 / 12, -16 / 12, 5 / 12))
CORRECT = ((1.0,), (1 / 2, 1 / 2), (5 / 12, 8 / 12, -1 / 12), (9 / 24, 19 / 24, -5 / 24, 1 / 24))
"""Adams-Bashforth and Adams-Moulton weights, latest first, of orders 1 to 3 and 1 to 4 (Hairer, Norsett and Wanner, section III.1)."""


def follow(denoiser: Denoiser, frame: Frame, x: Tensor, levels: Levels, sigma: float = 0.0) -> Tensor:
    """u of the flow of x (case, *event), from noise level ``sigma`` through all levels, (n, case, k); one call of the denoiser each.

    The last one is white noise, if the reference has the moments of the signals.

    Adams-Bashforth of order 3 predicts where the denoiser is asked, Adams-Moulton of order 4 corrects with its answer. At sigma = 0
    the first answer also tells the way to the first level, along which r is taken to fall like the posterior variance of the reference:

        int_0^s v / v(s) dlog s / sqrt(lambda + s^2) = (lambda + s^2) / s^2 (lambda^-1/2 - (lambda + s^2)^-1/2)
    """
    u = frame.whiten(x, sigma)
    points: list[Tensor] = []
    past: list[Tensor] = []
    for i, level in enumerate(levels.noise.tolist()):
        spread = frame.spread(level)
        predicted = u + _sum(PREDICT[min(len(past), 3) - 1], past) if past else u
        rest = frame.rest(denoiser(frame.signals(predicted, level), level).mean, predicted, level)
        slope = -rest / spread * levels.rate[i]
        if past:
            u = u + _sum(CORRECT[min(len(past), 3)], [slope, *past])
        elif sigma == 0:
            u = u - rest * (spread / level) ** 2 * (1 / frame.spread(0.0) - 1 / spread)
        points.append(u)
        past = [slope, *past][:3]
    return torch.stack(points)


def _sum(weights: Sequence[float], parts: Sequence[Tensor]) -> Tensor:
    total = weights[0] * parts[0]
    for weight, part in zip(weights[1:], parts[1:], strict=False):
        total = total + weight * part
    return total
