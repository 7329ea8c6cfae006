"""Mean and covariance from a stream: one pass, float64, exact whatever the offset and the order of the pieces."""

from __future__ import annotations

import torch
from torch import Tensor

from ornstein import checks
from ornstein.covariance.base import refuse_dense
from ornstein.errors import InputError


class Accumulator:
    """Count, mean and scatter of vectors seen so far.

    Each batch is centred by its own mean before its products are formed, and two pieces join by (Chan, Golub and LeVeque 1983)

        delta = mean_b - mean_a
        scatter = scatter_a + scatter_b + (n_a n_b / n) delta delta^T

    All means are kept relative to the first vector, so an offset of 1e8 costs no digits of the covariance, and an entry that
    is constant has a variance of exactly 0. Memory d^2, cost 2 n d^2 flops.
    """

    def __init__(self, size: int) -> None:
        refuse_dense(size, "a full covariance")
        self.count = 0
        self._origin = torch.zeros(size, dtype=torch.float64)
        self._mean = torch.zeros(size, dtype=torch.float64)
        self.scatter = torch.zeros(size, size, dtype=torch.float64)

    @property
    def mean(self) -> Tensor:
        """The mean of all vectors, shape (d,)."""
        return self._origin + self._mean

    def update(self, batch: object) -> Accumulator:
        """Add vectors (case, d); returns itself."""
        x = checks.tensor(batch, "batch", ndim=(2,))
        if x.shape[1] != len(self._mean):
            raise InputError(f"batch has {x.shape[1]} columns, but this accumulator holds vectors of size {len(self._mean)}")
        if len(x):
            if not self.count:
                self._origin = x[0].clone()
            shifted = x - self._origin
            mean = shifted.mean(0)
            centred = shifted - mean
            self._join(len(x), mean, centred.T @ centred)
        return self

    def merge(self, other: Accumulator) -> Accumulator:
        """Add everything another accumulator has seen; returns itself."""
        if len(other._mean) != len(self._mean):
            raise InputError(f"cannot merge vectors of size {len(other._mean)} into vectors of size {len(self._mean)}")
        if other.count:
            if not self.count:
                self._origin = other._origin
            self._join(other.count, other._mean + (other._origin - self._origin), other.scatter)
        return self

    def _join(self, count: int, mean: Tensor, scatter: Tensor) -> None:
        total = self.count + count
        delta = mean - self._mean
        self.scatter += scatter
        if self.count:
            self.scatter += torch.outer(delta, delta) * (self.count * count / total)
        self._mean = self._mean + delta * (count / total)
        self.count = total

    def covariance(self) -> Tensor:
        """scatter / n, shape (d, d): the maximum-likelihood covariance."""
        if not self.count:
            raise InputError("the accumulator has seen no data: call update first")
        return self.scatter / self.count
