"""Autoregressive processes from autocovariances or from data: every sample predicted from those before it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from scipy.linalg import solve_toeplitz
from torch import Tensor

from ornstein.common.errors import InputError
from ornstein.covariance.autoregressive import Array, Autoregressive

_SMALLEST = 1e-10
"""Innovations stop falling at this share of the variance: what is left is rounding, not a longer memory."""


def yule_walker(autocovariance: Tensor, order: int, length: int) -> Autoregressive:
    """The stationary process of this order with the given autocovariances r_0 ... r_order (Levinson 1947), over ``length`` samples.

    The first samples are predicted from what there is, so the law is stationary from its first sample on.
    """
    r = autocovariance.numpy()
    order = min(order, length - 1)
    predictors = [np.zeros(0)] + [solve_toeplitz(r[:t], r[1 : t + 1]) for t in range(1, order + 1)]
    return _process(predictors, [float(r[0] - a @ r[1 : len(a) + 1]) for a in predictors], length)


def burg(rows: Tensor, order: int | None = None, count: float | None = None) -> Autoregressive:
    """The process that predicts rows (n, d) best, forwards and backwards (Burg 1975), with all rows pooled.

        k_m = 2 sum f b / sum (f^2 + b^2),    f' = f - k_m b,    b' = b - k_m f,    v_m = v_{m-1} (1 - k_m^2)

    |k| <= 1, so the process is stationary by construction, and the ends of short windows bias nothing. Without ``order``, the
    one with the least Akaike criterion under the exact likelihood, up to 10 log10(n d) and half the window (a longer memory is
    no band: use "toeplitz"). ``count`` is the effective number of rows that carry weights. Cost: n d order.
    Raises ``InputError`` for signals that are constant.
    """
    n, d = rows.shape
    share = 1.0 if count is None else count / n
    most = min(d // 2, int(10 * math.log10(max(n * d, 10)))) if order is None else min(order, d - 1)
    forward = backward = rows
    innovation = float(rows.square().mean())
    if not innovation > 0:
        raise InputError("an autoregressive process cannot be fitted to signals that are constant: drop them, or use structure 'diagonal'")
    smallest = _SMALLEST * innovation
    predictors, innovations, criteria, head = [np.zeros(0)], [innovation], [], 0.0
    for m in range(most + 1):
        v = innovations[m]
        rest = float(forward.square().sum()) / v + n * (d - m) * math.log(v)
        criteria.append(share * (head + rest) + 2 * (m + 1))
        if m == most:
            break
        head += n * math.log(v) + float(forward[:, 0].square().sum()) / v
        ahead, behind = forward[:, 1:], backward[:, :-1]
        power = float(ahead.square().sum() + behind.square().sum())
        k = 2 * float((ahead * behind).sum()) / power if power > 0 else 0.0
        if v * (1 - k**2) < smallest:
            break
        forward, backward = ahead - k * behind, behind - k * ahead
        predictors.append(np.append(predictors[m] - k * predictors[m][::-1], k))
        innovations.append(v * (1 - k**2))
    chosen = int(np.argmin(criteria)) if order is None else len(predictors) - 1
    return _process(predictors[: chosen + 1], innovations[: chosen + 1], d)


def _process(predictors: Sequence[Array], innovations: list[float], length: int) -> Autoregressive:
    """Sample t is predicted from min(t, order) values before it."""
    order = len(predictors) - 1
    weights, variances = np.zeros((length, order)), np.full(length, innovations[-1])
    for t, a in enumerate(predictors[:length]):
        weights[t, : len(a)], variances[t] = -a, innovations[t]
    weights[order:] = -predictors[-1]
    return Autoregressive(torch.from_numpy(weights), torch.from_numpy(variances))
