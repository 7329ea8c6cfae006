"""The sum of kernels that a part of the values determines, as a law that fits with gaps may be drawn towards."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ornstein.common.random import Noise
from ornstein.covariance.coregionalised import grid
from ornstein.covariance.coregionalised_fit import fit_coregionalised

FEWEST = 200
"""Cases from which the couplings of four kernels are worth the search."""
VALUES, _CASES = 96, 1500
_STREAM = 7 << 20


def sum_of_some(x: Tensor, seed: int = 0, values: int = VALUES) -> tuple[Tensor, Tensor]:
    """Mean (d,) and covariance (d, d) of ``fit_coregionalised`` on some of the values of x (case, channel, time) with gaps.

    At most 1500 cases, evenly spaced, and at most ``values`` of each, drawn at random from what it saw, so that every lag keeps its
    share: what is left out is missing at random, and the likelihood stays one of values that were seen. On windows of 7 x 48 of
    simulated laws with 10 and 50 % missing, 96 values in place of 48 lower the error by 1 to 6 %, and 150 by another 1 % for five
    times as long.
    Cost: 10 000 Cholesky factors and inverses of at most 96 values, 3 CPU-seconds.
    """
    n, channels, length = x.shape
    some = x[torch.linspace(0, n - 1, min(n, _CASES)).round().long()]
    order = torch.where(some.isnan(), 2.0, Noise(seed).uniform(len(some), (channels, length), _STREAM)).flatten(1)
    last = order.sort(1).values[:, min(values, order.shape[1]) - 1].view(-1, 1, 1)
    thin = torch.where(order.view_as(some) <= last, some, torch.full_like(some, math.nan))
    alive = (~torch.isnan(thin)).any(2).any(0)
    law = fit_coregionalised(thin if bool(alive.all()) else some, seed=seed)
    return law.mean(length), law.matrix(grid(length))
