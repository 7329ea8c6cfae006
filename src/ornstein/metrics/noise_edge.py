"""Which eigenvalues mean something: the spectrum that white noise would show in as many draws."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from scipy.special import gammaincinv
from torch import Tensor

from ornstein.common import checks
from ornstein.common.errors import InputError

Array = npt.NDArray[np.float64]

_GRID = 4096
_GAMMA_SHAPE, _GAMMA_SCALE, _GAMMA_SHIFT = 46.446, 0.186054, 9.84801
"""The Tracy-Widom law of order 1 as a shifted gamma law: its first three moments (Chiani 2014, Table 1)."""
LEAST = 10
"""Eigenvalues below which no noise level can be told from the spectrum: a median of fewer is as wide as the edge it sets."""


@dataclass(frozen=True, eq=False)
class Significant:
    """Eigenvalues against white noise.

    above        (d,), for eigenvalues in descending order: which of them rise above the edge
    edge         the largest eigenvalue that white noise of this variance shows in n draws, at the false-alarm rate
    variance     of the noise: the mean of the eigenvalues below the edge
    count        how many are above
    false_alarm  the probability that white noise alone shows any above
    """

    above: Tensor
    edge: float
    variance: float
    count: int
    false_alarm: float


def marchenko_pastur(n: int, d: int, variance: float = 1.0) -> tuple[float, float]:
    """Lower and upper edge of the positive eigenvalues of X^T X / n for n draws of white noise in d dimensions.

        variance (1 -+ sqrt(d / n))^2      as n, d -> inf (Marchenko and Pastur 1967); d - n eigenvalues are exactly 0 where d > n

    Raises ``InputError`` for n or d below 1, and a variance that is not above 0.
    """
    n, d = checks.count(n, "n"), checks.count(d, "d")
    variance, ratio = checks.positive(variance, "variance"), math.sqrt(d / n)
    return variance * (1 - ratio) ** 2, variance * (1 + ratio) ** 2


def noise_spectrum(n: int, d: int, variance: float = 1.0) -> Tensor:
    """The eigenvalues (d,) that white noise is expected to show in n draws, in descending order; their mean is about ``variance``.

    The k-th is the (1 - (k - 1/2) / p)-quantile of the Marchenko-Pastur law of the p = min(n, d) positive ones. Cost: O(d).
    """
    marchenko_pastur(n, d, variance)  # its checks
    p, m = min(n, d), max(n, d)
    x, cumulative = _law(p / m)
    levels = 1 - (np.arange(p) + 0.5) / p
    found = torch.zeros(d, dtype=torch.float64)
    found[:p] = torch.from_numpy(variance * m / n * np.interp(levels, cumulative, x))
    return found


def significant(eigenvalues: object, n: int, *, false_alarm: float = 0.05) -> Significant:
    """Which eigenvalues (d,) of a sample covariance rise above what n draws of white noise would show.

        edge = variance / n (mu + s q),   mu = (a + b)^2,   s = (a + b) (1 / a + 1 / b)^(1/3),   a = sqrt(n - 1/2), b = sqrt(p - 1/2)

    with q the (1 - false_alarm)-quantile of the Tracy-Widom law of order 1, the law of the largest eigenvalue of real white noise
    (Johnstone 2001; centred and scaled as in Ma 2012). Where the bulk ends is found robustly: its variance is the median of the p
    positive eigenvalues over the median of the Marchenko-Pastur law (Gavish and Donoho 2014), which a few large ones do not raise.
    The median itself is too noisy to keep a false-alarm rate (12 % in place of 5 % at n = d = 40), so each eigenvalue above that
    edge, smallest first, is then held against the mean of those from it downwards, and counts only if it is above that edge too.

    n  degrees of freedom: the number of independent cases, less 1 where their mean was subtracted. The covariance must be the plain
       one: shrinkage and structure move eigenvalues.

    The spectrum of a smooth signal without a noise floor falls without end: then nearly all of it is above, and rightly so.
    Raises ``InputError`` for fewer than 10 positive eigenvalues, negative ones, and a rate outside (0, 1). Cost: O(d log d).
    """
    lam = checks.tensor(eigenvalues, "eigenvalues", ndim=(1,)).sort(descending=True).values
    n = checks.count(n, "n")
    if not 0 < checks.real(false_alarm, "false_alarm") < 1:
        raise InputError(f"false_alarm is {false_alarm:g}, but must lie between 0 and 1, such as 0.05")
    rounding = len(lam) * torch.finfo(lam.dtype).eps * lam.abs().amax() if len(lam) else 0.0
    if len(lam) and bool(lam[-1] < -100 * rounding):
        raise InputError(f"eigenvalues has a negative entry {float(lam[-1]):g}, but those of a covariance are at least 0")
    positive = int((lam > rounding).sum())
    # n draws show n positive eigenvalues of any d >= n; with fewer, the other directions do not vary at all
    d = len(lam) if positive >= n else positive
    if positive < LEAST:
        raise InputError(f"eigenvalues has {positive} entries above 0, but at least {LEAST} are needed to tell noise from signal")
    quantile = tracy_widom(1 - false_alarm)
    bulk, last = lam[:positive], positive - LEAST

    def level(k: int, variance: float) -> float:
        return variance * _edge(n - k, d - k, quantile) / n

    def mean(k: int) -> float:
        return bulk[k:].sum().item() * n / ((n - k) * (d - k))

    count = 0
    while (more := int((bulk > level(count, _by_median(bulk[count:], n, d, count))).sum())) > count and more <= last:
        count = more
    while count and float(bulk[count - 1]) <= level(count - 1, mean(count - 1)):
        count -= 1
    while count < last and float(bulk[count]) > level(count, mean(count)):
        count += 1
    above = torch.arange(len(lam)) < count
    return Significant(above, level(count, mean(count)), mean(count), count, float(false_alarm))


def tracy_widom(level: float) -> float:
    """The quantile of the Tracy-Widom law of order 1, by Chiani's shifted gamma law: within 0.01 from 0.01 to 0.999."""
    return _GAMMA_SCALE * float(gammaincinv(_GAMMA_SHAPE, level)) - _GAMMA_SHIFT


