"""A network that answers with a density: a mixture of Gaussians whose numbers depend on what it is told."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ornstein.common.checks import count
from ornstein.nets.layers import seeded, zeroed

SMALL = 0.1
"""Weights of the last layer at the start, over those of a usual one: the first densities hardly depend on what is told."""

STEEP = 20.0
"""Largest |log| of a deviation in units of x: answers of unusual weights stay within float32."""


class Kernels(NamedTuple):
    """sum_k w_k N(m_k, (F_k^T F_k)^-1) for every case: log w (case, K), m (case, K, q), F lower triangular (case, K, q, q)."""

    log_weights: Tensor
    means: Tensor
    factors: Tensor

    def log_prob(self, x: Tensor) -> Tensor:
        """log density in nats at x (case, q), shape (case,)."""
        z = (self.factors @ (x.unsqueeze(-2) - self.means).unsqueeze(-1)).squeeze(-1)
        volume = self.factors.diagonal(dim1=-2, dim2=-1).log().sum(-1)
        each = self.log_weights - 0.5 * z.square().sum(-1) + volume
        return torch.logsumexp(each, -1) - 0.5 * x.shape[-1] * math.log(2 * math.pi)


class Step(nn.Module):
    """h + W_2 silu(W_1 silu(h)), with W_2 = 0 at the start."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.inner, self.outer = nn.Linear(width, width), zeroed(nn.Linear(width, width))

    def forward(self, h: Tensor) -> Tensor:
        update: Tensor = self.outer(F.silu(self.inner(F.silu(h))))
        return h + update


class MixtureDensity(nn.Module):
    """p(x | theta) for vectors theta (case, p) and x (case, q), both of about unit scale (Bishop 1994), with full covariances.

    ``components`` Gaussians, each by weight, mean and triangular factor of its precision: 1 + q + q (q + 1) / 2 numbers, the last layer
    of a residual network of ``depth`` steps. A single component starts as the standard normal. Cost: one product with a width x
    K q^2 / 2 matrix a case, beside 2 ``depth`` with width x width.
    """

    below: Tensor

    def __init__(self, told: int, size: int, *, components: int = 1, width: int = 96, depth: int = 2, seed: int = 0) -> None:
        super().__init__()
        self.told, self.size, self.components = count(told, "told"), count(size, "size"), count(components, "components")
        self.numbers = 1 + size + size * (size + 1) // 2
        with seeded(seed):
            self.first = nn.Linear(told, width)
            self.steps = nn.ModuleList(Step(width) for _ in range(depth))
            self.last = zeroed(nn.Linear(width, components * self.numbers))
            if components > 1:
                nn.init.normal_(self.last.weight, std=SMALL * width**-0.5)
                with torch.no_grad():
                    self.last.bias.view(components, -1)[:, 1 : 1 + size].normal_(std=0.5)
        self.register_buffer("below", torch.tril_indices(size, size, -1), persistent=False)

    def forward(self, theta: Tensor) -> Kernels:
        h = self.first(theta)
        for step in self.steps:
            h = step(h)
        out = self.last(F.silu(h)).view(len(theta), self.components, self.numbers)
        weights, means, scales, rest = out.split([1, self.size, self.size, self.numbers - 1 - 2 * self.size], -1)
        unit = torch.zeros(*out.shape[:-1], self.size, self.size, dtype=out.dtype, device=out.device)
        unit[..., self.below[0], self.below[1]] = rest
        factors = scales.clamp(-STEEP, STEEP).exp().unsqueeze(-1) * (unit + torch.eye(self.size, dtype=out.dtype, device=out.device))
        return Kernels(torch.log_softmax(weights.squeeze(-1), -1), means, factors)
