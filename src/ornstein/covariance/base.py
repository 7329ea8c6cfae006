"""What every covariance can do, and what every covariance with a known eigenbasis does in closed form.

A diffusion only ever needs functions of Sigma + sigma^2 I. With Sigma = U diag(lambda) U^T they are all one formula,
``U f(lambda) U^T x``, so a structure supplies a rotation and its eigenvalues, and everything else is written once, here.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import TypeAlias

import torch
from torch import Tensor

from ornstein.common import memory
from ornstein.common.errors import InputError
from ornstein.common.random import Noise

Sigma: TypeAlias = float | Tensor
"""A noise level in data scale: one number, or one per case with shape (case,)."""

_UNITS = 256

_WORK = 4
"""Matrices that an eigendecomposition holds at once: the covariance, its symmetric half, the basis and LAPACK's work array."""

DENSE_LIMIT = 8192
"""Largest dimension for which a d x d matrix is formed: 0.5 GiB in float64, and about a minute of eigh per two cores."""


def column(sigma: Sigma, like: Tensor) -> Tensor:
    """``sigma`` as a tensor that broadcasts against (case, dimension)."""
    level = on_device(sigma, like.dtype, like.device)
    return level.unsqueeze(-1) if level.ndim else level


def on_device(sigma: Sigma, dtype: torch.dtype, device: torch.device) -> Tensor:
    """``sigma`` as a tensor; a number is filled in on the device, where ``as_tensor`` would copy it there and wait."""
    return sigma.to(device, dtype) if isinstance(sigma, Tensor) else torch.full((), sigma, dtype=dtype, device=device)


def refuse_dense(size: int, what: str) -> None:
    """Refuse a d x d matrix before it is allocated, with the alternative."""
    if size > DENSE_LIMIT:
        gib = 8 * size**2 / 2**30
        raise InputError(
            f"{what} would need a {size} x {size} matrix ({gib:.1f} GiB), but at most {DENSE_LIMIT} x {DENSE_LIMIT} is formed: "
            "use structure 'low-rank', 'stationary', 'kronecker' or 'diagonal', or shorter windows"
        )
    memory.refuse(8 * _WORK * size**2, f"{what} of size {size}", "use structure 'low-rank', 'stationary', 'kronecker' or 'diagonal'")


class Operator(ABC):
    """A symmetric positive semi-definite matrix of size d that may exist only through its products.

    Vectors are rows: ``operator @ x`` multiplies the last axis of x, shape (..., d). An operator may hold one matrix, or one
    per case (``batch_shape``), in which case the cases of x meet the cases of the operator. All numbers are float64.
    """

    size: int

    @property
    def batch_shape(self) -> tuple[int, ...]:
        """() for one matrix, (case,) for one per case."""
        return ()

    @abstractmethod
    def __matmul__(self, x: Tensor) -> Tensor:
        """Sigma x for x of shape (..., d)."""

    def diagonal(self) -> Tensor:
        """The marginal variances, shape (*batch, d). Cost: d products unless the structure knows better."""
        return torch.cat([(unit * (self @ unit)).sum(-1).clamp_min(0) for unit in self._units()]).movedim(0, -1)

    def trace(self) -> Tensor:
        """The total variance, shape (*batch)."""
        return self.diagonal().sum(-1)

    def dense(self) -> Tensor:
        """The matrix itself, shape (*batch, d, d); refused above DENSE_LIMIT. Cost: d products."""
        refuse_dense(self.size, "dense()")
        return torch.movedim(torch.cat([self @ unit for unit in self._units()]), 0, -2)

    def _units(self) -> Iterator[Tensor]:
        """The unit vectors, a few hundred at a time, (some, *batch, d)."""
        for chosen in torch.arange(self.size).split(_UNITS):
            unit = torch.nn.functional.one_hot(chosen, self.size).to(torch.float64)
            yield unit.view(len(chosen), *(1,) * len(self.batch_shape), self.size).expand(len(chosen), *self.batch_shape, self.size)


