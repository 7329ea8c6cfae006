"""Linear measurements of signals, their values and their noise, as matrices: what particles are guided by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ornstein.common import checks
from ornstein.common.errors import InputError
from ornstein.covariance import Spectral
from ornstein.covariance.conditioning import refuse_missed
from ornstein.measurements import Measurement
from ornstein.posterior.told import Told

RIDGE = 1e-11
"""Noise of an exact measurement, as a share of the mean variance of what is measured: repeated rows can then be solved for."""


@dataclass(frozen=True, eq=False)
class Seen:
    """y = A x_0 + n, n ~ N(0, R), for signals as vectors x (case, particle, d), and what else is known of them.

    rows  A (m, d);  y  (case, m);  r  R (m, m);  root  a square root of it
    told  likelihoods of another kind, for which the last rows, from ``fixed`` on, stand in, ``counts`` of them for each
    """

    rows: Tensor
    y: Tensor
    r: Tensor
    root: Tensor
    told: tuple[Told, ...] = ()
    fixed: int = 0
    counts: tuple[int, ...] = ()

    @classmethod
    def of(cls, measurement: Measurement, y: Tensor, noise: float | Tensor | Spectral, event: tuple[int, ...]) -> Seen:
        """Of signals of this event shape. Raises ``InputError`` for shapes that do not fit and noise that is no covariance."""
        bound, target = measurement.bind(event), measurement.outputs(y, event)
        extra = target.ndim - len(measurement.output_shape(event))
        r = _covariance(noise, bound.size_out)
        values, vectors = torch.linalg.eigh(r)
        if bool((values < -1e-9 * values.abs().sum()).any()):
            raise InputError("noise is not a covariance: one of its eigenvalues is negative")
        root = vectors * values.clamp_min(0).sqrt()
        rows = bound.matrix()
        return cls(rows, target.reshape(len(target) if extra else 1, bound.size_out), r, root, (), len(rows))

    @classmethod
    def nothing(cls, size: int) -> Seen:
        """No measurement of signals of ``size`` entries."""
        empty = torch.zeros(0, 0, dtype=torch.float64)
        return cls(empty.new_zeros(0, size), empty.new_zeros(1, 0), empty, empty)

    def beside(self, other: Seen) -> Seen:
        """Both measurements at once, of the same cases or of one for all."""
        cases = max(len(self.y), len(other.y))
        y = torch.cat([self.y.expand(cases, -1), other.y.expand(cases, -1)], 1)
        r, root = torch.block_diag(self.r, other.r), torch.block_diag(self.root, other.root)
        return Seen(torch.cat([self.rows, other.rows]), y, r, root, (), len(r))

    def telling(self, told: Sequence[Told]) -> Seen:
        """With likelihoods besides, which ``around`` finds rows for."""
        return replace(self, told=tuple(told))

    def cases(self, begin: int, end: int) -> Seen:
        """Those of some cases."""
        return replace(self, y=self.y[begin:end])

    @property
    def size(self) -> int:
        """m, the number of values measured."""
        return len(self.rows)

    def bound(self, x: Tensor) -> Tensor:
        """A x, (..., m)."""
        return x @ self.rows.T

    def refuse_contradiction(self, products: Tensor, mean: Tensor) -> None:
        """Raise ``InputError`` where values without noise contradict each other, or a law with C A^T as rows (m, d) and a mean (d,).

        What they miss is the part of y - A mean along which A C A^T has no variance: exactly what the closed form refuses.
        """
        exact = (self.r.diagonal() == 0).nonzero()[:, 0]
        if not len(exact):
            return
        own = self.rows[exact]
        s = products[exact] @ own.T
        values, vectors = torch.linalg.eigh(0.5 * (s + s.mT))
        largest = values.amax().clamp_min(0)
        none = vectors[:, values <= len(exact) * torch.finfo(s.dtype).eps * largest]
        y = self.y[:, exact] - own @ mean
        refuse_missed((y @ none @ none.T).abs(), y, largest.sqrt(), exact)

    def around(self, x: Tensor, weights: Tensor) -> Seen:
        """The same with rows that say what the other likelihoods say where the draws x (n, d) with weights (n,) are: one case."""
        if not self.told:
            return self
        rows, y, r = self.rows[: self.fixed], self.y[:, : self.fixed], self.r[: self.fixed, : self.fixed]
        root, counts = self.root[: self.fixed, : self.fixed], []
        place = self.fixed
        for told, count in zip(self.told, self.counts or (0,) * len(self.told), strict=True):
            mine = slice(place, place + count)
            place += count
            before = (self.rows[mine], self.y[0, mine], self.r.diagonal()[mine]) if count else None
            more, value, variances = told.stand_in(x, weights, before)
            counts.append(len(more))
            rows, y = torch.cat([rows, more]), torch.cat([y, value.unsqueeze(0)], 1)
            r, root = torch.block_diag(r, torch.diag(variances)), torch.block_diag(root, torch.diag(variances.sqrt()))
        return Seen(rows, y, r, root, self.told, self.fixed, tuple(counts))

    def missing(self, x: Tensor) -> Tensor:
        """What the other likelihoods say of x (case, particle, d) beyond the rows that stand in for them, in nats (case, particle)."""
        mine = self.r.diagonal()[self.fixed :]
        apart = self.y[:, None, self.fixed :] - self.bound(x)[..., self.fixed :]
        said = -0.5 * (apart.square() / mine + (2 * torch.pi * mine).log()).sum(-1)
        return torch.stack([told.nats(x) for told in self.told]).sum(0) - said

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
        if noise.size != size:
            raise InputError(f"noise is a covariance of size {noise.size}, but y has {size} entries")
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
