"""Vectors in coordinates of unit covariance, where what a simulator adds to its parameters is as large as they are."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ornstein.covariance import Dense
from ornstein.denoisers import Gaussian, Mixture


class Whitening(NamedTuple):
    """u = mean + factor w for vectors u (case, d) of full rank, w of unit covariance; ``inverse`` takes u - mean to w."""

    mean: Tensor
    factor: Tensor
    inverse: Tensor

    @classmethod
    def of(cls, u: Tensor) -> Whitening | None:
        """By the principal directions of u; None where one of them has no variance."""
        mean = u.mean(0)
        values, vectors = torch.linalg.eigh(torch.cov(u.T).view(u.shape[1], u.shape[1]))
        if not float(values[0]) > 1e-12 * float(values[-1]):
            return None
        return cls(mean, vectors * values.sqrt(), (vectors / values.sqrt()).T)

    def encode(self, u: Tensor) -> Tensor:
        """w (case, d)."""
        return (u - self.mean) @ self.inverse.T

    def back(self, law: Gaussian | Mixture) -> Gaussian | Mixture:
        """The law of u, from that of w."""
        if isinstance(law, Mixture):
            return Mixture.from_log_weights(law.log_weights, [self._back(part) for part in law.components])
        return self._back(law)

    def _back(self, part: Gaussian) -> Gaussian:
        covariance = self.factor @ part.covariance().dense() @ self.factor.T
        return Gaussian(self.mean + part.mean() @ self.factor.T, Dense(0.5 * (covariance + covariance.T)))
