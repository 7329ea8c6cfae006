"""The Gaussian that best explains data with gaps: expectation-maximization on the observed entries."""

from __future__ import annotations

import torch
from torch import Tensor

from ornstein.common.errors import InputError
from ornstein.covariance.base import refuse_dense

ITERATIONS = 200
TOLERANCE = 1e-5


def refuse_empty(x: Tensor) -> None:
    """Raise ``InputError`` for an entry or a case without any observation."""
    observed = ~torch.isnan(x)
    for axis, what in ((0, "entry"), (1, "case")):
        empty = (~observed.any(axis)).nonzero()[:, 0]
        if len(empty):
            raise InputError(f"x has {len(empty)} {what} without any observed value, first at {int(empty[0])}: drop it")


def observed_pairs(x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean (d,) over observed entries, and the covariance (d, d) of each pair over the cases that observed both.

    Pairs that were never observed together count as uncorrelated. The matrix need not be positive semi-definite.
    """
    refuse_dense(x.shape[1], "the covariance of observed pairs")
    seen = ~torch.isnan(x)
    mean = x.nanmean(0)
    centred = torch.where(seen, x - mean, torch.zeros_like(x))
    together = seen.to(x).T @ seen.to(x)
    return mean, (centred.T @ centred) / together.clamp_min(1)


def expectation_maximization(
    x: Tensor, weight: float, *, iterations: int = ITERATIONS, tolerance: float = TOLERANCE
) -> tuple[Tensor, Tensor]:
    """Mean (d,) and covariance (d, d) from vectors (case, d) in which NaN is missing at random (Dempster, Laird and Rubin 1977).

    ``weight`` draws the covariance towards its mean variance in every step: (1 - weight) S + weight mu I with mu fixed by the
    observed variances, which is the maximum a posteriori under an inverse-Wishart prior. weight = 0 is maximum likelihood.
    Started from the covariance of observed pairs, made positive. Cases that share a pattern of gaps are handled together;
    cost per step: one Cholesky factor per pattern. Stops when no entry of the covariance moves by more than ``tolerance``
    times its largest, or after ``iterations`` steps. Raises ``InputError`` for an entry or a case without any observation.
    """
    refuse_empty(x)
    n, d = x.shape
    origin = x.nanmedian(0).values  # a value of the data: entries that are constant become exactly 0
    x = x - origin
    mean, pairs = observed_pairs(x)
    mu = pairs.diagonal().mean()
    if not bool(mu > 0):
        return origin + mean, pairs
    covariance = positive(pairs)
    patterns, member = torch.unique(~torch.isnan(x), dim=0, return_inverse=True)
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


def positive(pairs: Tensor) -> Tensor:
    """The nearest matrix with no eigenvalue below a hundredth of the mean one, and the variances as they were."""
    eigenvalues, basis = torch.linalg.eigh(pairs)
    lifted: Tensor = (basis * eigenvalues.clamp_min(0.01 * float(eigenvalues.mean()))) @ basis.T
    scale = (pairs.diagonal() / lifted.diagonal().clamp_min(torch.finfo(pairs.dtype).tiny)).sqrt()
    return lifted * torch.outer(scale, scale)
