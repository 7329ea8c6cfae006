"""Laws whose truth is known, to draw examples from and to measure a model against."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ornstein.common import checks
from ornstein.common.errors import InputError
from ornstein.common.signals import Signals

LOWEST, HIGHEST = 0.5, 8.0
"""The range of frequencies of ``cosines``, in cycles per signal."""


def cosine_components(n: int, length: int = 100, terms: int = 5, seed: int = 0) -> Tensor:
    """The cosines whose sum is ``cosines``, (case, term, time): sqrt(2 / terms) cos(2 pi f s + phi) with s = i / length.

    f is uniform between 0.5 and 8 cycles per signal and phi uniform over the circle, so every sum has mean 0 and variance 1.
    """
    n, length, terms = checks.count(n, "n"), checks.count(length, "length"), checks.count(terms, "terms")
    uniform = torch.rand(n, 2, terms, 1, generator=_generator(seed), dtype=torch.float64)
    frequency, phase = LOWEST + (HIGHEST - LOWEST) * uniform[:, 0], 2 * math.pi * uniform[:, 1]
    s = torch.arange(length, dtype=torch.float64) / length
    return math.sqrt(2 / terms) * torch.cos(2 * math.pi * frequency * s + phase)


def cosines(n: int, length: int = 100, terms: int = 5, seed: int = 0) -> Signals:
    """Sums of ``terms`` cosines of random frequency and phase, (n, 1, length): smooth, stationary, and not Gaussian."""
    return Signals(cosine_components(n, length, terms, seed).sum(1, keepdim=True), rate=float(length))


def cosines_covariance(length: int = 100) -> Tensor:
    """The covariance (time, time) of ``cosines``: E cos(2 pi f tau) = (sin 2 pi b tau - sin 2 pi a tau) / (2 pi tau (b - a))."""
    s = torch.arange(checks.count(length, "length"), dtype=torch.float64) / length
    lag = s[:, None] - s
    upper, lower = (bound * torch.sinc(2 * bound * lag) for bound in (HIGHEST, LOWEST))
    return (upper - lower) / (HIGHEST - LOWEST)


def ornstein_uhlenbeck(n: int, length: int = 100, correlation_time: float = 10.0, seed: int = 0) -> Signals:
    """The stationary Ornstein-Uhlenbeck process of variance 1, (n, 1, length), sampled exactly.

    x_i = rho x_{i-1} + sqrt(1 - rho²) z_i with rho = exp(-1 / correlation_time); correlation_time is in samples.
    """
    n, length = checks.count(n, "n"), checks.count(length, "length")
    tau = checks.positive(correlation_time, "correlation_time")
    x = torch.randn(n, length, generator=_generator(seed), dtype=torch.float64)
    rho, innovation = math.exp(-1 / tau), math.sqrt(-math.expm1(-2 / tau))
    for i in range(1, length):
        x[:, i] = rho * x[:, i - 1] + innovation * x[:, i]
    return Signals(x[:, None])


def ornstein_uhlenbeck_covariance(length: int = 100, correlation_time: float = 10.0) -> Tensor:
    """The covariance (time, time) of ``ornstein_uhlenbeck``: exp(-|i - j| / correlation_time)."""
    i = torch.arange(checks.count(length, "length"), dtype=torch.float64)
    return torch.exp(-(i[:, None] - i).abs() / checks.positive(correlation_time, "correlation_time"))


@dataclass(frozen=True, eq=False)
class MixtureLaw:
    """A mixture of Gaussians: weights (mode,), means (mode, feature), covariances (mode, feature, feature)."""

    weights: Tensor
    means: Tensor
    covariances: Tensor

    def sample(self, n: int, seed: int = 0) -> tuple[Tensor, Tensor]:
        """``n`` vectors (case, feature) and the mode (case,) that each came from."""
        generator = _generator(seed)
        mode = torch.multinomial(self.weights, checks.count(n, "n"), replacement=True, generator=generator)
        z = torch.randn(n, self.means.shape[1], 1, generator=generator, dtype=torch.float64)
        return self.means[mode] + (torch.linalg.cholesky(self.covariances)[mode] @ z).squeeze(-1), mode

    def log_prob(self, x: Tensor) -> Tensor:
        """log p(x) in nats, (case,)."""
        factor = torch.linalg.cholesky(self.covariances)
        z = torch.linalg.solve_triangular(factor, (x[:, None] - self.means)[..., None], upper=False).squeeze(-1)
        log_scale = factor.diagonal(dim1=-2, dim2=-1).log().sum(-1) + 0.5 * math.log(2 * math.pi) * x.shape[1]
        return torch.logsumexp(self.weights.log() - 0.5 * z.square().sum(-1) - log_scale, dim=1)

    def mean(self) -> Tensor:
        """(feature,)."""
        return self.weights @ self.means

    def covariance(self) -> Tensor:
        """(feature, feature): within the modes plus between them."""
        centred = self.means - self.mean()
        return torch.einsum("m,mij->ij", self.weights, self.covariances) + (self.weights[:, None] * centred).mT @ centred


def gaussian_mixture(modes: int = 25, dimension: int = 8, separation: float = 6.0, seed: int = 0) -> MixtureLaw:
    """A random mixture: means ~ N(0, separation² I), covariances I/2 + G Gᵀ/(2 dimension) with Gaussian G, weights ~ 1/2 + U(0, 1)."""
    modes, dimension = checks.count(modes, "modes"), checks.count(dimension, "dimension")
    separation = checks.positive(separation, "separation", zero=True)
    generator = _generator(seed)
    weights = 0.5 + torch.rand(modes, generator=generator, dtype=torch.float64)
    means = separation * torch.randn(modes, dimension, generator=generator, dtype=torch.float64)
    g = torch.randn(modes, dimension, dimension, generator=generator, dtype=torch.float64)
    covariances = 0.5 * torch.eye(dimension, dtype=torch.float64) + g @ g.mT / (2 * dimension)
    return MixtureLaw(weights / weights.sum(), means, covariances)


def swiss_roll(n: int, seed: int = 0, noise: float = 0.0) -> tuple[Tensor, Tensor]:
    """Points on a spiral in the plane, (n, 2), and their angle theta (n,): (theta cos theta, theta sin theta) / 10 + noise z.

    theta is uniform between 1.5 pi and 4.5 pi. A curve without area: its covariance says almost nothing about it.
    """
    generator = _generator(seed)
    noise = checks.positive(noise, "noise", zero=True)
    theta = math.pi * (1.5 + 3 * torch.rand(checks.count(n, "n"), generator=generator, dtype=torch.float64))
    points = torch.stack([theta * theta.cos(), theta * theta.sin()], dim=1) / 10
    return points + noise * torch.randn(n, 2, generator=generator, dtype=torch.float64), theta


def _generator(seed: int) -> torch.Generator:
    if isinstance(seed, bool) or not isinstance(seed, int):
        raise InputError(f"seed is {seed!r}, but must be a whole number")
    return torch.Generator().manual_seed(seed % 2**63)
