"""What a linear measurement says about signals whose law is locally Gaussian."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ornstein.common import checks
from ornstein.common.errors import InputError
from ornstein.common.linear import LinearMap
from ornstein.covariance import Covariance, Spectral
from ornstein.denoisers import Gaussian
from ornstein.measurements import Measurement

RIDGE = 1e-11
"""Noise of an exact measurement, as a share of the mean variance of what is measured: repeated rows can then be solved for."""


@dataclass(frozen=True, eq=False)
class Seen:
    """y = A x_0 + n, n ~ N(0, R), for signals as vectors x (case, particle, d).

    bound   A;  rows  its matrix (m, d);  y  (case, m), and whether there were many;  noise  a square root of R (m, m);  r  R itself
    """

    bound: LinearMap
    rows: Tensor
    y: Tensor
    many: bool
    root: Tensor
    r: Tensor

    @classmethod
    def of(cls, measurement: Measurement, y: Tensor, noise: float | Tensor | Spectral, reference: Gaussian) -> Seen:
        """Of signals like the reference. Raises ``InputError`` for shapes that do not fit and noise that is no covariance."""
        event = reference.event_shape
        bound, target = measurement.bind(event), measurement.outputs(y, event)
        extra = target.ndim - len(measurement.output_shape(event))
        rows = bound.matrix()
        r = _covariance(noise, bound.size_out)
        values, vectors = torch.linalg.eigh(r)
        if bool((values < -1e-9 * values.abs().sum()).any()):
            raise InputError("noise is not a covariance: one of its eigenvalues is negative")
        root = vectors * values.clamp_min(0).sqrt()
        return cls(bound, rows, target.reshape(len(target) if extra else 1, bound.size_out), bool(extra), root, r)

    @property
    def size(self) -> int:
        """m, the number of values measured."""
        return self.bound.size_out

    def moved(self, covariance: Covariance, drawn: Tensor, white: Tensor) -> Tensor:
        """Draws of N(m, C) become draws of the same law given y: x + C A^T S^-1 (y - A x - n) (Matheron's rule)."""
        factor = self._factor(covariance)
        missed = self.y.unsqueeze(1) - self.bound(drawn) - white @ self.root.T
        solved = torch.cholesky_solve(missed.flatten(0, 1).T, factor).T.reshape(missed.shape)
        moved: Tensor = drawn + solved @ (covariance @ self.rows)
        return moved

    def log_ratio(self, covariance: Covariance, mean: Tensor, other: Tensor) -> Tensor:
        """log N(y; A mean, S) - log N(y; A other, S), S = R + A C A^T, (case, particle)."""
        factor = self._factor(covariance)
        return 0.5 * (self._squares(factor, other) - self._squares(factor, mean))

    def log_evidence(self, covariance: Covariance, mean: Tensor) -> Tensor:
        """log N(y; A mean, R + A C A^T), (case,)."""
        factor = self._factor(covariance)
        size = 2 * factor.diagonal().log().sum() + self.size * math.log(2 * math.pi)
        return -0.5 * (self._squares(factor, mean.view(1, 1, -1))[:, 0] + size)

    def _squares(self, factor: Tensor, x: Tensor) -> Tensor:
        missed = self.y.unsqueeze(1) - self.bound(x)
        white: Tensor = torch.linalg.solve_triangular(factor, missed.flatten(0, 1).T, upper=False)
        squares: Tensor = white.square().sum(0)
        return squares.view(missed.shape[:2])

    def _factor(self, covariance: Covariance) -> Tensor:
        """The Cholesky factor of R + A C A^T."""
        s = self.r + self.rows @ (covariance @ self.rows).T
        s = 0.5 * (s + s.T)
        factor: Tensor = torch.linalg.cholesky(s + RIDGE * s.diagonal().mean() * torch.eye(self.size, dtype=s.dtype))
        return factor


def _covariance(noise: float | Tensor | Spectral, size: int) -> Tensor:
    """R as a matrix (size, size), from a deviation, one per value, a matrix or an operator."""
    if isinstance(noise, Spectral):
        return noise.dense()
    value = checks.tensor(noise, "noise", ndim=(0, 1, 2))
    if value.ndim == 2:
        if value.shape != (size, size):
            raise InputError(f"noise has shape {tuple(value.shape)}, but y has {size} values: give ({size}, {size})")
        return value
    if bool((value < 0).any()):
        raise InputError(f"noise is {value.min():g}, but must be at least 0")
    if value.ndim == 1 and len(value) != size:
        raise InputError(f"noise has {len(value)} entries, but y has {size} values: give one number, or one per value")
    return torch.diag((value**2).expand(size))
