"""The eigenvalues of a covariance, and how many directions they amount to."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ornstein.covariance import Operator, Spectral
from ornstein.fitting.scaling import Stretched


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Eigenvalues (d,) in descending order, in the square of the data's unit, and what follows from them.

    explained       the share of the variance in the first k directions, k = 1 ... d, shape (d,)
    effective_rank  exp(-sum p log p) with p = lambda / sum lambda (Roy and Vetterli 2007): d for white noise, 1 for one direction
    rank            how many eigenvalues are above 0
    """

    eigenvalues: Tensor
    explained: Tensor
    effective_rank: float
    rank: int

    @classmethod
    def of(cls, eigenvalues: Tensor) -> Spectrum:
        """From eigenvalues of any order; those below 0 by rounding count as 0."""
        lam = eigenvalues.to(torch.float64).clamp_min(0).sort(descending=True).values
        total = lam.sum()
        p = lam / total if float(total) > 0 else lam
        effective = float(torch.exp(-torch.xlogy(p, p).sum())) if float(total) > 0 else 0.0
        return cls(lam, p.cumsum(0).clamp_max(1.0), effective, int((lam > 0).sum()))

    def directions(self, share: float) -> int:
        """The smallest number of directions that holds at least this share of the variance."""
        return min(int((self.explained < share - 1e-12).sum()) + 1, len(self.explained))


def spectrum(covariance: Operator) -> Spectrum:
    """The spectrum of one covariance operator. Cost: none where the structure knows its eigenvalues, otherwise d^3.

    Raises ``InputError`` where neither the structure nor a dense matrix is possible (d above DENSE_LIMIT).
    """
    if isinstance(covariance, Stretched) and bool((covariance.scale == covariance.scale[0]).all()):
        return Spectrum.of(spectrum(covariance.inner).eigenvalues * covariance.scale[0] ** 2)
    if isinstance(covariance, Spectral):
        values, where = torch.unique(covariance.eigenvalues, return_inverse=True)
        times = torch.zeros_like(values).index_add_(0, where, covariance.multiplicity.to(values.dtype)).round().long()
        return Spectrum.of(values.repeat_interleave(times))
    matrix = covariance.dense()
    eigenvalues = torch.linalg.eigvalsh((matrix + matrix.T) / 2)
    tolerance = len(matrix) * torch.finfo(matrix.dtype).eps * eigenvalues[-1]
    return Spectrum.of(torch.where(eigenvalues > tolerance, eigenvalues, torch.zeros_like(eigenvalues)))
