"""Probabilistic PCA: the leading eigenvectors of a covariance that is never formed, and how many of them to keep."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from ornstein.common.folds import every
from ornstein.common.random import Noise
from ornstein.covariance.structures import LowRank

_SMALL = 1500
"""Up to this many rows or columns a full decomposition is as fast as iterating."""
_PASSES = 8
_SPARE = 10
_CHUNK_NUMBERS = 1 << 23
MOST = 100
"""Largest rank that is tried where none is given."""


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows (n, d) less their mean, read in chunks as float64, so that large data are never copied whole.

    ``kept`` (n,) says which rows take part; without it, all.
    """

    values: Tensor
    mean: Tensor
    kept: Tensor | None = None

    def __len__(self) -> int:
        return len(self.values) if self.kept is None else int(self.kept.sum())

    @property
    def size(self) -> int:
        """d."""
        return self.values.shape[1]

    def __iter__(self) -> Iterator[Tensor]:
        length = max(1, _CHUNK_NUMBERS // self.size)
        for start in range(0, len(self.values), length):
            part = self.values[start : start + length]
            if self.kept is not None:
                part = part[self.kept[start : start + length]]
            yield part.to(torch.float64) - self.mean

    def covariance_times(self, basis: Tensor) -> Tensor:
        """S B for S = rows^T rows / n and B (d, k)."""
        return sum((part.T @ (part @ basis) for part in self), torch.zeros_like(basis)) / len(self)


def row_mean(values: Tensor) -> Tensor:
    """The mean (d,) in float64, from chunks; exact for entries that are constant."""
    first = values[0].to(torch.float64)
    parts = values.split(max(1, _CHUNK_NUMBERS // values.shape[1]))
    return first + sum(((part.to(torch.float64) - first).sum(0) for part in parts), torch.zeros_like(first)) / len(values)


def low_rank(values: Tensor, rank: int | None = None, *, mean: Tensor | None = None, seed: int = 0, overlap: int = 0) -> LowRank:
    """The maximum-likelihood law U diag(lambda) U^T + floor (Tipping and Bishop 1999) of rows (n, d) around ``mean`` (default 0).

    The floor is the mean of the discarded eigenvalues. Without ``rank``, ``choose_rank`` finds it. Small data by a full
    decomposition; large data by randomised subspace iteration (Halko et al. 2011) in chunks of rows, so that no second copy of
    the data is made: 10 passes of 4 n d (r + 10) flops.
    """
    rows = Rows(values, torch.zeros(values.shape[1], dtype=torch.float64) if mean is None else mean)
    if rank is None:
        rank = choose_rank(rows, seed, overlap)
    basis, eigenvalues, total = leading(rows, min(rank, len(rows), rows.size), seed)
    left = rows.size - len(eigenvalues)
    floor = float((total - eigenvalues.sum()).clamp_min(0) / left) if left else 0.0
    rounding = rows.size * torch.finfo(torch.float64).eps * float(eigenvalues.max())
    return LowRank(basis, eigenvalues, floor if floor > rounding else 0.0)


def leading(rows: Rows, rank: int, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """(basis (d, r), eigenvalues (r,), trace) of rows^T rows / n, largest first; rounding errors are exactly 0."""
    n, d = len(rows), rows.size
    total = sum((part.square().sum() for part in rows), torch.zeros((), dtype=torch.float64)) / n
    if n <= _SMALL:
        _, singular, across = torch.linalg.svd(torch.cat(list(rows)), full_matrices=False)
        eigenvalues, basis = singular**2 / n, across.T
    elif d <= _SMALL:
        eigenvalues, basis = torch.linalg.eigh(rows.covariance_times(torch.eye(d, dtype=torch.float64)))
        eigenvalues, basis = eigenvalues.flip(0), basis.flip(1)
    else:
        width = min(rank + _SPARE, d)
        basis = torch.linalg.qr(Noise(seed).normal(d, (width,))).Q
        for _ in range(_PASSES):
            basis = torch.linalg.qr(rows.covariance_times(basis)).Q
        small = basis.T @ rows.covariance_times(basis)
        eigenvalues, turn = torch.linalg.eigh((small + small.T) / 2)
        eigenvalues, basis = eigenvalues.flip(0), basis @ turn.flip(1)
    eigenvalues = eigenvalues[:rank]
    rounding = max(n, d) * torch.finfo(torch.float64).eps * eigenvalues.amax()
    return basis[:, :rank], torch.where(eigenvalues > rounding, eigenvalues, torch.zeros_like(eigenvalues)), total


def choose_rank(rows: Rows, seed: int = 0, overlap: int = 0) -> int:
    """The least rank whose likelihood of a held-out fifth of the rows is within one standard error of the best (paired over rows).

    All ranks come from one decomposition: from 1 to d / 2 (beyond it a full covariance has hardly more numbers), and at most MOST.
    ``overlap`` is that of ``folds.every``.
    """
    train, test = (Rows(rows.values, rows.mean, _marked(len(rows), part)) for part in every(len(rows), 5, overlap))
    d = rows.size
    most = min(MOST, len(train) - 1, d // 2)
    if most < 2:
        return 1
    basis, eigenvalues, total = leading(train, most, seed)
    ranks = torch.arange(1, most + 1, dtype=torch.float64)
    tiny = 1e-12 * total / d + torch.finfo(torch.float64).tiny
    floor = ((total - eigenvalues.cumsum(0)) / (d - ranks)).clamp_min(tiny)
    lam = eigenvalues.clamp_min(tiny)
    levels = []
    for part in test:
        inside = (part @ basis).square()
        outside = (part.square().sum(1, keepdim=True) - inside.cumsum(1)).clamp_min(0)
        levels.append(-0.5 * ((lam.log() + inside / lam).cumsum(1) + (d - ranks) * floor.log() + outside / floor))
    level = torch.cat(levels)
    gap = level[:, level.mean(0).argmax()].unsqueeze(1) - level
    near = gap.mean(0) <= gap.std(0, correction=0) * math.sqrt((overlap + 1) / len(gap))
    return int(near.nonzero()[0, 0]) + 1


def _marked(count: int, numbers: Tensor) -> Tensor:
    """Which of ``count`` rows have these numbers."""
    marked = torch.zeros(count, dtype=torch.bool)
    marked[numbers] = True
    return marked
