"""The Gaussians of a mixture, asked all at once: in their common basis, as stacked matrices, or one after the other."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property

import torch
from torch import Tensor

from ornstein.covariance import Covariance, Operator, Sigma, Spectral
from ornstein.covariance.base import posterior_variance, shrinkage
from ornstein.covariance.stacked import StackedDense, one_basis, stacked

TOGETHER = 1 << 17
"""Numbers of one work array: 1 MiB, which a processor's cache holds. More cases are taken in passes."""

IN_CACHE = 1 << 15
"""Numbers of a work array that is made anew in every pass: 256 KiB, which a core's own cache holds, and no fresh memory is mapped."""

LEAST = 64
"""Cases that are taken together at least: fewer would read all matrices for little."""

SAFE = 4096.0
"""Squared distance, in deviations from the middle of the means, up to which densities come from one matrix product: its terms then
cancel to 1e-12 at worst (4096 eps), and every point beyond is subtracted before it is squared."""


class Components(ABC):
    """N(mu_k, Sigma_k) for k = 1 ... K: means (*batch, K, d) and covariances of size d.

    Methods take vectors (..., d) and a noise level, a number or one per case. Cost: that of K Gaussians, without a loop where the
    covariances have one structure, and with one product for all where they have one basis.
    """

    def __init__(self, means: Tensor, ranks: Tensor) -> None:
        self.means, self.size = means, means.shape[-1]
        self.ranks = ranks.to(means)

    @staticmethod
    def of(means: Tensor, operators: Sequence[Covariance]) -> Components:
        """The cheapest form that these covariances have."""
        ranks = torch.tensor([c.rank() for c in operators])
        if (basis := one_basis(operators)) is not None:
            return _Shared(means, ranks, basis)
        return _Apart(means, ranks, stacked(operators))

    @staticmethod
    def of_stack(means: Tensor, operator: StackedDense) -> Components:
        """The same of K dense covariances that are in one array already."""
        return _Apart(means, (operator.eigenvalues > 0).sum(-1), operator)

    def log_prob(self, x: Tensor, sigma: Sigma = 0.0) -> Tensor:
        """log N(x; mu_k, Sigma_k + sigma^2 I), (..., K); at sigma = 0 on the support of each, and -inf outside it."""
        return torch.cat([self._normalised(self._local(part), level) for part, level in self._passes(x, sigma)])

    def denoise(self, x: Tensor, sigma: Sigma, log_weights: Tensor) -> tuple[Tensor, Tensor]:
        """(responsibilities (..., K), E[x_0 | x] (..., d)) under the mixture with these weights."""
        found = []
        for part, level in self._passes(x, sigma):
            w = self._local(part)
            r = responsibilities(log_weights, self._normalised(w, level))
            found.append((r, self._mean(w, level, r)))
        return torch.cat([r for r, _ in found]), torch.cat([mean for _, mean in found])

    def _passes(self, x: Tensor, sigma: Sigma) -> Iterator[tuple[Tensor, Sigma]]:
        """Vectors and noise levels that meet K covariances, so many at a time that the work arrays stay small."""
        rows = max(1, TOGETHER // (self.means.shape[-2] * self.size))
        if x.ndim != 2 or len(x) <= rows or self.means.ndim > 2:
            yield x, _beside(sigma)
            return
        parts = x.split(rows)
        levels = sigma.split(rows) if isinstance(sigma, Tensor) and sigma.ndim else [sigma] * len(parts)
        for part, level in zip(parts, levels, strict=True):
            yield part, _beside(level)

    def _normalised(self, w: Tensor, level: Sigma) -> Tensor:
        quadratic, logdet = self._terms(w, level)
        dimension = torch.where(torch.as_tensor(level, dtype=torch.float64, device=w.device) == 0, self.ranks, float(self.size))
        return -0.5 * (quadratic + logdet + dimension * math.log(2 * math.pi))

    @abstractmethod
    def _local(self, x: Tensor) -> Tensor:
        """x as the methods below take it."""

    @abstractmethod
    def _terms(self, w: Tensor, level: Sigma) -> tuple[Tensor, Tensor]:
        """(squared distances, log-determinants), each (..., K)."""

    @abstractmethod
    def _mean(self, w: Tensor, level: Sigma, weights: Tensor) -> Tensor:
        """sum_k weights_k E[x_0 | x, component k], (..., d), for weights (..., K)."""

    @abstractmethod
    def means_given(self, x: Tensor, sigma: Sigma) -> Tensor:
        """E[x_0 | x, component k], (..., K, d)."""

    @abstractmethod
    def draw_given(self, x: Tensor, sigma: Sigma, chosen: Tensor, white: Callable[[int], Tensor]) -> Tensor:
        """A draw from p(x_0 | x, component chosen), (..., d), for component numbers (...); ``white(size)`` is white noise (..., size)."""

    @abstractmethod
    def within(self, sigma: Sigma, weights: Tensor) -> Operator:
        """sum_k weights_k Cov[x_0 | x, component k]."""


def responsibilities(log_weights: Tensor, densities: Tensor) -> Tensor:
    """p(component | x) from log-densities (..., K); where x is outside every support or sigma = inf, the weights alone."""
    nowhere = torch.isinf(densities).all(-1, keepdim=True)
    return torch.softmax(log_weights + torch.where(nowhere, torch.zeros_like(densities), densities), -1)


class _Shared(Components):
    """Covariances with one basis: every signal is rotated once, and the rest are products with K rows."""

    def __init__(self, means: Tensor, ranks: Tensor, basis: Spectral) -> None:
        super().__init__(means, ranks)
        self.basis, self.full = basis, bool((ranks == basis.size).all())
        # coordinates around the middle of the means: a common offset of any size costs no digits
        self.middle = means.mean(-2)
        self.local = basis.rotate(means - self.middle.unsqueeze(-2))

    def _local(self, x: Tensor) -> Tensor:
        return self.basis.rotate(x - self.middle)

    def _terms(self, w: Tensor, level: Sigma) -> tuple[Tensor, Tensor]:
        logdet = self.basis.logdet(level)
        if not isinstance(level, Tensor) and (level > 0 or self.full) and self.local.ndim == 2:
            inverse = 1 / (self.basis.eigenvalues + level**2)
            squares = w.square() @ inverse.T + (self.local.square() * inverse).sum(-1)
            if _below(squares, SAFE):
                return (squares - 2 * (w @ (self.local * inverse).T)).clamp_min(0), logdet
        return self.basis.distance(w.unsqueeze(-2) - self.local, level), logdet

    def _moved(self, w: Tensor, level: Sigma) -> Tensor:
        return self.local + shrinkage(self.basis.eigenvalues, level) * (w.unsqueeze(-2) - self.local)

    def _mean(self, w: Tensor, level: Sigma, weights: Tensor) -> Tensor:
        gain = shrinkage(self.basis.eigenvalues, level)
        return self.middle + self.basis.unrotate(_mixed(weights, gain) * w + _mixed(weights, (1 - gain) * self.local))

    def means_given(self, x: Tensor, sigma: Sigma) -> Tensor:
        return self.middle.unsqueeze(-2) + self.basis.unrotate(self._moved(self._local(x), _beside(sigma)))

    def draw_given(self, x: Tensor, sigma: Sigma, chosen: Tensor, white: Callable[[int], Tensor]) -> Tensor:
        variances = posterior_variance(self.basis.eigenvalues, _beside(sigma))
        mean = _picked(self._moved(self._local(x), _beside(sigma)), chosen)
        spread = _picked(variances.expand(*chosen.shape, *variances.shape[-2:]), chosen).sqrt()
        return self.middle + self.basis.unrotate(mean + spread * self.basis.rotate(white(self.size)))

    def within(self, sigma: Sigma, weights: Tensor) -> Operator:
        variances = posterior_variance(self.basis.eigenvalues, _beside(sigma))
        return self.basis.replace(_mixed(weights, variances))


class _Apart(Components):
    """Covariances with bases of their own."""

    def __init__(self, means: Tensor, ranks: Tensor, operator: Covariance) -> None:
        super().__init__(means, ranks)
        self.operator = operator
        # rotated around the middle of the means, so that a common offset of any size costs no digits
        self.middle = means.mean(-2)
        self.local = operator.rotate(means - self.middle.unsqueeze(-2)) if isinstance(operator, Spectral) else means

    def _local(self, x: Tensor) -> Tensor:
        if isinstance(self.operator, Spectral):
            return self.operator.rotate((x - self.middle).unsqueeze(-2)) - self.local
        return x.unsqueeze(-2) - self.local

    @cached_property
    def _white(self) -> tuple[Tensor, Tensor] | None:
        """Whitening matrices side by side (d, d K) and what they make of the means (d K,), where every covariance is dense and has an
        inverse: the coordinates of all components are then one product, and nothing is done to them but squares and sums."""
        if not isinstance(self.operator, StackedDense) or self.means.ndim > 2 or not bool((self.ranks == self.size).all()):
            return None
        scale = self.operator.eigenvalues.rsqrt()
        matrices = (self.operator.basis * scale.unsqueeze(-2)).permute(1, 2, 0).reshape(self.size, -1)
        return matrices, (self.local * scale).mT.flatten()

    def log_prob(self, x: Tensor, sigma: Sigma = 0.0) -> Tensor:
        if x.ndim != 2 or isinstance(sigma, Tensor) or sigma != 0 or self._white is None:
            return super().log_prob(x, sigma)
        (matrices, means), count = self._white, len(self.means)
        parts = (x - self.middle).split(max(LEAST, IN_CACHE // (count * self.size)))
        whitened = (torch.addmm(means, part, matrices, beta=-1).view(-1, self.size, count) for part in parts)
        quadratic = torch.cat([w.square().sum(1) for w in whitened])
        return -0.5 * (quadratic + (self.operator.logdet() + self.size * math.log(2 * math.pi)))

    def _terms(self, w: Tensor, level: Sigma) -> tuple[Tensor, Tensor]:
        measure = self.operator.distance if isinstance(self.operator, Spectral) else self.operator.mahalanobis
        return measure(w, level), self.operator.logdet(level)

    def _each(self, w: Tensor, level: Sigma) -> Tensor:
        if isinstance(self.operator, Spectral):
            return self.means + self.operator.unrotate(shrinkage(self.operator.eigenvalues, level) * w)
        return self.means + self.operator.gain(w, level)

    def _mean(self, w: Tensor, level: Sigma, weights: Tensor) -> Tensor:
        return _mixed(weights, self._each(w, level))

    def means_given(self, x: Tensor, sigma: Sigma) -> Tensor:
        return self._each(self._local(x), _beside(sigma))

    def draw_given(self, x: Tensor, sigma: Sigma, chosen: Tensor, white: Callable[[int], Tensor]) -> Tensor:
        posterior = self.operator.posterior(_beside(sigma))
        spread = posterior.color(white(posterior.white_size).unsqueeze(-2))
        return _picked(self.means_given(x, sigma) + spread, chosen)

    def within(self, sigma: Sigma, weights: Tensor) -> Operator:
        return _Weighted(weights, self.operator.posterior(_beside(sigma)))


class _Weighted(Operator):
    """sum_k w_k C_k for weights (..., K) and covariances of ``batch_shape`` (..., K)."""

    def __init__(self, weights: Tensor, operator: Operator) -> None:
        self.weights, self.operator, self.size = weights, operator, operator.size

    @property
    def batch_shape(self) -> tuple[int, ...]:
        return tuple(torch.broadcast_shapes(self.weights.shape[:-1], self.operator.batch_shape[:-1]))

    def __matmul__(self, x: Tensor) -> Tensor:
        return _mixed(self.weights, self.operator @ x.unsqueeze(-2))

    def diagonal(self) -> Tensor:
        return _mixed(self.weights, self.operator.diagonal())


def _mixed(weights: Tensor, parts: Tensor) -> Tensor:
    """sum_k w_k p_k for weights (..., K) and parts (..., K, d), (..., d)."""
    return weights @ parts if parts.ndim == 2 else (weights.unsqueeze(-2) @ parts).squeeze(-2)


def _below(values: Tensor, limit: float) -> bool:
    """Whether no value is above the limit; False where values cannot be looked at, under ``torch.func.vmap``."""
    try:
        return bool((values <= limit).all())
    except RuntimeError:
        return False


def _picked(parts: Tensor, chosen: Tensor) -> Tensor:
    """Of (..., K, d), those of the chosen components (...)."""
    return torch.take_along_dim(parts, chosen[..., None, None], -2).squeeze(-2)


def _beside(sigma: Sigma) -> Sigma:
    """A noise level per case, (case,), as (case, 1): it then meets K covariances."""
    return sigma.unsqueeze(-1) if isinstance(sigma, Tensor) and sigma.ndim else sigma
