"""The Gaussian that best explains data with gaps: expectation-maximization on the observed entries."""

from __future__ import annotations

import torch
from torch import Tensor

from ornstein.errors import InputError

ITERATIONS = 200
TOLERANCE = 1e-5


def expectation_maximization(
    x: Tensor, weight: float, *, iterations: int = ITERATIONS, tolerance: float = TOLERANCE
) -> tuple[Tensor, Tensor]:
    """Mean (d,) and covariance (d, d) from vectors (case, d) in which NaN is missing at random (Dempster, Laird and Rubin 1977).

    ``weight`` draws the covariance towards its mean variance in every step: (1 - weight) S + weight mu I with mu fixed by the
    observed variances, which is the maximum a posteriori under an inverse-Wishart prior. weight = 0 is maximum likelihood.
    Cases that share a pattern of gaps are handled together; cost per step: one Cholesky factor per pattern.
    Stops when no entry of the covariance moves by more than ``tolerance`` times its largest, or after ``iterations`` steps.
    Raises ``InputError`` for an entry or a case without any observation.
    """
    observed = ~torch.isnan(x)
    for axis, what in ((0, "entry"), (1, "case")):
        empty = (~observed.any(axis)).nonzero()[:, 0]
        if len(empty):
            raise InputError(f"x has {len(empty)} {what} without any observed value, first at {int(empty[0])}: drop it")
    n, d = x.shape
    origin = x.nanmedian(0).values  # a value of the data: entries that are constant become exactly 0
    x = x - origin
    mean = x.nanmean(0)
    spread = torch.where(observed, x - mean, torch.zeros_like(x)) ** 2
    variances = spread.sum(0) / observed.sum(0)
    mu = variances.mean()
    covariance = torch.diag(variances)
    if not bool(mu > 0):
        return origin + mean, covariance
    patterns, member = torch.unique(observed, dim=0, return_inverse=True)
    groups = [(pattern, x[member == i]) for i, pattern in enumerate(patterns)]
    ridge = d * torch.finfo(x.dtype).eps * mu
    for _ in range(iterations):
        total, scatter, unseen = torch.zeros_like(mean), torch.zeros_like(covariance), torch.zeros_like(covariance)
        completed = []
        for pattern, rows in groups:
            filled, uncertainty = _complete(rows, pattern, mean, covariance, ridge)
            completed.append(filled)
            total += filled.sum(0)
            unseen += len(rows) * uncertainty
        mean = total / n
        for filled in completed:
            centred = filled - mean
            scatter += centred.T @ centred
        updated = (1 - weight) * (scatter + unseen) / n + weight * mu * torch.eye(d, dtype=x.dtype)
        moved = (updated - covariance).abs().max()
        covariance = updated
        if bool(moved <= tolerance * covariance.abs().max()):
            break
    return origin + mean, covariance


def _complete(rows: Tensor, pattern: Tensor, mean: Tensor, covariance: Tensor, ridge: Tensor) -> tuple[Tensor, Tensor]:
    """The conditional mean of each row given its observed entries, and the conditional covariance in the gaps."""
    uncertainty = torch.zeros_like(covariance)
    if bool(pattern.all()):
        return rows, uncertainty
    gap = ~pattern
    within = covariance[pattern][:, pattern]
    factor = torch.linalg.cholesky(within + ridge * torch.eye(len(within), dtype=within.dtype))
    across = covariance[gap][:, pattern]
    gain = torch.cholesky_solve(across.T, factor).T
    filled = rows.clone()
    filled[:, gap] = mean[gap] + (rows[:, pattern] - mean[pattern]) @ gain.T
    uncertainty[gap.unsqueeze(1) & gap] = (covariance[gap][:, gap] - gain @ across.T).flatten()
    return filled, uncertainty
