"""Shrinkage: how far the eigenvalues of a sample covariance are drawn together, and by which rule."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ornstein.common import checks
from ornstein.common.errors import InputError, unknown_name
from ornstein.covariance.structures import Dense

SHRINKAGES = ("none", "ledoit-wolf", "oas", "nonlinear")
_FAR = 50.0
"""Kernel widths beyond which the Hilbert transform of the kernel is taken from its moments: good to 1e-9 there."""


def check_shrinkage(shrinkage: str | float) -> None:
    """Raise ``InputError`` unless ``shrinkage`` is one of SHRINKAGES or a weight in [0, 1]."""
    if isinstance(shrinkage, str):
        if shrinkage not in SHRINKAGES:
            raise unknown_name("shrinkage", shrinkage, SHRINKAGES)
    elif not 0 <= checks.real(shrinkage, "shrinkage") <= 1:
        raise InputError(f"shrinkage is {shrinkage:g}, but must lie between 0 (none) and 1 (round)")


def oas_weight(covariance: Tensor, count: float) -> float:
    """The oracle-approximating weight of Chen et al. (2010), eq. 23, from the covariance alone (so it also serves streams)."""
    size = covariance.shape[0]
    mu2 = (covariance.trace() / size) ** 2
    alpha = (covariance**2).mean()
    above = (count + 1.0) * (alpha - mu2 / size)
    return 1.0 if float(above) <= 0 else min(1.0, float((alpha + mu2) / above))


def shrunk(matrix: Tensor, count: float, shrinkage: str | float, centred: Tensor | None = None) -> tuple[Dense, float]:
    """The shrunk covariance and its weight on the round one; ``centred`` rows are needed by "ledoit-wolf" only.

    A weight rho gives (1 - rho) S + rho (tr S / d) I: the eigenvectors of S, its eigenvalues drawn towards their mean.
    "nonlinear" moves every eigenvalue by its own amount; its weight is the share of the spread of eigenvalues that went.
    """
    dense = Dense(matrix)
    if shrinkage == "nonlinear":
        eigenvalues = nonlinear(dense.eigenvalues, count)
        before, after = dense.eigenvalues.std(correction=0), eigenvalues.std(correction=0)
        return dense.replace(eigenvalues), float((1 - after / before).clamp(0, 1)) if before > 0 else 0.0
    weight = _weight(matrix, count, shrinkage, centred)
    if weight == 0:
        return dense, 0.0
    return dense.replace((1 - weight) * dense.eigenvalues + weight * matrix.trace() / matrix.shape[0]), weight


def _weight(matrix: Tensor, count: float, shrinkage: str | float, centred: Tensor | None) -> float:
    if not isinstance(shrinkage, str):
        return float(shrinkage)
    if shrinkage == "ledoit-wolf" and centred is not None:
        from sklearn.covariance import ledoit_wolf_shrinkage  # heavy to import, and needed only here

        return float(ledoit_wolf_shrinkage(centred.numpy(), assume_centered=True))
    return oas_weight(matrix, count) if shrinkage == "oas" else 0.0


def nonlinear(eigenvalues: Tensor, count: float) -> Tensor:
    """Analytical nonlinear shrinkage of sample eigenvalues, largest first (Ledoit and Wolf 2020, section 4).

        d_k = lambda_k / ((pi c lambda_k f_k)^2 + (1 - c - pi c lambda_k H_k)^2),      c = d / n

    f and H: the density of the sample eigenvalues and its Hilbert transform, estimated by an Epanechnikov kernel whose width
    is proportional to the eigenvalue, n^(-1/3) lambda. ``count`` is the number of cases; one is spent on the mean. With
    d >= n the zero eigenvalues get one common positive value. Cost O(d^2).
    """
    n, d = max(float(count) - 1, 2.0), eigenvalues.shape[0]
    kept = min(d, math.floor(n))
    lam = eigenvalues[:kept].clamp_min(1e-14 * float(eigenvalues.max().clamp_min(1e-300)))
    width = n ** (-1 / 3)
    band = width * lam
    x = (lam.unsqueeze(1) - lam) / band
    root = math.sqrt(5)
    inside = 1 - x**2 / 5
    density = (3 / (4 * root) * inside.clamp_min(0) / band).mean(1)
    ratio = ((root - x) / (root + x)).abs()
    edge = x.abs() == root
    logs = torch.where(edge, torch.zeros_like(x), torch.where(edge, torch.ones_like(ratio), ratio).log())
    near = -3 / (10 * math.pi) * x + 3 / (4 * root * math.pi) * inside * logs
    # far from a kernel its two terms cancel to nothing but rounding: there, its moments 1, 1 and 15/7
    far = -(1 + 1 / x**2 + 15 / 7 / x**4) / (math.pi * x)
    hilbert = (torch.where(x.abs() > _FAR, far, near) / band).mean(1)
    if d <= n:
        c = d / n
        moved: Tensor = lam / ((math.pi * c * lam * density) ** 2 + (1 - c - math.pi * c * lam * hilbert) ** 2)
        return moved
    at_zero = (
        (1 / lam).mean()
        / math.pi
        * (3 / (10 * width**2) + 3 / (4 * root * width) * (1 - 1 / (5 * width**2)) * math.log((1 + root * width) / abs(1 - root * width)))
    )
    null = 1 / (math.pi * (d - n) / n * at_zero)
    moved = lam / (math.pi**2 * lam**2 * (density**2 + hilbert**2))
    return torch.cat([moved, null.expand(d - kept)])
