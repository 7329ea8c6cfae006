"""Moments from a stream: one pass, float64, exact whatever the offset and the order of the pieces."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Self

import torch
from torch import Tensor

from ornstein.common import checks
from ornstein.common.errors import InputError
from ornstein.covariance.base import refuse_dense


class Moments(ABC):
    """Count, mean and scatter of vectors seen so far, where the scatter is a sum of squares or products about the mean.

    Each batch is centred by its own mean before its products are formed, and two pieces join by (Chan, Golub and LeVeque 1983)

        delta = mean_b - mean_a
        scatter = scatter_a + scatter_b + (n_a n_b / n) products(delta)

    All means are kept relative to the first vector, so an offset of 1e8 costs no digits of the scatter, and an entry that
    is constant has a variance of exactly 0.
    """

    def __init__(self, size: int) -> None:
        self.count = 0
        self._origin = torch.zeros(size, dtype=torch.float64)
        self._mean = torch.zeros(size, dtype=torch.float64)
        self.scatter = self._products(self._mean[None])

    @abstractmethod
    def _products(self, rows: Tensor) -> Tensor:
        """The sum over centred rows (case, d) of their products."""

    @property
    def mean(self) -> Tensor:
        """The mean of all vectors, shape (d,)."""
        return self._origin + self._mean

    def mean_from(self, point: Tensor) -> Tensor:
        """mean - point, shape (d,), with the digits that ``mean`` itself loses to a large offset."""
        return (self._origin - point) + self._mean

    def update(self, batch: object) -> Self:
        """Add vectors (case, d); returns itself."""
        x = checks.tensor(batch, "batch", ndim=(2,))
        if x.shape[1] != len(self._mean):
            raise InputError(f"batch has {x.shape[1]} columns, but this accumulator holds vectors of size {len(self._mean)}")
        if len(x):
            if not self.count:
                self._origin = x[0].clone()
            rows = x - self._origin
            mean = rows.mean(0)
            rows -= mean
            self._join(len(x), mean, self._products(rows))
        return self

    def merge(self, other: Self) -> Self:
        """Add everything another accumulator has seen; returns itself."""
        if len(other._mean) != len(self._mean):
            raise InputError(f"cannot merge vectors of size {len(other._mean)} into vectors of size {len(self._mean)}")
        if other.count:
            if not self.count:
                self._origin = other._origin
            self._join(other.count, other.mean_from(self._origin), other.scatter)
        return self

    def _join(self, count: int, mean: Tensor, scatter: Tensor) -> None:
        total = self.count + count
        delta = mean - self._mean
        self.scatter += scatter
        if self.count:
            self.scatter += self._products(delta[None] * math.sqrt(self.count * count / total))
        self._mean = self._mean + delta * (count / total)
        self.count = total

    def average(self) -> Tensor:
        """scatter / n: the maximum-likelihood moments about the mean."""
        if not self.count:
            raise InputError("the accumulator has seen no data: call update first")
        return self.scatter / self.count


class Accumulator(Moments):
    """Count, mean and full scatter matrix (d, d). Memory d^2, cost 2 n d^2 flops. Raises ``InputError`` above DENSE_LIMIT."""

    def __init__(self, size: int) -> None:
        refuse_dense(size, "a full covariance")
        super().__init__(size)

    def _products(self, rows: Tensor) -> Tensor:
        return rows.T @ rows

    def covariance(self) -> Tensor:
        """scatter / n, shape (d, d): the maximum-likelihood covariance."""
        return self.average()


class VarianceAccumulator(Moments):
    """Count, mean and sum of squares of every entry (d,): standardisation of vectors of any size. Memory d, cost n d."""

    def _products(self, rows: Tensor) -> Tensor:
        return rows.square().sum(0)

    def variance(self) -> Tensor:
        """scatter / n, shape (d,): the maximum-likelihood variance of every entry."""
        return self.average()


class SpectrumAccumulator(Moments):
    """Count, mean and summed periodogram (d,) of signals about their mean: a stationary law. Memory d, cost n d log d."""

    def _products(self, rows: Tensor) -> Tensor:
        half = torch.fft.rfft(rows, norm="ortho")
        power = (half.real.square() + half.imag.square()).sum(0)
        return torch.cat([power, power[1 : (rows.shape[1] + 1) // 2].flip(0)])  # a real signal: s[k] = s[d - k]

    def spectrum(self) -> Tensor:
        """The mean of |FFT(x - mean)|^2 / d, shape (d,): the maximum-likelihood eigenvalues of a circulant covariance."""
        return self.average()
