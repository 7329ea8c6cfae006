"""Mean and covariance of values whose scores are Gaussian, by Hermite polynomials.

With u_i = m_i + s_i z_i and rho the correlation of z, the expansion x_i(u_i) = sum_k h_ik He_k(z_i) / sqrt(k!) gives (Mehler's formula)

    E[x_i] = h_i0,        Cov[x_i, x_j] = sum_{k >= 1} h_ik h_jk rho_ij^k
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from ornstein.common.errors import InputError
from ornstein.covariance.base import refuse_dense
from ornstein.denoisers import Gaussian, Law
from ornstein.fitting.scaling import Scaler

_NODES, _TERMS = 80, 24


def curved_moments(scaler: Scaler, law: Law) -> tuple[Tensor, Tensor]:
    """(mean (*event), covariance (d, d)) in the units of the data, for a Gaussian law of scores; variances are exact to the quadrature.

    Cost: 80 values of every curve and 24 products of d^2. Raises ``InputError`` for other laws, whose draws have these moments.
    """
    if not isinstance(law, Gaussian) or law.batch_shape:
        raise InputError(
            f"with marginals, mean and covariance in the units of the data need one Gaussian law, but this is a {type(law).__name__}: "
            "take those of draws"
        )
    refuse_dense(law.size, "the covariance of values with curved marginals")
    matrix = law.operator.dense()
    deviation = matrix.diagonal().clamp_min(0).sqrt()
    nodes, weights = (torch.from_numpy(part) for part in np.polynomial.hermite_e.hermegauss(_NODES))
    weights = weights / math.sqrt(2 * math.pi)
    u = law.mean().flatten() + deviation * nodes.unsqueeze(1)
    values = scaler.decode(u.view(_NODES, *law.event_shape)).flatten(1)
    mean = weights @ values
    safe = torch.where(deviation > 0, deviation, torch.ones_like(deviation))
    rho = (matrix / torch.outer(safe, safe)).clamp(-1, 1)
    covariance, power = torch.zeros_like(matrix), torch.ones_like(matrix)
    below, now = torch.zeros_like(nodes), torch.ones_like(nodes)
    for k in range(1, _TERMS + 1):
        below, now = now, (nodes * now - math.sqrt(k - 1) * below) / math.sqrt(k)
        power = power * rho
        h = (weights * now) @ values
        covariance += torch.outer(h, h) * power
    variance = weights @ (values - mean).square()
    covariance.diagonal().copy_(torch.maximum(variance, covariance.diagonal()))
    return mean.view(law.event_shape), covariance
