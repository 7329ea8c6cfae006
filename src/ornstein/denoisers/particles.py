"""Weighted draws as a law: what sequential Monte Carlo leaves, each case with particles of its own."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ornstein.common.errors import InputError
from ornstein.common.random import Noise
from ornstein.covariance import Operator, Sigma, Spectral
from ornstein.covariance.base import column
from ornstein.denoisers.base import Conditional, Law, Posterior, White
from ornstein.measurements import Measurement

_NEAREST = 1e-20
"""sigma^2 of sigma = 0, as a share of the mean square of the points: the nearest point takes all."""


class Particles(Law):
    """sum_i w_i delta(x_0 - p_i) with points (*batch, n, *event) and log-weights (*batch, n).

        w_i(x)          ~ w_i exp(-|x - p_i|^2 / (2 sigma^2))
        E[x_0 | x]      = sum_i w_i(x) p_i
        Cov[x_0 | x]    = sum_i w_i(x) (p_i - mean)(p_i - mean)^T

    ``Empirical`` without a kernel is the same law for points that all cases share. There is no density at sigma = 0.
    Memory: the points, and (case, n, d) numbers in a call. Cost: 4 n d flops a case.
    """

    def __init__(self, points: Tensor, log_weights: Tensor) -> None:
        batch = log_weights.ndim - 1
        self.event_shape = tuple(points.shape[batch + 1 :])
        self.batch_shape = tuple(log_weights.shape[:-1])
        self.points = points.to(torch.float64).reshape(*log_weights.shape, -1)
        self.log_weights = log_weights - torch.logsumexp(log_weights, -1, keepdim=True)

    @classmethod
    def equal(cls, points: Tensor) -> Particles:
        """Points (n, *event) of equal weight."""
        return cls(points, torch.zeros(len(points), dtype=torch.float64))

    @property
    def weights(self) -> Tensor:
        """w, shape (*batch, n)."""
        return self.log_weights.exp()

    @property
    def effective(self) -> Tensor:
        """1 / sum w_i^2, shape (*batch): how many equally weighted draws these are worth."""
        return 1 / self.weights.square().sum(-1)

    def mean(self) -> Tensor:
        return self._event((self.weights.unsqueeze(-2) @ self.points).squeeze(-2))

    def covariance(self) -> Operator:
        return Scatter(self.points, self.weights)

    def __call__(self, x: Tensor, sigma: Sigma) -> Posterior:
        covariance = Scatter(self.points, torch.softmax(self._logits(self._flat(x), sigma), -1))
        return Posterior(self._event(covariance.mean).to(x.dtype), covariance)

    def log_prob(self, x: Tensor, sigma: Sigma = 0.0) -> Tensor:
        level = column(sigma, self.points)
        if bool((level == 0).any()):
            raise InputError("a law of particles has no density at sigma = 0: pass sigma > 0, or fit a law to draws of it")
        return torch.logsumexp(self._logits(self._flat(x), sigma), -1) - self.size * (level.log() + 0.5 * math.log(2 * math.pi)).squeeze(-1)

    def draw(self, noise: Noise, cases: int, sigma: float = 0.0) -> Tensor:
        chosen = self._chosen(noise, cases, self.weights)
        picked = torch.take_along_dim(self.points, chosen.movedim(0, -1).unsqueeze(-1), -2).movedim(-2, 0)
        return self._event(picked + sigma * self._white(noise, cases, self.size))

    def posterior_draw(self, x: Tensor, sigma: Sigma, white: White) -> Tensor:
        reached = torch.softmax(self._logits(self._flat(x), sigma), -1).cumsum(-1)
        chosen = (reached < self._uniform(white).unsqueeze(-1)).sum(-1).clamp_max(reached.shape[-1] - 1)
        points = self.points.expand(*chosen.shape, *self.points.shape[-2:])
        picked = torch.take_along_dim(points, chosen.view(*chosen.shape, 1, 1), -2).squeeze(-2)
        return self._event(picked).to(x.dtype)

    def condition(self, measurement: Measurement, y: Tensor, noise: float | Tensor | Spectral = 0.0) -> Conditional:
        """The same points, weighted by their evidence under independent noise > 0."""
        level = noise if isinstance(noise, Spectral) else torch.as_tensor(noise, dtype=torch.float64)
        if isinstance(level, Spectral) or level.ndim > 1 or bool((level <= 0).any()):
            raise InputError("noise must be deviations above 0 to weigh particles by: measure with noise > 0, or both measurements at once")
        target = self._residual(measurement, y)
        if self.batch_shape and target.ndim < 2:
            target = target.expand(*self.batch_shape, -1)
        z = (target.unsqueeze(-2) - measurement.bind(self.event_shape)(self.points)) / level
        log_noise = (level.log() + 0.5 * math.log(2 * math.pi)).expand(target.shape[-1:]).sum()
        joint = self.log_weights - 0.5 * z.square().sum(-1) - log_noise
        points = self._event(self.points).expand(*joint.shape, *self.event_shape)
        return Conditional(Particles(points, joint), torch.logsumexp(joint, -1))

    def _logits(self, flat: Tensor, sigma: Sigma) -> Tensor:
        """log w_i - |x - p_i|^2 / (2 sigma^2), (..., n), for vectors (..., d)."""
        least = _NEAREST * self.points.square().mean().clamp_min(torch.finfo(torch.float64).tiny)
        variance = (column(sigma, self.points) ** 2).clamp_min(least)
        squares = (flat.unsqueeze(-2) - self.points).square().sum(-1)
        return self.log_weights - 0.5 * squares / variance


class Scatter(Operator):
    """sum_i w_i (p_i - mean)(p_i - mean)^T for points (*batch, n, d) and weights (..., n)."""

    def __init__(self, points: Tensor, weights: Tensor) -> None:
        self.points, self.weights, self.size = points, weights, points.shape[-1]
        self.mean = (weights.unsqueeze(-2) @ points).squeeze(-2)

    @property
    def batch_shape(self) -> tuple[int, ...]:
        return tuple(self.weights.shape[:-1])

    def __matmul__(self, x: Tensor) -> Tensor:
        along = (self.points @ x.unsqueeze(-1)).squeeze(-1) - (self.mean * x).sum(-1, keepdim=True)
        weighted = self.weights * along
        return (weighted.unsqueeze(-2) @ self.points).squeeze(-2) - weighted.sum(-1, keepdim=True) * self.mean

    def diagonal(self) -> Tensor:
        return (self.weights.unsqueeze(-1) * (self.points - self.mean.unsqueeze(-2)).square()).sum(-2)
