"""The weights of the covariance-aware step: a polynomial through residuals of other steps, integrated mode by mode."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ornstein.samplers.level import Level

_NODES = 32
"""Gauss-Legendre nodes of one step: full precision for a factor of 100 in n, six digits for 40000 (sigma_max to sigma_min at once)."""


def slopes(lam: Tensor, typical: Tensor, nodes: Sequence[Level], now: Level, then: Level) -> list[Tensor]:
    """W_j (mode,) with sum_j W_j r_j = int r dm / (m sqrt(lam + m^2)) from n_s to n_t, for residuals r_j known at ``nodes``.

        r(m) = m / sqrt(c + m^2) q(m),    q the polynomial in log m through its values at the nodes, c = ``typical``

    In v = 1 / m = sinh(s) / a with a^2 = lam + c + n_s^2 the integrand has one scale in s, and v = 0, where alpha is 0, is a place
    like any other; only a polynomial in log m cannot be had there, so a node at alpha = 0 must be the only one.
    """
    x, mass = _legendre(lam.device)
    near, far = (level.alpha / level.sigma for level in (now, then))
    a = (lam + typical + 1 / max(near, far) ** 2).sqrt()
    low, high = torch.asinh(a * near), torch.asinh(a * far)
    s = low + (high - low) * x[:, None]
    v = torch.sinh(s) / a
    density = (high - low) * mass[:, None] * torch.cosh(s) / a / torch.sqrt((1 + typical * v**2) * (1 + lam * v**2))
    weights = []
    for j, node in enumerate(nodes):
        part = density
        for i, other in enumerate(nodes):
            part = part * (-v.log() + other.half) / (other.half - node.half) if i != j else part
        weights.append(part.sum(0) * torch.sqrt(node.alpha**2 * typical + node.sigma**2) / node.sigma)
    return weights


@functools.cache
def _legendre(device: torch.device) -> tuple[Tensor, Tensor]:
    """Nodes and weights on [0, 1]."""
    x, mass = np.polynomial.legendre.leggauss(_NODES)
    return torch.from_numpy(0.5 * (x + 1)).to(device), torch.from_numpy(0.5 * mass).to(device)
