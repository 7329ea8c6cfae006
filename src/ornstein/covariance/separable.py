"""channel (x) time by maximum likelihood, with any structure for either factor."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from ornstein.covariance.base import Spectral
from ornstein.covariance.structures import Diagonal, Kronecker

_FLIPS = 20

FitFactor = Callable[[Tensor, float], tuple[Spectral, float, int]]
"""Centred rows and their effective number -> (operator, shrinkage weight, how many numbers it holds)."""


def separable(centred: Tensor, fit_left: FitFactor, fit_right: FitFactor, count: float | None = None) -> tuple[Kronecker, float, int]:
    """Flip-flop (Dutilleul 1999) for x (case, channel, time).

        L = fit of R^-1/2 X_i^T over all cases and times,    R = fit of L^-1/2 X_i over all cases and channels,    tr L = C

    With full factors this is the maximum-likelihood L = (1 / n T) sum X_i R^-1 X_i^T and its mirror image. Channels that
    depend on each other (a common average reference) leave L of rank r < C, and r takes the place of C in R. ``count`` is the
    effective number of cases where they carry weights. Returns the operator, the weight by which R was shrunk, and its numbers.
    """
    n, channels, time = centred.shape
    cases = n if count is None else count
    left: Spectral = Diagonal(torch.ones(channels, dtype=centred.dtype))
    right, weight, numbers = fit_right(centred.reshape(n * channels, time), cases * channels)
    settled: Tensor | None = None
    for _ in range(_FLIPS):
        if right.rank() == 0:
            break
        along = right.whiten(centred).transpose(1, 2).reshape(n * time, channels) * math.sqrt(time / right.rank())
        raw, _, held = fit_left(along, cases * right.rank())
        left = raw.replace(raw.eigenvalues * (channels / raw.trace()))
        across = left.whiten(centred.transpose(1, 2)).transpose(1, 2) * math.sqrt(channels / left.rank())
        right, weight, numbers = fit_right(across.reshape(n * channels, time), cases * left.rank())
        numbers += held - 1
        now = left.dense()
        if settled is not None and bool((now - settled).norm() < 1e-10 * channels):
            break
        settled = now
    return Kronecker(left, right), weight, numbers
