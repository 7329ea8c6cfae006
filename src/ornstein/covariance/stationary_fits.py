"""Covariances of signals whose statistics do not change along time (or over an image), from rows (n, d) that are centred."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ornstein.covariance.base import refuse_dense
from ornstein.covariance.structures import Dense, Kronecker, Stationary

TAPERS = 5
_BENDS = 11
_FOLDS = 5


def circulant(rows: Tensor, tapers: Tensor | None = None) -> Stationary:
    """Circulant covariance from the mean periodogram, |FFT|^2 / d: its maximum likelihood.

    ``tapers`` (K, d) of unit norm average K eigenspectra instead: less leakage and variance, at the price of resolution.
    """
    if tapers is None:
        power = torch.fft.fft(rows, norm="ortho").abs().square().mean(0)
    else:
        power = torch.stack([torch.fft.fft(rows * w).abs().square().mean(0) for w in tapers]).mean(0)
    return Stationary.from_spectrum((power + torch.roll(power.flip(0), 1)) / 2)


def sine_tapers(length: int, count: int = TAPERS) -> Tensor:
    """The sine tapers of Riedel and Sidorenko (1995), sqrt(2 / (d + 1)) sin(pi k (t + 1) / (d + 1)), unit norm, (K, d)."""
    t = torch.arange(1, length + 1, dtype=torch.float64)
    k = torch.arange(1, min(count, length) + 1, dtype=torch.float64).unsqueeze(1)
    tapers: Tensor = math.sqrt(2 / (length + 1)) * torch.sin(math.pi * k * t / (length + 1))
    return tapers


def hann_taper(length: int) -> Tensor:
    """Welch's window (1967) of unit norm, (1, d). Cut the recording with half-overlapping windows (hop = window / 2) for Welch's method."""
    window: Tensor = torch.hann_window(length + 2, periodic=False, dtype=torch.float64)[1:-1]
    taper: Tensor = window / window.norm()
    return taper.unsqueeze(0)


def autocovariance(rows: Tensor, lags: int) -> Tensor:
    """r_k = 1/(n d) sum_i sum_t x_it x_i,t+k for k = 0 ... lags - 1.

    Dividing by d and not by d - k makes every Toeplitz matrix of r positive semi-definite. Cost: one zero-padded FFT.
    """
    d = rows.shape[-1]
    spectrum: Tensor = torch.fft.rfft(rows, n=2 * d).abs().square().mean(0)
    lagged: Tensor = torch.fft.irfft(spectrum, n=2 * d)[:lags] / d
    return lagged


def toeplitz(rows: Tensor, together: int = 1) -> Dense:
    """Sigma_ij = (1 - w |i - j| / d) r_|i-j| with r the unbiased autocovariances and w in [0, 1] by held-out likelihood.

    w = 1 are the biased autocovariances, positive semi-definite for any data; w = 0 does not bend long lags, but need not be
    positive. Only positive candidates compete, so the result is positive by construction and its error falls as n^(-1/2).
    ``together`` rows in a row are the channels of one case: they are held out together.
    d numbers, d x d in memory. Cost: n d^2 and 55 Cholesky factors.
    """
    n, d = rows.shape
    refuse_dense(d, "a Toeplitz covariance (use 'stationary' for its circulant form)")
    lag = torch.arange(d, dtype=torch.float64)
    index = (lag.unsqueeze(1) - lag).abs().long()
    bends = [(1 - w * lag / d) * d / (d - lag) for w in torch.linspace(1, 0, _BENDS, dtype=torch.float64)]
    folds = min(_FOLDS, n // together)
    fold = torch.arange(n) // together % folds
    misfit = torch.zeros(_BENDS, dtype=torch.float64)
    for k in range(folds if folds > 1 else 0):
        r, test = autocovariance(rows[fold != k], d), rows[fold == k]
        second = test.T @ test / len(test)
        for i, bend in enumerate(bends):
            factor, failed = torch.linalg.cholesky_ex((bend * r)[index])
            level = 2 * factor.diagonal().log().sum() + torch.cholesky_solve(second, factor).diagonal().sum()
            misfit[i] += torch.inf if bool(failed) else len(test) * level
    r = autocovariance(rows, d)
    # positive without a fold need not be positive with it
    passed = [i for i in misfit.argsort(stable=True).tolist() if not bool(torch.linalg.cholesky_ex((bends[i] * r)[index])[1])]
    # where nothing is positive (constant signals), the biased one is semi-definite
    return Dense((bends[passed[0] if passed else 0] * r)[index])


def image(grids: Tensor) -> Kronecker:
    """Images (n, height, width) with uncorrelated cosine coefficients: stationary up to reflecting edges.

    Sigma = (D_h (x) D_w)^T diag(s) (D_h (x) D_w), D the orthonormal DCT-II and s the mean square of each coefficient.
    """
    rows, columns = (cosine_basis(size) for size in grids.shape[1:])
    basis = Kronecker(*(Dense.from_eigen(b, torch.ones(len(b), dtype=torch.float64)) for b in (rows, columns)))
    return basis.replace(basis.rotate(grids.flatten(1)).square().mean(0))


def cosine_basis(size: int) -> Tensor:
    """The orthonormal DCT-II as columns, (d, d): smooth basis without wrap-around."""
    t, k = torch.arange(size, dtype=torch.float64).unsqueeze(1) + 0.5, torch.arange(size, dtype=torch.float64)
    basis = math.sqrt(2 / size) * torch.cos(math.pi * t * k / size)
    basis[:, 0] /= math.sqrt(2)
    return basis
