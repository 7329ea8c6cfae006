"""What one Gaussian component makes of signals with gaps."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from ornstein.covariance import Spectral

RIDGE = 1e-8
"""Noise on the known entries, as a share of the mean variance, so that known entries that repeat each other can be solved for."""

TOGETHER = 1 << 24
"""Numbers in the matrices of one pass, 128 MB in float64."""


class Given(NamedTuple):
    """log p(x) but for a constant that all components share (case,), the posterior mean (case, d), and the posterior variances of the
    hidden entries, summed (case,)."""

    nats: Tensor
    mean: Tensor
    variance: Tensor


def ridge(operator: Spectral, spectra: Tensor) -> Tensor:
    """``RIDGE`` of the mean variance (row, 1) of covariances with the basis of ``operator`` and these eigenvalues (row, coordinate)."""
    return RIDGE * (operator.multiplicity * spectra).sum(-1, keepdim=True) / operator.size