class Covariance(Operator):
    """A covariance that a Gaussian law can stand on: its gain against white noise, log-determinant and exact draws."""

    @abstractmethod
    def gain(self, x: Tensor, sigma: Sigma) -> Tensor:
        """Sigma (Sigma + sigma^2 I)^-1 x: what a Gaussian denoiser keeps of x, shape (..., d). sigma = inf keeps nothing."""

    @abstractmethod
    def posterior(self, sigma: Sigma) -> Covariance:
        """Cov[x_0 | x_0 + sigma z] = Sigma sigma^2 (Sigma + sigma^2 I)^-1; sigma = inf gives Sigma back."""

    @abstractmethod
    def mahalanobis(self, x: Tensor, sigma: Sigma = 0.0) -> Tensor:
        """x^T (Sigma + sigma^2 I)^-1 x, shape (...); at sigma = 0 on the support, and inf for x outside it."""

    @abstractmethod
    def logdet(self, sigma: Sigma = 0.0) -> Tensor:
        """log det(Sigma + sigma^2 I); at sigma = 0 the pseudo-determinant on the support."""

    @abstractmethod
    def rank(self) -> int:
        """Dimension of the support."""

    @property
    @abstractmethod
    def white_size(self) -> int:
        """How many white numbers one draw takes."""

    @abstractmethod
    def color(self, z: Tensor) -> Tensor:
        """White noise z (..., white_size) becomes a draw from N(0, Sigma), (..., d)."""

    def draw(self, noise: Noise, cases: int, stream: int = 0) -> Tensor:
        """Exact draws from N(0, Sigma), shape (cases, d)."""
        return self.color(noise.normal(cases, (self.white_size,), stream))


