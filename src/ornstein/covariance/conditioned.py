"""The covariance of N(0, Sigma) given y = A x + n, kept implicit: products, gains and draws without any d x d matrix.

    C = Sigma - Sigma A^T S^-1 A Sigma,      S = A Sigma A^T + R

Seen through white noise of level sigma the prior is N(., Sigma_sigma) with Sigma_sigma = Sigma sigma^2 (Sigma + sigma^2 I)^-1
in the same basis, so C's own posterior is again of this class, and every formula below is a solve with S_sigma.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ornstein.covariance.base import Covariance, Sigma, Spectral, column
from ornstein.covariance.iterative import Product, conjugate_gradients, lanczos_logdet
from ornstein.linear import LinearMap

CHOLESKY_LIMIT = 2048
"""Measurements up to this number are solved by one Cholesky factor of S; beyond it conjugate gradients take over."""
_CHUNK = 256


class Conditioned(Covariance):
    """C = Sigma - Sigma A^T (A Sigma A^T + R)^-1 A Sigma for a structured Sigma and diagonal R (entries may be 0).

    One product costs two products with Sigma and one solve of size m. ``diagonal`` and ``dense`` cost d products.
    """

    def __init__(self, prior: Spectral, measurement: LinearMap, variances: Tensor) -> None:
        self.prior, self.measurement, self.variances = prior, measurement, variances
        self.size = prior.size
        self._factor: Tensor | None = None

    @classmethod
    def on(cls, prior: Covariance, measurement: LinearMap, variances: Tensor) -> Conditioned:
        """Condition ``prior``; a second measurement joins the first, so the order of the two does not matter."""
        if isinstance(prior, Conditioned):
            first = prior.measurement

            def both(x: Tensor) -> Tensor:
                return torch.cat([first(x), measurement(x)], -1)

            joined = LinearMap(both, prior.size, first.size_out + measurement.size_out)
            return cls(prior.prior, joined, torch.cat([prior.variances, variances]))
        if not isinstance(prior, Spectral):
            raise TypeError(f"cannot condition a {type(prior).__name__}")
        return cls(prior, measurement, variances)

    def __matmul__(self, x: Tensor) -> Tensor:
        sx = self.prior @ x
        return sx - self.pull(self.measurement(sx))

    def pull(self, y: Tensor) -> Tensor:
        """Sigma A^T S^-1 y: how far a residual y (..., m) moves the mean, shape (..., d)."""
        return self.prior @ self.measurement.adjoint(self._solve(y))

    def gain(self, x: Tensor, sigma: Sigma) -> Tensor:
        if not isinstance(sigma, Tensor) and sigma == 0:
            return x
        m, narrowed = self.prior.gain(x, sigma), self.posterior(sigma)
        return m - narrowed.pull(self.measurement(m))

    def posterior(self, sigma: Sigma) -> Conditioned:
        return Conditioned(self.prior.posterior(sigma), self.measurement, self.variances)

    def mahalanobis(self, x: Tensor, sigma: Sigma = 0.0) -> Tensor:
        if isinstance(sigma, Tensor) or sigma > 0:
            s = column(sigma, x)
            return ((x * (x - self.gain(x, sigma))) / s**2).sum(-1)
        y, r = self.measurement(x), self.variances
        exact = r == 0
        misfit = torch.where(exact, torch.zeros_like(y), y**2 / torch.where(exact, torch.ones_like(r), r))
        quadratic = self.prior.mahalanobis(x) + misfit.sum(-1)
        broken = torch.where(exact, y, torch.zeros_like(y)).norm(dim=-1) > 1e-8 * (self.prior.trace().sqrt() + x.norm(dim=-1))
        return torch.where(broken, torch.full_like(quadratic, torch.inf), quadratic)

    def logdet(self, sigma: Sigma = 0.0) -> Tensor:
        if isinstance(sigma, Tensor) or sigma > 0:
            return self.prior.logdet(sigma) + self.posterior(sigma)._logdet_s() - self._logdet_s()
        exact = self.variances == 0
        rows = self.measurement.rows(exact.nonzero()[:, 0])
        gram = torch.zeros((), dtype=self.variances.dtype)
        if rows.size_out and not rows.selects:
            matrix = rows.matrix(self.variances.dtype)
            gram = torch.logdet(matrix @ matrix.T)
        return self.prior.logdet() + self.variances[~exact].log().sum() + gram - self._logdet_s()

    def rank(self) -> int:
        return max(self.prior.rank() - int((self.variances == 0).sum()), 0)

    @property
    def batch_shape(self) -> tuple[int, ...]:
        return self.prior.batch_shape

    @property
    def white_size(self) -> int:
        return self.prior.white_size + self.measurement.size_out

    def color(self, z: Tensor) -> Tensor:
        """Matheron's rule: a draw of the prior, moved by what its own noisy measurement gets wrong."""
        x = self.prior.color(z[..., : self.size])
        return x - self.pull(self.measurement(x) + self.variances.sqrt() * z[..., self.size :])

    def log_evidence(self, y: Tensor) -> Tensor:
        """log N(y; 0, S), shape (...); above CHOLESKY_LIMIT measurements the determinant is a stochastic Lanczos estimate."""
        quadratic = (y * self._solve(y)).sum(-1)
        return -0.5 * (quadratic + self._logdet_s() + self.measurement.size_out * math.log(2 * math.pi))

    def _gram(self, y: Tensor) -> Tensor:
        return self.measurement(self.prior @ self.measurement.adjoint(y)) + self.variances * y

    def _direct(self) -> bool:
        return self.measurement.size_out <= CHOLESKY_LIMIT and self.prior.eigenvalues.ndim == 1

    def _cholesky(self) -> Tensor:
        if self._factor is None:
            m = self.measurement.size_out
            eye = torch.eye(m, dtype=self.variances.dtype)
            s = torch.cat([self._gram(rows) for rows in eye.split(_CHUNK)]) if m else eye
            scale = s.diagonal().amax() if m else 1.0
            jitter = m * torch.finfo(s.dtype).eps * scale
            self._factor = torch.linalg.cholesky((s + s.T) / 2 + jitter * eye)
        return self._factor

    def _solve(self, y: Tensor) -> Tensor:
        if self._direct():
            return torch.cholesky_solve(y.reshape(-1, y.shape[-1]).T, self._cholesky()).T.reshape(y.shape)
        return conjugate_gradients(self._gram, y, self._precondition())

    def _precondition(self) -> Product:
        """For a mask, A (Sigma + r I)^-1 A^T: the inverse of S but for the coupling through what is not observed."""
        if not self.measurement.selects:
            return lambda y: y
        level = self.variances.mean() + 1e-12 * self.prior.eigenvalues.amax(-1, keepdim=True)
        inverse = self.prior.map(lambda lam: 1 / (lam + level))
        return lambda y: self.measurement(inverse @ self.measurement.adjoint(y))

    def _logdet_s(self) -> Tensor:
        if self._direct():
            return 2 * self._cholesky().diagonal().log().sum()
        return lanczos_logdet(self._gram, self.measurement.size_out)
