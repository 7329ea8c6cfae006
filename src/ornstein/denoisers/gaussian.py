"""The Gaussian law: every question about its diffusion has a closed form in the eigenbasis of its covariance."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ornstein.common.errors import InputError
from ornstein.common.random import Noise
from ornstein.covariance import Covariance, Sigma, Spectral, condition
from ornstein.denoisers.base import Conditional, Law, Posterior, Shape, White, white_numbers
from ornstein.measurements import Measurement


class Gaussian(Law):
    """N(mu, Sigma) for any covariance operator.

        E[x_0 | x]   = mu + Sigma (Sigma + sigma^2 I)^-1 (x - mu)
        Cov[x_0 | x] = Sigma sigma^2 (Sigma + sigma^2 I)^-1
        log p_sigma(x) = -1/2 ((x - mu)^T (Sigma + sigma^2 I)^-1 (x - mu) + log det (Sigma + sigma^2 I) + d log 2 pi)

    mean  (*event), or (*batch, *event) together with ``event_shape``. At sigma = 0 the density is with respect to the support
    of Sigma (d becomes its rank) and -inf outside. Cost of each call: one product with Sigma per case.
    """

    def __init__(self, mean: Tensor, covariance: Covariance, event_shape: Shape | None = None) -> None:
        mean = torch.as_tensor(mean, dtype=torch.float64)
        self.event_shape = tuple(mean.shape) if event_shape is None else event_shape
        self.batch_shape = tuple(mean.shape[: mean.ndim - len(self.event_shape)])
        if covariance.size != math.prod(self.event_shape):
            raise InputError(
                f"covariance has size {covariance.size}, but signals of shape {self.event_shape} have {math.prod(self.event_shape)} entries"
            )
        self._mean = self._flat(mean)
        self.operator = covariance

    def mean(self) -> Tensor:
        return self._event(self._mean)

    def covariance(self) -> Covariance:
        return self.operator

    def __call__(self, x: Tensor, sigma: Sigma) -> Posterior:
        kept = self.operator.gain(self._flat(x) - self._mean, sigma)
        return Posterior(self._event(self._mean + kept).to(x.dtype), self.operator.posterior(sigma))

    def log_prob(self, x: Tensor, sigma: Sigma = 0.0) -> Tensor:
        dimension = torch.where(torch.as_tensor(sigma, dtype=torch.float64) == 0, self.operator.rank(), self.size).to(torch.float64)
        quadratic = self.operator.mahalanobis(self._flat(x) - self._mean, sigma)
        return -0.5 * (quadratic + self.operator.logdet(sigma) + dimension * math.log(2 * math.pi))

    def white_size(self, sigma: float) -> int:
        """How many white numbers one draw of x_0 + sigma z takes."""
        own_noise = sigma > 0 and not isinstance(self.operator, Spectral)
        return self.operator.white_size + self.size * own_noise

    def place(self, white: Tensor, sigma: float) -> Tensor:
        """White noise (..., white_size(sigma)) as draws of x_0 + sigma z, (..., *event)."""
        if isinstance(self.operator, Spectral):
            return self._event(self._mean + self.operator.scaled(1.0, sigma).color(white))
        x = self._mean + self.operator.color(white[..., : self.operator.white_size])
        return self._event(x + sigma * white[..., self.operator.white_size :] if sigma > 0 else x)

    def draw(self, noise: Noise, cases: int, sigma: float = 0.0) -> Tensor:
        return self.place(self._white(noise, cases, self.white_size(sigma)), sigma)

    def posterior_draw(self, x: Tensor, sigma: Sigma, white: White) -> Tensor:
        posterior = self.operator.posterior(sigma)
        kept = self.operator.gain(self._flat(x) - self._mean, sigma)
        spread = posterior.color(white_numbers(white, self.event_shape, posterior.white_size))
        return self._event(self._mean + kept + spread).to(x.dtype)

    def condition(self, measurement: Measurement, y: Tensor, noise: float | Tensor | Spectral = 0.0) -> Conditional:
        bound = measurement.bind(self.event_shape)
        result = condition(self.operator, bound, self._residual(measurement, y) - bound(self._mean), noise)
        law = Gaussian(self._event(self._mean + result.shift), result.covariance, self.event_shape)
        return Conditional(law, result.log_evidence)
