"""The covariance of N(0, Sigma) given y = A x + n, kept implicit: products, gains and draws without any d x d matrix.

    C = Sigma - Sigma A^T S^-1 A Sigma,      S = A Sigma A^T + R

Seen through white noise of level sigma the prior is N(., Sigma_sigma) with Sigma_sigma = Sigma sigma^2 (Sigma + sigma^2 I)^-1
in the same basis, so C's own posterior is again of this class, and every formula below is a solve with S_sigma.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ornstein.common.linear import LinearMap
from ornstein.covariance.autoregressive import Autoregressive
from ornstein.covariance.base import Covariance, Sigma, Spectral
from ornstein.covariance.iterative import Product, conjugate_gradients, lanczos_logdet
from ornstein.covariance.kernel_sum import KernelSum, ThroughNoise
from ornstein.covariance.levels import PerCase, by_level

CHOLESKY_LIMIT = 2048
"""Measurements up to this number are solved by one Cholesky factor of S; beyond it conjugate gradients take over."""
_CHUNK = 256

Prior = Spectral | Autoregressive | KernelSum | ThroughNoise
"""Covariances that can be conditioned without their matrix."""


class Conditioned(Covariance):
    """C = Sigma - Sigma A^T (A Sigma A^T + R)^-1 A Sigma for a structured Sigma and diagonal R (entries may be 0).

    One product costs two products with Sigma and one solve of size m. ``diagonal`` and ``dense`` cost d products.
    """

    def __init__(self, prior: Prior, measurement: LinearMap, variances: Tensor) -> None:
        self.prior, self.measurement, self.variances = prior, measurement, variances
        self.size = prior.size
        self._factor: Tensor | None = None
        self._known = variances < 0  # none, until the factor is there

    @classmethod
    def on(cls, prior: Covariance, measurement: LinearMap, variances: Tensor) -> Conditioned:
        """Condition ``prior``; a second measurement joins the first, so the order of the two does not matter."""
        if isinstance(prior, Conditioned):
            first = prior.measurement

            def both(x: Tensor) -> Tensor:
                return torch.cat([first(x), measurement(x)], -1)

            joined = LinearMap(both, prior.size, first.size_out + measurement.size_out)
            return cls(prior.prior, joined, torch.cat([prior.variances, variances]))
        if not isinstance(prior, Prior):
            raise TypeError(f"cannot condition a {type(prior).__name__}")
        return cls(prior, measurement, variances)

    def __matmul__(self, x: Tensor) -> Tensor:
        sx = self.prior @ x
        return sx - self.pull(self.measurement(sx))

    def pull(self, y: Tensor) -> Tensor:
        """Sigma A^T S^-1 y: how far a residual y (..., m) moves the mean, shape (..., d)."""
        return self.prior @ self.measurement.adjoint(self._solve(y))

    def gain(self, x: Tensor, sigma: Sigma) -> Tensor:
        if self._one_level(sigma):
            return by_level(self.gain, x, sigma)
        zero, safe = _apart(sigma, x)
        if bool(zero.all()):
            return self._support() @ x
        m = self.prior.gain(x, safe)
        kept = m - self._posterior(safe).pull(self.measurement(m))
        return torch.where(zero.unsqueeze(-1), self._support() @ x, kept) if bool(zero.any()) else kept

    def posterior(self, sigma: Sigma) -> Covariance:
        if self._one_level(sigma):
            return PerCase.of(self._posterior, torch.as_tensor(sigma))
        return self._posterior(sigma)

    def _posterior(self, sigma: Sigma) -> Conditioned:
        return Conditioned.on(self.prior.posterior(sigma), self.measurement, self.variances)

    def _one_level(self, sigma: Sigma) -> bool:
        """Whether the prior has no basis in which cases of different noise levels could be handled together."""
        return isinstance(sigma, Tensor) and sigma.ndim > 0 and not isinstance(self.prior, Spectral)

    def mahalanobis(self, x: Tensor, sigma: Sigma = 0.0) -> Tensor:
        """By Bayes' rule, log p(x | y = 0) = log p(x) + log p(y = 0 | x) - log p(y = 0): two distances, both positive."""
        if self._one_level(sigma):
            return by_level(self.mahalanobis, x, sigma)
        zero, safe = _apart(sigma, x)
        if bool(zero.all()):
            return self._clean_distance(x)
        y = self.measurement(self.prior.gain(x, safe))
        distance = self.prior.mahalanobis(x, safe) + (y * self._posterior(safe)._solve(y)).sum(-1)
        return torch.where(zero, self._clean_distance(x), distance) if bool(zero.any()) else distance

    def _clean_distance(self, x: Tensor) -> Tensor:
        y, r = self.measurement(x), self.variances
        exact = r == 0
        misfit = torch.where(exact, torch.zeros_like(y), y**2 / torch.where(exact, torch.ones_like(r), r))
        quadratic = self.prior.mahalanobis(x) + misfit.sum(-1)
        broken = torch.where(exact, y, torch.zeros_like(y)).norm(dim=-1) > 1e-8 * (self.prior.trace().sqrt() + x.norm(dim=-1))
        return torch.where(broken, torch.full_like(quadratic, torch.inf), quadratic)

    def logdet(self, sigma: Sigma = 0.0) -> Tensor:
        if isinstance(sigma, Tensor) and self._one_level(sigma):
            return torch.stack([self.logdet(level) for level in sigma.tolist()])
        zero, safe = _apart(sigma, self.variances)
        known = self._logdet_s()
        if bool(zero.all()):
            return (self._clean_logdet() - known).expand(zero.shape or known.shape)
        noisy = self.prior.logdet(safe) + self._posterior(safe)._logdet_s() - known
        return torch.where(zero, self._clean_logdet() - known, noisy) if bool(zero.any()) else noisy

    def _clean_logdet(self) -> Tensor:
        return self.prior.logdet() + self.variances[self.variances > 0].log().sum() + self._support()._logdet_s()

    def _support(self) -> Conditioned:
        """The projector onto the support: that of the prior, less what the exact entries of y fix."""
        exact = (self.variances == 0).nonzero()[:, 0]
        return Conditioned(self.prior.projector(), self.measurement.rows(exact), self.variances[exact])

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
        own = self.prior.white_size
        x = self.prior.color(z[..., :own])
        return x - self.pull(self.measurement(x) + self.variances.sqrt() * z[..., own:])

    def log_evidence(self, y: Tensor) -> Tensor:
        """log N(y; 0, S), shape (...); above CHOLESKY_LIMIT measurements the determinant is a stochastic Lanczos estimate."""
        quadratic = (y * self._solve(y)).sum(-1)
        return -0.5 * (quadratic + self._logdet_s() + self.measurement.size_out * math.log(2 * math.pi))

    def _gram(self, y: Tensor) -> Tensor:
        return self.measurement(self.prior @ self.measurement.adjoint(y)) + self.variances * y

    def _direct(self) -> bool:
        return self.measurement.size_out <= CHOLESKY_LIMIT and not self.batch_shape

    def _cholesky(self) -> Tensor:
        """The factor of S, in which an exact entry of y that is known beforehand stands alone with pivot 1.

        Known means a prior variance below the rounding error of the largest, which is 0 for every structure: what rounding leaves
        of such a row must not fix other directions.
        """
        if self._factor is None:
            s, length, moved = self._matrix()
            m, eps = len(s), torch.finfo(s.dtype).eps
            largest = self.prior.eigenvalues.amax() if isinstance(self.prior, Spectral) else torch.zeros_like(s[0, 0])
            self._known = (self.variances == 0) & (s.diagonal() <= max(m, self.size) * eps * largest * length**2)
            s = torch.where(self._known | self._known.unsqueeze(-1), torch.zeros_like(s), (s + s.T) / 2)
            # entry i of S is a_i . Sigma a_i, off by a few eps |a_i| |Sigma a_i|: a singular S needs that much to stay positive
            jitter = torch.where(self._known, torch.ones_like(length), 4 * (m + 8) * eps * (length * moved + self.variances))
            self._factor = torch.linalg.cholesky(s + torch.diag(jitter))
        return self._factor

    def _matrix(self) -> tuple[Tensor, Tensor, Tensor]:
        """S (m, m), and |a| and |Sigma a| for every row a of A."""
        parts = []
        for rows in torch.diag(torch.ones_like(self.variances)).split(_CHUNK):
            a = self.measurement.adjoint(rows)
            moved = self.prior @ a
            parts.append((self.measurement(moved) + self.variances * rows, a.norm(dim=-1), moved.norm(dim=-1)))
        s, length, reach = (torch.cat(part) for part in zip(*parts, strict=True))
        return s, length, reach

    def _solve(self, y: Tensor) -> Tensor:
        if y.numel() == 0:
            return y
        if (chain := self._chain()) is not None:
            return self.measurement(chain.solve_seen(self.measurement.adjoint(y), *self._seen()))
        if self._direct():
            factor = self._cholesky()
            rows = torch.where(self._known, torch.zeros_like(y), y).reshape(-1, y.shape[-1])
            return torch.cholesky_solve(rows.T, factor).T.reshape(y.shape)
        return conjugate_gradients(self._gram, y, self._precondition())

    def _chain(self) -> KernelSum | None:
        """The prior, where one pass over its times solves S: entries of a series with noise that is the same for all of them."""
        even = self.measurement.selects and bool((self.variances == self.variances[0]).all())
        return self.prior if isinstance(self.prior, KernelSum) and even else None

    def _seen(self) -> tuple[Tensor, float]:
        return self.measurement.adjoint(torch.ones_like(self.variances)) > 0, float(self.variances[0])

    def _precondition(self) -> Product:
        """For a mask, A (Sigma + r I)^-1 A^T: the inverse of S but for the coupling through what is not observed."""
        if not self.measurement.selects:
            return lambda y: y
        if isinstance(self.prior, Autoregressive | KernelSum):
            precision = self.prior.solve
            return lambda y: self.measurement(precision(self.measurement.adjoint(y)))
        if not isinstance(self.prior, Spectral):
            return lambda y: y
        level = self.variances.mean() + 1e-12 * self.prior.eigenvalues.amax(-1, keepdim=True)
        inverse = self.prior.map(lambda lam: 1 / (lam + level).clamp_min(torch.finfo(lam.dtype).tiny))
        return lambda y: self.measurement(inverse @ self.measurement.adjoint(y))

    def _logdet_s(self) -> Tensor:
        if self.measurement.size_out == 0:
            return self.variances.sum()
        if (chain := self._chain()) is not None:
            nothing = torch.zeros(1, self.size, dtype=torch.float64)
            return chain.filter(nothing, *self._seen()).log_likelihood()[1]
        if self.batch_shape and isinstance(self.prior, Spectral):
            laws = [Conditioned(self.prior.replace(lam), self.measurement, self.variances) for lam in self.prior.eigenvalues]
            return torch.stack([law._logdet_s() for law in laws])
        if self._direct():
            return 2 * self._cholesky().diagonal().log().sum()
        return lanczos_logdet(self._gram, self.measurement.size_out)


def _apart(sigma: Sigma, like: Tensor) -> tuple[Tensor, Tensor]:
    """Where ``sigma`` is 0, and ``sigma`` with 1 in its place: without noise each formula has its own limit."""
    level = torch.as_tensor(sigma, dtype=like.dtype, device=like.device)
    return level == 0, torch.where(level == 0, torch.ones_like(level), level)