class Spectral(Covariance):
    """Sigma = U diag(lambda) U^T in a basis that is cheap to rotate into.

    ``rotate`` is an isometry W from R^d to k >= d coordinates with W^T W = I; coordinate j carries eigenvalue ``eigenvalues[j]``
    and counts ``multiplicity[j]`` times (sum = d), so a floor shared by d - r directions needs no basis of its own.
    Eigenvalues of exactly 0 are outside the support; every structure sets those below its rounding error to 0 when it is built.
    """

    eigenvalues: Tensor
    """Shape (..., k); a leading axis holds one spectrum per case."""
    multiplicity: Tensor
    """Shape (k,)."""

    @abstractmethod
    def rotate(self, x: Tensor) -> Tensor:
        """Coordinates W x in the eigenbasis, (..., d) -> (..., k)."""

    @abstractmethod
    def unrotate(self, w: Tensor) -> Tensor:
        """W^T w, (..., k) -> (..., d)."""

    @abstractmethod
    def replace(self, eigenvalues: Tensor) -> Spectral:
        """The same basis with other eigenvalues."""

    @property
    def batch_shape(self) -> tuple[int, ...]:
        return tuple(self.eigenvalues.shape[:-1])

    def map(self, f: Callable[[Tensor], Tensor]) -> Spectral:
        """The operator f(Sigma), in the same basis."""
        return self.replace(f(self.eigenvalues))

    def apply(self, f: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
        """f(Sigma) x. Cost: one rotation there and one back."""
        return self.unrotate(f(self.eigenvalues) * self.rotate(x))

    def __matmul__(self, x: Tensor) -> Tensor:
        return self.apply(lambda lam: lam, x)

    def projector(self) -> Spectral:
        """The projector onto the support, in the same basis."""
        return self.map(lambda lam: (lam > 0).to(lam.dtype))

    def solve(self, x: Tensor) -> Tensor:
        """Sigma^+ x: the inverse on the support, 0 outside it."""
        return self.apply(_inverse, x)

    @property
    def white_size(self) -> int:
        return self.size

    def color(self, z: Tensor) -> Tensor:
        """Sigma^(1/2) z: white noise becomes noise with this covariance."""
        return self.apply(torch.sqrt, z)

    def whiten(self, x: Tensor) -> Tensor:
        """Sigma^(-1/2) x on the support: the inverse of ``color`` there."""
        return self.apply(lambda lam: _inverse(lam).sqrt(), x)

    def sqrt(self) -> Spectral:
        """The symmetric square root as an operator."""
        return self.map(torch.sqrt)

    def scaled(self, alpha: Sigma, sigma: Sigma) -> Spectral:
        """alpha^2 Sigma + sigma^2 I: the covariance of alpha x_0 + sigma z. Cost: O(d)."""
        a, s = column(alpha, self.eigenvalues), column(sigma, self.eigenvalues)
        return self.map(lambda lam: a**2 * lam + s**2)

    def gain(self, x: Tensor, sigma: Sigma) -> Tensor:
        return self.apply(lambda lam: shrinkage(lam, sigma), x)

    def posterior(self, sigma: Sigma) -> Spectral:
        return self.map(lambda lam: posterior_variance(lam, sigma))

    def mahalanobis(self, x: Tensor, sigma: Sigma = 0.0) -> Tensor:
        return self.distance(self.rotate(x), sigma)

    def distance(self, w: Tensor, sigma: Sigma = 0.0) -> Tensor:
        """``mahalanobis`` of coordinates w (..., k) in the eigenbasis."""
        level = self.eigenvalues + column(sigma, self.eigenvalues) ** 2
        # divided before it is squared, so that neither square of two large numbers overflows to inf * 0
        distance = (w * _inverse(level).sqrt()).square().sum(-1)
        if not isinstance(sigma, Tensor) and (sigma > 0 or bool((level > 0).all())):
            return distance  # noise, or the law itself, reaches every direction
        off = torch.where(level > 0, torch.zeros_like(w), w).norm(dim=-1)
        allowed = 1e-8 * (self.trace().sqrt() + w.norm(dim=-1))
        return torch.where(off > allowed, torch.full_like(distance, torch.inf), distance)

    def logdet(self, sigma: Sigma = 0.0) -> Tensor:
        level = self.eigenvalues + column(sigma, self.eigenvalues) ** 2
        return (self.multiplicity * torch.where(level > 0, level, torch.ones_like(level)).log()).sum(-1)

    def trace(self) -> Tensor:
        return (self.multiplicity * self.eigenvalues).sum(-1)

    def rank(self) -> int:
        support = (self.eigenvalues > 0).reshape(-1, self.eigenvalues.shape[-1]).any(0)
        return round(float((self.multiplicity * support).sum()))

    def effective_rank(self) -> Tensor:
        """exp(entropy of lambda / sum lambda): how many directions share the variance (Roy and Vetterli 2007), shape (...).

        0 where there is no variance at all.
        """
        total = self.trace()
        p = self.eigenvalues * _inverse(total).unsqueeze(-1)
        return torch.exp(-(self.multiplicity * torch.xlogy(p, p)).sum(-1)) * (total > 0)


def shrinkage(eigenvalues: Tensor, sigma: Sigma) -> Tensor:
    """lambda / (lambda + sigma^2), with 0 where both vanish; smooth from sigma = 0 to sigma = inf."""
    level = eigenvalues + column(sigma, eigenvalues) ** 2
    return torch.where(level > 0, eigenvalues / torch.where(level > 0, level, torch.ones_like(level)), torch.zeros_like(level))


def posterior_variance(eigenvalues: Tensor, sigma: Sigma) -> Tensor:
    """lambda sigma^2 / (lambda + sigma^2), without overflow or cancellation for any sigma from 0 to inf."""
    s2 = column(sigma, eigenvalues) ** 2
    small, large = torch.minimum(eigenvalues, s2), torch.maximum(eigenvalues, s2)
    ratio = torch.where(large > 0, small / torch.where(large > 0, large, torch.ones_like(large)), torch.zeros_like(large))
    return small / (1 + ratio)


def clip(eigenvalues: Tensor, name: str, scale: Tensor | None = None) -> Tensor:
    """Eigenvalues below rounding error become exactly 0; clearly negative ones are refused.

    The error of a symmetric eigensolver or FFT is a few eps times the largest eigenvalue, times at most d.
    """
    largest = eigenvalues.abs().amax() if scale is None else scale
    tolerance = eigenvalues.shape[-1] * torch.finfo(eigenvalues.dtype).eps * largest
    lowest = eigenvalues.amin()
    if bool(lowest < -100 * tolerance):
        raise InputError(f"{name} is not positive semi-definite: its smallest eigenvalue is {float(lowest):.3g}; add a floor or shrink it")
    return torch.where(eigenvalues > tolerance, eigenvalues, torch.zeros_like(eigenvalues))


def _inverse(eigenvalues: Tensor) -> Tensor:
    support = eigenvalues > 0
    return torch.where(support, 1 / torch.where(support, eigenvalues, torch.ones_like(eigenvalues)), torch.zeros_like(eigenvalues))
