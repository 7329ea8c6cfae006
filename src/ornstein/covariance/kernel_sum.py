"""The covariance of a sum of Markov kernels at any times, as an operator: products, densities, draws and conditioning without a matrix."""

from __future__ import annotations

import math
from functools import cached_property

import torch
from torch import Tensor

from ornstein.covariance.base import Covariance, Sigma, refuse_dense
from ornstein.covariance.coregionalised import Coregionalised
from ornstein.covariance.kalman import Filtered, System, drawn, filtered, multiplied, solved
from ornstein.covariance.levels import PerCase, by_level
from ornstein.covariance.structures import Dense, Diagonal

DENSE = 2048
"""Entries up to which a sum of kernels is a matrix with a basis."""


class KernelSum(Covariance):
    """Sigma = sum_j B_j (x) k_j + diag(nugget) for (channel, time) flattened row by row, at rising times (time,).

    Memory T S^2 with S = channels x states of all kernels; a product costs T S^2 a case, a density or gain T S^3 once and T S^2 a case, and
    nothing of size d x d is formed. Full rank where every nugget is above 0, which ``fit_coregionalised`` sees to.
    """

    def __init__(self, law: Coregionalised, times: Tensor) -> None:
        self.law, self.times = law, times
        self.channels, self.length = len(law.levels), len(times)
        self.size = self.channels * self.length

    @cached_property
    def _system(self) -> System:
        return System.of(self.law, self.times)

    def _series(self, x: Tensor) -> Tensor:
        """x (..., d) as (case, time, channel)."""
        return x.reshape(-1, self.channels, self.length).transpose(1, 2)

    def _flat(self, series: Tensor, like: Tensor) -> Tensor:
        return series.transpose(1, 2).reshape(*like.shape[:-1], self.size)

    def filter(self, x: Tensor, seen: Tensor, variance: float = 0.0) -> Filtered:
        """The pass over residuals x (..., d), of which ``seen`` (d,) counts, with white noise of this variance."""
        there = seen.view(self.channels, self.length).T
        return filtered(self._system, torch.where(there, self._series(x), 0.0), there, variance)

    def solve_seen(self, x: Tensor, seen: Tensor, variance: float = 0.0) -> Tensor:
        """(Sigma_ss + variance I)^-1 x_s at the ``seen`` entries s (d,), 0 elsewhere, for x (..., d)."""
        return self._flat(solved(self._system, self.filter(x, seen, variance)), x)

    def _all(self) -> Tensor:
        return torch.ones(self.size, dtype=torch.bool)

    def __matmul__(self, x: Tensor) -> Tensor:
        return self._flat(multiplied(self._system, self._series(x)), x)

    def solve(self, x: Tensor) -> Tensor:
        """Sigma^-1 x."""
        return self.solve_seen(x, self._all())

    def gain(self, x: Tensor, sigma: Sigma) -> Tensor:
        return by_level(self._gain, x, sigma)

    def _gain(self, x: Tensor, sigma: float) -> Tensor:
        if sigma == 0 or math.isinf(sigma):
            return x * float(sigma == 0)
        return self @ self.solve_seen(x, self._all(), sigma**2)

    def posterior(self, sigma: Sigma) -> Covariance:
        if isinstance(sigma, Tensor) and sigma.ndim:
            return PerCase.of(lambda level: ThroughNoise(self, level), sigma)
        return ThroughNoise(self, float(sigma))

    def mahalanobis(self, x: Tensor, sigma: Sigma = 0.0) -> Tensor:
        def distance(rows: Tensor, level: float) -> Tensor:
            return self.filter(rows, self._all(), level**2).log_likelihood()[0].reshape(rows.shape[:-1])

        return by_level(distance, x, sigma)

    def logdet(self, sigma: Sigma = 0.0) -> Tensor:
        levels = torch.as_tensor(sigma, dtype=torch.float64)
        nothing = torch.zeros(1, self.size, dtype=torch.float64)
        found = [self.filter(nothing, self._all(), level**2).log_likelihood()[1] for level in levels.flatten().tolist()]
        return torch.stack(found).reshape(levels.shape)

    def rank(self) -> int:
        return self.size

    def projector(self) -> Diagonal:
        """The projector onto the support: the identity."""
        return Diagonal(torch.ones(self.size, dtype=torch.float64))

    @property
    def white_size(self) -> int:
        return self.length * (len(self._system.start) + self.channels)

    def color(self, z: Tensor) -> Tensor:
        made = drawn(self._system, z.reshape(-1, self.length, self.white_size // self.length))
        return made.transpose(1, 2).reshape(*z.shape[:-1], self.size)

    def diagonal(self) -> Tensor:
        system = self._system
        own = (system.read @ system.start @ system.read.T + system.noise).diagonal()
        return own.repeat_interleave(self.length)

    def dense(self) -> Tensor:
        refuse_dense(self.size, "dense()")
        return self.law.matrix(self.times)


class ThroughNoise(Covariance):
    """Cov[x_0 | x_0 + sigma z] = Sigma sigma^2 (Sigma + sigma^2 I)^-1 of a covariance without a basis, by its own gains.

    Precisions add, C^-1 = Sigma^-1 + 1 / sigma^2, so that with a = 1 + s^2 / sigma^2 and r = s / sqrt(a) the gain of C at s is that of
    Sigma at r over a, and log det (C + s^2) = d log(sigma^2 a) + log det (Sigma + r^2) - log det (Sigma + sigma^2).
    """

    def __init__(self, prior: KernelSum, sigma: float) -> None:
        self.prior, self.sigma, self.size = prior, sigma, prior.size

    def _wide(self) -> bool:
        return math.isinf(self.sigma)

    def __matmul__(self, x: Tensor) -> Tensor:
        return self.prior @ x if self._wide() else self.sigma**2 * self.prior.gain(x, self.sigma)

    def gain(self, x: Tensor, sigma: Sigma) -> Tensor:
        return by_level(self._gain, x, sigma)

    def _gain(self, x: Tensor, level: float) -> Tensor:
        if level == 0 or math.isinf(level) or self.sigma == 0:
            return x * float(level == 0)
        a = 1 + (level / self.sigma) ** 2
        return self.prior.gain(x, level / math.sqrt(a)) / a

    def posterior(self, sigma: Sigma) -> Covariance:
        if isinstance(sigma, Tensor) and sigma.ndim:
            return PerCase.of(self._posterior, sigma)
        return self._posterior(float(sigma))

    def _posterior(self, level: float) -> ThroughNoise:
        return ThroughNoise(self.prior, 1 / math.hypot(1 / level if level else math.inf, 1 / self.sigma if self.sigma else math.inf))

    def mahalanobis(self, x: Tensor, sigma: Sigma = 0.0) -> Tensor:
        def distance(rows: Tensor, level: float) -> Tensor:
            if level == 0:
                return self.prior.mahalanobis(rows) + rows.square().sum(-1) / self.sigma**2
            return (rows * (rows - self._gain(rows, level))).sum(-1) / level**2

        return by_level(distance, x, sigma)

    def logdet(self, sigma: Sigma = 0.0) -> Tensor:
        level = torch.as_tensor(sigma, dtype=torch.float64)
        if self._wide():
            return self.prior.logdet(level)
        a = 1 + (level / self.sigma) ** 2
        own = self.size * (2 * math.log(self.sigma) + a.log())
        return own + self.prior.logdet(level / a.sqrt()) - self.prior.logdet(self.sigma)

    def rank(self) -> int:
        return self.size if self.sigma else 0

    def projector(self) -> Diagonal:
        """The projector onto the support: the identity."""
        return self.prior.projector()

    @property
    def white_size(self) -> int:
        return self.prior.white_size + self.size

    def color(self, z: Tensor) -> Tensor:
        """Matheron's rule: a draw of the prior less what its own noisy copy would make of it."""
        x = self.prior.color(z[..., : self.prior.white_size])
        return x if self._wide() else x - self.prior.gain(x + self.sigma * z[..., self.prior.white_size :], self.sigma)


def sum_of_kernels(law: Coregionalised, times: Tensor) -> Covariance:
    """The covariance at the times: a matrix with a basis for short series, and beyond 2048 entries a chain of states."""
    chain = KernelSum(law, times)
    return Dense(chain.dense()) if chain.size <= DENSE else chain
