"""Mixtures of Gaussians: the posterior is again a mixture, so everything stays exact."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import torch
from torch import Tensor

from ornstein.common.errors import InputError
from ornstein.common.random import Noise
from ornstein.covariance import Operator, Sigma, Spectral
from ornstein.denoisers.base import Conditional, Law, Posterior, White
from ornstein.denoisers.gaussian import Gaussian
from ornstein.measurements import Measurement


class Mixture(Law):
    """sum_k w_k N(mu_k, Sigma_k) for Gaussians of one event shape.

        responsibilities  r_k = w_k N(x; mu_k, Sigma_k + sigma^2 I) / sum
        E[x_0 | x]   = sum_k r_k m_k                                     (m_k, C_k: the component's own posterior)
        Cov[x_0 | x] = sum_k r_k (C_k + (m_k - m)(m_k - m)^T)

    weights  (K,), or (*batch, K) for one mixture per case. Cost: K products with a covariance per case.
    """

    def __init__(self, weights: Tensor, components: Sequence[Gaussian]) -> None:
        weights = torch.as_tensor(weights, dtype=torch.float64)
        if weights.shape[-1] != len(components) or not components:
            raise InputError(
                f"weights has {weights.shape[-1] if weights.ndim else 0} entries for {len(components)} components: give one each"
            )
        if bool((weights < 0).any()) or bool((weights.sum(-1) <= 0).any()):
            raise InputError("weights must be at least 0 with a positive sum")
        self._set(weights.log() - weights.sum(-1, keepdim=True).log(), components)

    @classmethod
    def from_log_weights(cls, log_weights: Tensor, components: Sequence[Gaussian]) -> Mixture:
        """From normalised log-weights (*batch, K): what conditioning produces without underflow."""
        mixture = cls.__new__(cls)
        mixture._set(log_weights, components)
        return mixture

    def _set(self, log_weights: Tensor, components: Sequence[Gaussian]) -> None:
        shapes = {c.event_shape for c in components}
        if len(shapes) > 1:
            raise InputError(f"components have different event shapes {sorted(shapes)}, but must share one")
        self.log_weights, self.components = log_weights, tuple(components)
        self.event_shape = components[0].event_shape
        self.batch_shape = tuple(log_weights.shape[:-1])

    @property
    def weights(self) -> Tensor:
        """w, shape (*batch, K)."""
        return self.log_weights.exp()

    def mean(self) -> Tensor:
        means = torch.stack([self._flat(c.mean()) for c in self.components], -2)
        return self._event((self.weights.unsqueeze(-1) * means).sum(-2))

    def covariance(self) -> Operator:
        return Blend(
            self.weights, torch.stack([self._flat(c.mean()) for c in self.components], -2), [c.covariance() for c in self.components]
        )

    def responsibilities(self, x: Tensor, sigma: Sigma = 0.0) -> Tensor:
        """p(component | x), shape (case, K)."""
        return torch.softmax(self._joint(x, sigma), -1)

    def _joint(self, x: Tensor, sigma: Sigma) -> Tensor:
        """log w_k + log N_k(x); where x is outside every support or sigma = inf, the weights alone."""
        densities = torch.stack([c.log_prob(x, sigma) for c in self.components], -1)
        nowhere = torch.isinf(densities).all(-1, keepdim=True)
        return self.log_weights + torch.where(nowhere, torch.zeros_like(densities), densities)

    def __call__(self, x: Tensor, sigma: Sigma) -> Posterior:
        r = self.responsibilities(x, sigma)
        parts = [c(x, sigma) for c in self.components]
        means = torch.stack([self._flat(p.mean) for p in parts], -2)
        mean = (r.unsqueeze(-1) * means).sum(-2)
        operators = [c.covariance().posterior(sigma) for c in self.components]
        return Posterior(self._event(mean).to(x.dtype), Blend(r, means, operators))

    def log_prob(self, x: Tensor, sigma: Sigma = 0.0) -> Tensor:
        densities = torch.stack([c.log_prob(x, sigma) for c in self.components], -1)
        return torch.logsumexp(self.log_weights + densities, -1)

    def draw(self, noise: Noise, cases: int, sigma: float = 0.0) -> Tensor:
        chosen = self._chosen(noise, cases, self.weights)
        sizes = [c.white_size(sigma) for c in self.components]
        white = self._white(noise, cases, max(sizes))
        out = torch.zeros(*chosen.shape, *self.event_shape, dtype=torch.float64, device=white.device)
        for k, component in enumerate(self.components):
            mine = chosen == k
            if self.batch_shape:
                pick = mine.view(*chosen.shape, *(1,) * len(self.event_shape))
                out = torch.where(pick, component.place(white[..., : sizes[k]], sigma), out)
            else:
                out[mine] = component.place(white[mine, : sizes[k]], sigma)
        return out

    def posterior_draw(self, x: Tensor, sigma: Sigma, white: White) -> Tensor:
        cumulative = self.responsibilities(x, sigma).cumsum(-1)
        target = self._uniform(white) * cumulative[..., -1]
        chosen = (cumulative < target.unsqueeze(-1)).sum(-1).view(*target.shape, *(1,) * len(self.event_shape))
        after = functools.cache(lambda k: white(k + 1))  # the components share their noise: only one of them is used
        out = torch.zeros_like(x)
        for k, component in enumerate(self.components):
            out = torch.where(chosen == k, component.posterior_draw(x, sigma, after), out)
        return out

    def condition(self, measurement: Measurement, y: Tensor, noise: float | Tensor | Spectral = 0.0) -> Conditional:
        parts = [c.condition(measurement, y, noise) for c in self.components]
        joint = self.log_weights + torch.stack([p.log_evidence for p in parts], -1)
        evidence = torch.logsumexp(joint, -1)
        laws = [p.law for p in parts if isinstance(p.law, Gaussian)]
        return Conditional(Mixture.from_log_weights(joint - evidence.unsqueeze(-1), laws), evidence)


class Blend(Operator):
    """The covariance of a mixture, sum_k r_k (C_k + (m_k - m)(m_k - m)^T), from weights (..., K), means (..., K, d) and operators."""

    def __init__(self, weights: Tensor, means: Tensor, operators: Sequence[Operator]) -> None:
        self.weights, self.operators = weights, tuple(operators)
        self.size = means.shape[-1]
        centre = (weights.unsqueeze(-1) * means).sum(-2, keepdim=True)
        self.spread = weights.sqrt().unsqueeze(-1) * (means - centre)

    @property
    def batch_shape(self) -> tuple[int, ...]:
        return tuple(self.spread.shape[:-2])

    def __matmul__(self, x: Tensor) -> Tensor:
        between = ((self.spread @ x.unsqueeze(-1)) * self.spread).sum(-2)
        return between + sum((self.weights[..., k, None] * (c @ x) for k, c in enumerate(self.operators)), torch.zeros_like(between))

    def diagonal(self) -> Tensor:
        between = (self.spread**2).sum(-2)
        return between + sum((self.weights[..., k, None] * c.diagonal() for k, c in enumerate(self.operators)), torch.zeros_like(between))
