"""Several covariances asked all at once: K matrices in one array, so that no loop runs over them.

Vectors are (..., K, d), one for each covariance, or (..., 1, d) for all of them; a noise level is a number or (case, 1).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Self

import torch
from torch import Tensor

from ornstein.covariance.base import Covariance, Sigma, Spectral
from ornstein.covariance.structures import Dense, Diagonal, Kronecker, LowRank, Stationary


def stacked(operators: Sequence[Covariance]) -> Covariance:
    """The K covariances as one of ``batch_shape`` (K,): in one array where they have one structure, side by side otherwise."""
    if not all(isinstance(c, Spectral) and not c.batch_shape for c in operators):
        return Beside(operators)
    return _in_one_array([c for c in operators if isinstance(c, Spectral)]) or Beside(operators)


def one_basis(operators: Sequence[Covariance]) -> Spectral | None:
    """Their common basis with eigenvalues (K, k), or None where they have no basis in common."""
    first = operators[0]
    if not isinstance(first, Spectral) or not all(isinstance(c, Spectral) and not c.batch_shape and _alike(first, c) for c in operators):
        return None
    return first.replace(torch.stack([c.eigenvalues for c in operators if isinstance(c, Spectral)]))


def _alike(a: Spectral, b: Covariance) -> bool:
    """Whether both are diagonal in the same basis."""
    if type(a) is not type(b) or a.size != b.size:
        return False
    if isinstance(a, Dense | LowRank) and isinstance(b, Dense | LowRank):
        return a.basis is b.basis or torch.equal(a.basis, b.basis)
    if isinstance(a, Kronecker) and isinstance(b, Kronecker):
        return _alike(a.left, b.left) and _alike(a.right, b.right)
    return isinstance(a, Diagonal | Stationary)


def _in_one_array(operators: Sequence[Spectral]) -> Spectral | None:
    if (common := one_basis(operators)) is not None:
        return common
    eigenvalues = [c.eigenvalues for c in operators]
    if len({e.shape for e in eigenvalues}) > 1:
        return None
    if all(type(c) is Dense for c in operators):
        return StackedDense.of(torch.stack([c.basis for c in operators if isinstance(c, Dense)]), torch.stack(eigenvalues))
    if all(type(c) is LowRank for c in operators):
        return StackedLowRank.of(torch.stack([c.basis for c in operators if isinstance(c, LowRank)]), torch.stack(eigenvalues))
    if all(type(c) is Kronecker for c in operators):
        pairs = [c for c in operators if isinstance(c, Kronecker)]
        left, right = _in_one_array([c.left for c in pairs]), _in_one_array([c.right for c in pairs])
        if left is not None and right is not None:
            return StackedKronecker.of(left, right, torch.stack(eigenvalues))
    return None


def _along(x: Tensor, matrices: Tensor) -> Tensor:
    """x (..., K, d), or (..., 1, d) for all, times K matrices (K, d, k): (..., K, k), as one product."""
    count, size, out = matrices.shape
    if x.shape[-2] == 1 < count:
        all_of_them: Tensor = x.squeeze(-2) @ matrices.movedim(0, 1).reshape(size, count * out)
        return all_of_them.reshape(*x.shape[:-2], count, out)
    product: Tensor = x.reshape(-1, count, size).transpose(0, 1) @ matrices
    return product.transpose(0, 1).reshape(*x.shape[:-1], out)


class StackedDense(Dense):
    """K dense covariances: bases (K, d, d)."""

    @classmethod
    def of(cls, bases: Tensor, eigenvalues: Tensor) -> Self:
        """From orthogonal matrices (K, d, d) and eigenvalues (..., K, d)."""
        made = cls.__new__(cls)
        made.basis, made.eigenvalues, made.size = bases, eigenvalues, bases.shape[-1]
        made.multiplicity = torch.ones_like(bases[0, 0])
        return made

    def each(self) -> list[Dense]:
        """The K covariances one by one, of eigenvalues (K, d)."""
        return [Dense.from_eigen(basis, values) for basis, values in zip(self.basis, self.eigenvalues, strict=True)]

    def rotate(self, x: Tensor) -> Tensor:
        return _along(x, self.basis)

    def unrotate(self, w: Tensor) -> Tensor:
        return _along(w, self.basis.mT)

    def replace(self, eigenvalues: Tensor) -> StackedDense:
        return StackedDense.of(self.basis, eigenvalues)

    def diagonal(self) -> Tensor:
        return _along(self.eigenvalues, self.basis.mT.square())

    def dense(self) -> Tensor:
        return (self.basis * self.eigenvalues.unsqueeze(-2)) @ self.basis.mT


class StackedLowRank(LowRank):
    """K low-rank covariances with floors, of one rank: bases (K, d, r)."""

    @classmethod
    def of(cls, bases: Tensor, eigenvalues: Tensor) -> Self:
        """From orthonormal columns (K, d, r) and eigenvalues (..., K, r + d)."""
        made = cls.__new__(cls)._set(bases[0], eigenvalues)
        made.basis = bases
        return made

    def rotate(self, x: Tensor) -> Tensor:
        w = _along(x, self.basis)
        return torch.cat([w, x - _along(w, self.basis.mT)], -1)

    def unrotate(self, w: Tensor) -> Tensor:
        rest = w[..., self.components :]
        return _along(w[..., : self.components] - _along(rest, self.basis), self.basis.mT) + rest

    def replace(self, eigenvalues: Tensor) -> StackedLowRank:
        return StackedLowRank.of(self.basis, eigenvalues)

    def diagonal(self) -> Tensor:
        inside = self.eigenvalues[..., : self.components] - self.floor.unsqueeze(-1)
        return _along(inside, self.basis.mT.square()) + self.floor.unsqueeze(-1)


class StackedKronecker(Kronecker):
    """K separable covariances whose factors are stacked, or shared."""

    @classmethod
    def of(cls, left: Spectral, right: Spectral, eigenvalues: Tensor) -> Self:
        """From stacked factors and the eigenvalues (..., K, k) of the products."""
        made = cls.__new__(cls)._set(left, right, eigenvalues)
        made.multiplicity = torch.outer(left.multiplicity, right.multiplicity).flatten()
        return made

    def rotate(self, x: Tensor) -> Tensor:
        grid = x.unflatten(-1, (self.left.size, self.right.size))
        along = self.right.rotate(grid.transpose(-3, -2))  # (..., channel, K, time)
        return self.left.rotate(along.transpose(-3, -1)).movedim(-3, -1).flatten(-2)

    def unrotate(self, w: Tensor) -> Tensor:
        grid = w.unflatten(-1, (self.left.eigenvalues.shape[-1], self.right.eigenvalues.shape[-1]))
        across = self.left.unrotate(grid.movedim(-1, -3))  # (..., time, K, channel)
        return self.right.unrotate(across.transpose(-3, -1)).transpose(-3, -2).flatten(-2)

    def replace(self, eigenvalues: Tensor) -> StackedKronecker:
        return StackedKronecker.of(self.left, self.right, eigenvalues)

    def diagonal(self) -> Tensor:
        grid = self.eigenvalues.unflatten(-1, (self.left.eigenvalues.shape[-1], self.right.eigenvalues.shape[-1]))
        across = self.left.replace(grid.movedim(-1, -3)).diagonal()
        return self.right.replace(across.transpose(-3, -1)).diagonal().transpose(-3, -2).flatten(-2)


class Beside(Covariance):
    """K covariances of unlike structures, one after the other."""

    def __init__(self, operators: Sequence[Covariance]) -> None:
        self.operators, self.size = tuple(operators), operators[0].size

    @property
    def batch_shape(self) -> tuple[int, ...]:
        return (*torch.broadcast_shapes(*(c.batch_shape for c in self.operators)), len(self.operators))

    def _each(self, f: Callable[[Covariance, Tensor], Tensor], x: Tensor) -> Tensor:
        rows = x.expand(*x.shape[:-2], len(self.operators), x.shape[-1])
        return torch.stack([f(c, rows[..., k, :]) for k, c in enumerate(self.operators)], -2)

    def __matmul__(self, x: Tensor) -> Tensor:
        return self._each(lambda c, row: c @ row, x)

    def gain(self, x: Tensor, sigma: Sigma) -> Tensor:
        level = _of_cases(sigma)
        return self._each(lambda c, row: c.gain(row, level), x)

    def posterior(self, sigma: Sigma) -> Beside:
        return Beside([c.posterior(_of_cases(sigma)) for c in self.operators])

    def mahalanobis(self, x: Tensor, sigma: Sigma = 0.0) -> Tensor:
        level = _of_cases(sigma)
        return self._each(lambda c, row: c.mahalanobis(row, level).unsqueeze(-1), x).squeeze(-1)

    def logdet(self, sigma: Sigma = 0.0) -> Tensor:
        return torch.stack(torch.broadcast_tensors(*(c.logdet(_of_cases(sigma)) for c in self.operators)), -1)

    def rank(self) -> int:
        return max(c.rank() for c in self.operators)

    @property
    def white_size(self) -> int:
        return max(c.white_size for c in self.operators)

    def color(self, z: Tensor) -> Tensor:
        rows = z.expand(*z.shape[:-2], len(self.operators), z.shape[-1])
        return torch.stack([c.color(rows[..., k, : c.white_size]) for k, c in enumerate(self.operators)], -2)

    def diagonal(self) -> Tensor:
        return torch.stack(torch.broadcast_tensors(*(c.diagonal() for c in self.operators)), -2)


def _of_cases(sigma: Sigma) -> Sigma:
    """(case, 1) as (case,)."""
    return sigma.squeeze(-1) if isinstance(sigma, Tensor) and sigma.ndim else sigma
