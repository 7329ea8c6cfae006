"""A linear measurement of signals, its values and its noise, as matrices."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ornstein.common import checks
from ornstein.common.errors import InputError
from ornstein.common.linear import LinearMap
from ornstein.covariance import Spectral
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
    def of(cls, measurement: Measurement, y: Tensor, noise: float | Tensor | Spectral, event: tuple[int, ...]) -> Seen:
        """Of signals of this event shape. Raises ``InputError`` for shapes that do not fit and noise that is no covariance."""
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

    def factor(self, products: Tensor) -> Tensor:
        """Cholesky factors of R + A C A^T, (K, m, m), from C A^T as rows (K, m, d)."""
        s = self.r + products @ self.rows.T
        s = 0.5 * (s + s.mT)
        ridge = RIDGE * s.diagonal(dim1=-2, dim2=-1).mean(-1)
        factors: Tensor = torch.linalg.cholesky(s + ridge.view(-1, 1, 1) * torch.eye(self.size, dtype=s.dtype))
        return factors


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
