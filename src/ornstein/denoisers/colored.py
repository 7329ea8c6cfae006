"""Correlated forward noise, x = x_0 + sigma L z with L L^T = N, as isotropic diffusion in the coordinates L^-1 x."""

from __future__ import annotations

import torch
from torch import Tensor

from ornstein.common.errors import InputError
from ornstein.covariance import Conditioned, Dense, Diagonal, Kronecker, LowRank, Operator, Sigma, Spectral, Stationary
from ornstein.denoisers.base import Denoiser, Law, Posterior, White
from ornstein.denoisers.empirical import Empirical
from ornstein.denoisers.gaussian import Gaussian
from ornstein.denoisers.mixture import Mixture


class Colored(Denoiser):
    """A denoiser of x = x_0 + sigma L z, built on one that lives in the whitened coordinates w = L^-1 x:

        E[x_0 | x] = L E[w_0 | L^-1 x],     Cov[x_0 | x] = L Cov[w_0 | .] L,     L = N^(1/2)

    ``Colored.of(law, noise)`` takes an analytic law of x_0 itself and whitens it first. ``noise`` is the covariance N of the
    forward noise and must have full rank. With N = I nothing changes.
    """

    def __init__(self, inner: Denoiser, noise: Spectral) -> None:
        if noise.rank() < noise.size:
            raise InputError(
                f"noise has rank {noise.rank()} of {noise.size}, but forward noise must reach every direction: "
                "add a floor with noise.scaled(1, eps)"
            )
        self.inner, self.noise = inner, noise
        self.event_shape = inner.event_shape

    @classmethod
    def of(cls, law: Law, noise: Spectral) -> Colored:
        """Colour the noise of an analytic law given in its own coordinates."""
        return cls(_whitened(law, noise), noise)

    def of_cases(self, first: int, end: int) -> Colored:
        return Colored(self.inner.of_cases(first, end), self.noise)

    def whiten(self, x: Tensor) -> Tensor:
        """L^-1 x for signals (..., *event)."""
        return self.noise.whiten(x.flatten(-len(self.event_shape))).reshape(x.shape)

    def color(self, w: Tensor) -> Tensor:
        """L w for signals (..., *event): coordinates back to signals, and white noise to the forward noise."""
        return self.noise.color(w.flatten(-len(self.event_shape))).reshape(w.shape)

    def __call__(self, x: Tensor, sigma: Sigma) -> Posterior:
        posterior = self.inner(self.whiten(x.to(torch.float64)), sigma)
        covariance = None if posterior.covariance is None else Sandwich(self.noise, posterior.covariance)
        return Posterior(self.color(posterior.mean).to(x.dtype), covariance)

    def score(self, x: Tensor, sigma: Sigma) -> Tensor:
        """grad log p_sigma(x) = N^-1 (E[x_0 | x] - x) / sigma^2: Tweedie's formula for correlated noise."""
        pull = super().score(x, sigma)
        return self.noise.solve(pull.flatten(-len(self.event_shape)).to(torch.float64)).reshape(x.shape).to(x.dtype)

    def log_prob(self, x: Tensor, sigma: Sigma = 0.0) -> Tensor:
        """log density of x_0 + sigma L z at x: that of the whitened law minus log det L. Needs an analytic inner law."""
        if not isinstance(self.inner, Law):
            raise InputError(f"log_prob needs an analytic law inside, but this one is {type(self.inner).__name__}")
        return self.inner.log_prob(self.whiten(x), sigma) - 0.5 * self.noise.logdet()

    def posterior_draw(self, x: Tensor, sigma: Sigma, white: White) -> Tensor:
        """One exact draw from p(x_0 | x_0 + sigma L z = x) for every x, shape of x. Needs an analytic inner law."""
        if not isinstance(self.inner, Law):
            raise InputError(f"posterior_draw needs an analytic law inside, but this one is {type(self.inner).__name__}")
        return self.color(self.inner.posterior_draw(self.whiten(x.to(torch.float64)), sigma, white)).to(x.dtype)


class Sandwich(Operator):
    """L C L for a symmetric square root L of ``noise``."""

    def __init__(self, noise: Spectral, inner: Operator) -> None:
        self.noise, self.inner, self.size = noise, inner, noise.size

    def __matmul__(self, x: Tensor) -> Tensor:
        return self.noise.color(self.inner @ self.noise.color(x))

    @property
    def batch_shape(self) -> tuple[int, ...]:
        return self.inner.batch_shape


def _whitened(law: Law, noise: Spectral) -> Law:
    """The law of L^-1 x_0."""
    if isinstance(law, Gaussian):
        mean = noise.whiten(law.mean().flatten(-len(law.event_shape)))
        return Gaussian(mean.reshape(law.mean().shape), _whitened_operator(law.covariance(), noise), law.event_shape)
    if isinstance(law, Mixture):
        parts = [_whitened(c, noise) for c in law.components]
        return Mixture.from_log_weights(law.log_weights, [p for p in parts if isinstance(p, Gaussian)])
    if isinstance(law, Empirical) and not law.batch_shape:
        points = noise.whiten(law.points.flatten(1)).reshape(law.points.shape)
        kernel = None if law.kernel is None else _whitened_operator(law.kernel, noise)
        return Empirical(points, kernel, log_weights=law.cloud.log_weights)
    raise InputError(f"cannot whiten a {type(law).__name__}: build Colored around a denoiser in whitened coordinates")


def _whitened_operator(covariance: Operator, noise: Spectral) -> Spectral:
    """L^-1 Sigma L^-1; diagonal by diagonal and circulant by circulant stay what they are."""
    if isinstance(covariance, Diagonal | Stationary) and type(covariance) is type(noise):
        return covariance.replace(covariance.eigenvalues / noise.eigenvalues)
    if isinstance(covariance, Dense | LowRank | Kronecker | Conditioned | Diagonal | Stationary):
        rows = noise.whiten(covariance.dense())
        matrix = noise.whiten(rows.transpose(-1, -2))
        return Dense((matrix + matrix.transpose(-1, -2)) / 2)
    raise InputError(f"cannot whiten a {type(covariance).__name__}")