def _by_median(bulk: Tensor, n: int, d: int, above: int) -> float:
    """The variance of white noise from the eigenvalues of X^T X / n that remain when ``above`` directions are taken off.

    Those directions use up a degree of freedom each, and so does ``mean``: what is left is white noise in d - above dimensions
    with n - above draws.
    """
    p, m = min(n, d) - above, max(n, d) - above
    x, cumulative = _law(p / m)
    return float(bulk.quantile(0.5)) * n / (m * float(np.interp(0.5, cumulative, x)))


def _edge(n: int, d: int, quantile: float) -> float:
    """The quantile of the largest eigenvalue of X^T X for unit variance."""
    a, b = math.sqrt(n - 0.5), math.sqrt(d - 0.5)
    return (a + b) ** 2 + quantile * (a + b) * math.cbrt(1 / a + 1 / b)


def _law(ratio: float) -> tuple[Array, Array]:
    """The Marchenko-Pastur law of ratio p / m <= 1: points x and P(X <= x), with x = centre - radius cos(theta) so that the
    integrand stays smooth at both edges."""
    radius = 2 * math.sqrt(ratio)
    theta = (np.arange(_GRID) + 0.5) * math.pi / _GRID
    weight = np.sin(theta) ** 2 / (1 + ratio - radius * np.cos(theta))
    cumulative = np.concatenate([[0.0], np.cumsum(weight)])
    edges = np.arange(_GRID + 1) * math.pi / _GRID
    return 1 + ratio - radius * np.cos(edges), cumulative / cumulative[-1]
