"""Mixtures of Gaussians: the posterior is again a mixture, so everything stays exact."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property

import torch
from torch import Tensor

from ornstein.common.errors import InputError
from ornstein.common.random import Noise
from ornstein.covariance import Operator, Sigma, Spectral
from ornstein.covariance.stacked import StackedDense
from ornstein.denoisers.base import Conditional, Law, Posterior, Shape, White, white_numbers
from ornstein.denoisers.components import Components, responsibilities
from ornstein.denoisers.gaussian import Gaussian
from ornstein.measurements import Measurement


class Mixture(Law):
    """sum_k w_k N(mu_k, Sigma_k) for Gaussians of one event shape.

        responsibilities  r_k = w_k N(x; mu_k, Sigma_k + sigma^2 I) / sum
        E[x_0 | x]   = sum_k r_k m_k                                     (m_k, C_k: the component's own posterior)
        Cov[x_0 | x] = sum_k r_k (C_k + (m_k - m)(m_k - m)^T)

    weights  (K,), or (*batch, K) for one mixture per case. Cost: K products with a covariance per case, as one batch where the
    components have one structure (``components.Components``), and a single product where they have one basis.
    """

    _covariances: StackedDense
    """Of a mixture that was made from a stack."""

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

    @classmethod
    def of_stack(cls, log_weights: Tensor, means: Tensor, covariances: StackedDense, event_shape: Shape) -> Mixture:
        """From normalised log-weights (K,), means (K, d) and K dense covariances in one array: none is an object until it is asked for."""
        mixture = cls.__new__(cls)
        mixture.log_weights, mixture.event_shape, mixture.batch_shape = log_weights, event_shape, ()
        mixture._covariances, mixture._together = covariances, Components.of_stack(means, covariances)
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

    @cached_property
    def components(self) -> tuple[Gaussian, ...]:
        """The K Gaussians."""
        return tuple(Gaussian(self._event(mean), c) for mean, c in zip(self._together.means, self._covariances.each(), strict=True))

    @cached_property
    def _together(self) -> Components:
        means = torch.broadcast_tensors(*(self._flat(c.mean()) for c in self.components))
        return Components.of(torch.stack(means, -2), [c.covariance() for c in self.components])

    def mean(self) -> Tensor:
        return self._event((self.weights.unsqueeze(-1) * self._together.means).sum(-2))

    def covariance(self) -> Operator:
        return Blend(self.weights, self._together.means, self._together.within(torch.inf, self.weights))

    def responsibilities(self, x: Tensor, sigma: Sigma = 0.0) -> Tensor:
        """p(component | x), shape (case, K)."""
        return responsibilities(self.log_weights, self._together.log_prob(self._flat(x), sigma))

    def expectation(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(responsibilities (case, K), log density (case,)) of clean signals, by one look at the components: the E step of a fit."""
        densities = self._together.log_prob(self._flat(x))
        return responsibilities(self.log_weights, densities), torch.logsumexp(self.log_weights + densities, -1)

    def __call__(self, x: Tensor, sigma: Sigma) -> Posterior:
        flat = self._flat(x)
        r, mean = self._together.denoise(flat, sigma, self.log_weights)
        covariance = Blend(r, lambda: self._together.means_given(flat, sigma), self._together.within(sigma, r))
        return Posterior(self._event(mean).to(x.dtype), covariance)

    def log_prob(self, x: Tensor, sigma: Sigma = 0.0) -> Tensor:
        return torch.logsumexp(self.log_weights + self._together.log_prob(self._flat(x), sigma), -1)

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
        chosen = (cumulative < target.unsqueeze(-1)).sum(-1)

        def after(size: int) -> Tensor:  # the components share their noise: only one of them is used
            return white_numbers(white, self.event_shape, size, 1)

        return self._event(self._together.draw_given(self._flat(x), sigma, chosen, after)).to(x.dtype)

    def condition(self, measurement: Measurement, y: Tensor, noise: float | Tensor | Spectral = 0.0) -> Conditional:
        parts = [c.condition(measurement, y, noise) for c in self.components]
        joint = self.log_weights + torch.stack([p.log_evidence for p in parts], -1)
        evidence = torch.logsumexp(joint, -1)
        laws = [p.law for p in parts if isinstance(p.law, Gaussian)]
        return Conditional(Mixture.from_log_weights(joint - evidence.unsqueeze(-1), laws), evidence)


class Blend(Operator):
    """The covariance of a mixture, sum_k r_k (C_k + (m_k - m)(m_k - m)^T).

    weights (..., K), means (..., K, d) or what makes them when they are first needed, and ``within`` = sum_k r_k C_k.
    """

    def __init__(self, weights: Tensor, means: Tensor | Callable[[], Tensor], within: Operator) -> None:
        self.weights, self.within, self.size = weights, within, within.size
        self._means = means

    @cached_property
    def spread(self) -> Tensor:
        """r_k^(1/2) (m_k - m), (..., K, d)."""
        means = self._means if isinstance(self._means, Tensor) else self._means()
        centre = (self.weights.unsqueeze(-1) * means).sum(-2, keepdim=True)
        return self.weights.sqrt().unsqueeze(-1) * (means - centre)

    @property
    def batch_shape(self) -> tuple[int, ...]:
        return tuple(self.spread.shape[:-2])

    def __matmul__(self, x: Tensor) -> Tensor:
        return self.within @ x + ((self.spread @ x.unsqueeze(-1)) * self.spread).sum(-2)

    def diagonal(self) -> Tensor:
        return self.within.diagonal() + self.spread.square().sum(-2)
