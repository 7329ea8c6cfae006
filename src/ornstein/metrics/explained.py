"""How much a Gaussian explains at each noise level: of the signal, of the best denoiser, and of the score."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ornstein.common import checks
from ornstein.common.errors import InputError
from ornstein.common.random import Noise
from ornstein.covariance import Covariance, Dense, Operator
from ornstein.denoisers import Gaussian, Law
from ornstein.metrics.spectra import spectrum


@dataclass(frozen=True, eq=False)
class Explained:
    """Shares at each noise level, (level,): 1 = all of it. Measured on cases, so near 1 they carry an error of a few of the last digits.

    denoiser  1 - E|D(x) - D_G(x)|^2 / E|D(x) - mu|^2
    score     1 - E|s(x) - s_G(x)|^2 / E|s(x)|^2,   s = (D(x) - x) / sigma^2
    """

    sigma: Tensor
    denoiser: Tensor
    score: Tensor


def explained(covariance: Operator, sigma: object) -> Tensor:
    """The share of a signal's variance that the Gaussian denoiser keeps at each noise level sigma, (level,).

        kept(sigma) = tr Cov[E[x_0 | x]] / tr Sigma = sum_k lambda_k^2 / (lambda_k + sigma^2) / sum_k lambda_k = 1 - mmse(sigma) / tr Sigma

    1 at sigma = 0, and 0 at inf. Half of it at sigma^2 = lambda for a white signal, and far above the mean
    eigenvalue for a smooth one. 0 where there is no variance. Cost: one ``spectrum``, then O(d) per level.
    Raises ``InputError`` for a negative sigma.
    """
    lam, levels = spectrum(covariance).eigenvalues, _levels(sigma)
    positive = lam[lam > 0]
    if not len(positive):
        return torch.zeros_like(levels)
    # level by level: lambda / (lambda + sigma^2) is a share, which neither overflows nor cancels
    kept = [float((positive / (1 + s**2 / positive)).sum()) for s in levels.tolist()]
    return torch.tensor(kept, dtype=torch.float64) / positive.sum()


def explained_of(law: Law, x: object, sigma: object, *, gaussian: Gaussian | None = None, seed: int = 0) -> Explained:
    """How much of a better law's denoiser D, and of its score, the Gaussian D_G explains at each noise level.

    law       the better law, such as a mixture or an empirical law fitted to other cases
    x         held-out cases (case, *event) in the law's units: the expectations are means over x + sigma z, z white under ``seed``
    sigma     noise levels, above 0
    gaussian  what is to be judged; default: the Gaussian with the law's own mean and covariance

    Where D is the true denoiser, E|D - D_G|^2 is exactly the error that the Gaussian adds to the smallest possible one. At large sigma
    every law looks Gaussian and the shares tend to 1. Negative where the Gaussian is worse than the mean (or than no score) is.
    Raises ``InputError`` for shapes that differ and sigma not above 0. Cost: one call of each denoiser per level.
    """
    twin = gaussian if gaussian is not None else Gaussian(law.mean(), _covariance(law.covariance()))
    values, levels = checks.tensor(x, "x"), _levels(sigma)
    if tuple(values.shape[1:]) != law.event_shape or twin.event_shape != law.event_shape or not len(values):
        raise InputError(f"x has shape {tuple(values.shape)}, but this law holds signals of shape {law.event_shape}: pass (case, *event)")
    if bool((levels <= 0).any()):
        raise InputError("sigma has a level of 0, but there nothing is left to denoise: pass levels above 0")
    z = Noise(seed).normal(len(values), law.event_shape)
    denoiser, score = [], []
    for s in levels.tolist():
        noisy = values + s * z
        best, own = law(noisy, s).mean, twin(noisy, s).mean
        missed = float((best - own).square().sum())
        denoiser.append(_share(missed, float((best - law.mean()).square().sum())))
        score.append(_share(missed, float((best - noisy).square().sum())))
    return Explained(levels, torch.tensor(denoiser, dtype=torch.float64), torch.tensor(score, dtype=torch.float64))


def noise_levels(covariance: Operator, count: int = 60) -> Tensor:
    """Noise levels for a curve, (count,), evenly on a logarithmic axis: from where nearly all is kept to where nearly nothing is.

    From a hundredth of the mean standard deviation to ten times the largest.
    """
    lam = spectrum(covariance).eigenvalues
    if not float(lam[0]) > 0:
        raise InputError("the covariance has no variance at all, so there is no scale for noise levels")
    low, high = 0.01 * math.sqrt(float(lam.mean())), 10 * math.sqrt(float(lam[0]))
    return torch.logspace(math.log10(low), math.log10(high), checks.count(count, "count", at_least=2), dtype=torch.float64)


def half_level(covariance: Operator) -> float:
    """The noise level at which half of the variance is kept, by bisection of ``explained``; 0 where there is no variance."""
    lam = spectrum(covariance).eigenvalues
    lam = lam[lam > 0]
    if not len(lam):
        return 0.0
    low, high = 0.0, math.sqrt(float(lam[0]))  # at sigma^2 = lambda_1 no direction keeps more than half
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if float((lam / (1 + middle**2 / lam)).sum()) > 0.5 * float(lam.sum()) else (low, middle)
    return high


def _levels(sigma: object) -> Tensor:
    levels = checks.tensor(sigma, "sigma", ndim=(0, 1)).reshape(-1)
    if bool((levels < 0).any()):
        raise InputError(f"sigma has a level of {float(levels.min()):g}, but noise levels are at least 0")
    return levels


def _covariance(covariance: Operator) -> Covariance:
    return covariance if isinstance(covariance, Covariance) else Dense(covariance.dense())


def _share(missed: float, whole: float) -> float:
    return 1 - missed / whole if whole > 0 else float(missed == 0)
