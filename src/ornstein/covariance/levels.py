"""Noise levels that differ from case to case, for operators that handle one level at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from ornstein.covariance.base import Covariance, Sigma


def by_level(f: Callable[[Tensor, float], Tensor], x: Tensor, sigma: Sigma) -> Tensor:
    """f(x, sigma) for one level, or for the cases of x (..., case, d) that share a level, level by level."""
    levels = torch.as_tensor(sigma, dtype=torch.float64)
    if not levels.ndim:
        return f(x, float(levels))
    x = _per_case(x, len(levels))
    same = levels.unique().tolist()
    axis = x.ndim - 2  # counted from the front: f may keep the last axis or sum it away
    parts = torch.cat([f(x[..., levels == level, :], level) for level in same], axis)
    order = torch.cat([(levels == level).nonzero()[:, 0] for level in same])
    return parts.index_select(axis, order.argsort())


def _per_case(x: Tensor, cases: int) -> Tensor:
    return x.expand(cases, -1) if x.ndim == 1 else x.expand(*x.shape[:-2], cases, -1)


class PerCase(Covariance):
    """One covariance per case where they share no basis: the posteriors of cases with different noise levels."""

    def __init__(self, cases: Sequence[Covariance]) -> None:
        self.cases = tuple(cases)
        self.size = self.cases[0].size

    @classmethod
    def of(cls, make: Callable[[float], Covariance], sigma: Tensor) -> PerCase:
        """make(sigma) for every case; cases with one level share one operator."""
        levels = sigma.tolist()
        made = {level: make(level) for level in set(levels)}
        return cls([made[level] for level in levels])

    @property
    def batch_shape(self) -> tuple[int, ...]:
        return (len(self.cases),)

    def _each(self, f: Callable[[Covariance, Tensor, float], Tensor], x: Tensor, sigma: Sigma) -> Tensor:
        rows = _per_case(x, len(self.cases))
        levels = torch.as_tensor(sigma, dtype=torch.float64).expand(len(self.cases)).tolist()
        parts = [f(case, rows[..., i, :], levels[i]) for i, case in enumerate(self.cases)]
        return torch.stack(parts, rows.ndim - 2)

    def __matmul__(self, x: Tensor) -> Tensor:
        return self._each(lambda case, row, _: case @ row, x, 0.0)

    def gain(self, x: Tensor, sigma: Sigma) -> Tensor:
        return self._each(lambda case, row, level: case.gain(row, level), x, sigma)

    def posterior(self, sigma: Sigma) -> PerCase:
        levels = torch.as_tensor(sigma, dtype=torch.float64).expand(len(self.cases)).tolist()
        return PerCase([case.posterior(level) for case, level in zip(self.cases, levels, strict=True)])

    def mahalanobis(self, x: Tensor, sigma: Sigma = 0.0) -> Tensor:
        return self._each(lambda case, row, level: case.mahalanobis(row, level), x, sigma)

    def logdet(self, sigma: Sigma = 0.0) -> Tensor:
        levels = torch.as_tensor(sigma, dtype=torch.float64).expand(len(self.cases)).tolist()
        return torch.stack([case.logdet(level) for case, level in zip(self.cases, levels, strict=True)])

    def rank(self) -> int:
        return max(case.rank() for case in self.cases)

    @property
    def white_size(self) -> int:
        return self.cases[0].white_size

    def color(self, z: Tensor) -> Tensor:
        return self._each(lambda case, row, _: case.color(row), z, 0.0)

    def diagonal(self) -> Tensor:
        return torch.stack([case.diagonal() for case in self.cases])

    def dense(self) -> Tensor:
        return torch.stack([case.dense() for case in self.cases])
