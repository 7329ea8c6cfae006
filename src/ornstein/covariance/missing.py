"""The Gaussian that best explains data with gaps: expectation-maximization on the observed entries."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ornstein.covariance.base import refuse_dense
from ornstein.covariance.missing_blocks import Conditional
from ornstein.covariance.missing_held_out import lines_help
from ornstein.covariance.missing_start import origin_of, refuse_empty, started, warn_of_unseen

ITERATIONS = 200
TOLERANCE = 1e-5
_FOLLOWS = 1e-8


def moments(x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean (d,) and second moment (d, d) around it of vectors (case, d) without gaps."""
    mean = x.mean(0)
    centred = x - mean
    return mean, centred.T @ centred / len(x)


def expected_moments(x: Tensor, mean: Tensor, matrix: Tensor) -> tuple[Tensor, Tensor]:
    """The same of what is expected of vectors with gaps under N(mean, matrix): the E step (Dempster, Laird and Rubin 1977).

        m = 1/n sum E[x_i | seen_i],    S = 1/n sum (E[x_i | seen_i] - m)(...)^T + Cov[x_i | seen_i]

    Cost: per case a Cholesky factor and an inverse of its smaller side, the seen or the missing entries, all cases in batches:
    2500 cases of 336 entries take 0.2 CPU-seconds where 10 or 90 % are missing, and 2.4 at 50 %.
    """
    filled, uncertain = Conditional(mean, _apart(matrix)).complete(x)
    mean, second = moments(filled)
    second = second + uncertain / len(x)
    return mean, _positive((second + second.T) / 2)


def _apart(matrix: Tensor) -> Tensor:
    """The matrix, or where entries follow from others to rounding, with 1e-8 of every variance on top.

    What is uncertain of such an entry is a difference of numbers as large as 1 / (1 - R^2): beyond 1e8 half of the digits are gone.
    """
    deviation = matrix.diagonal().clamp_min(0).sqrt()
    scale = torch.where(deviation > 0, deviation, torch.ones_like(deviation))
    factor, failed = torch.linalg.cholesky_ex(matrix / torch.outer(scale, scale))
    if not bool(failed) and bool(factor.diagonal().square().min() >= _FOLLOWS):
        return matrix
    return matrix + torch.diag(_FOLLOWS * matrix.diagonal())


def _positive(matrix: Tensor) -> Tensor:
    """The matrix without the negative eigenvalues that rounding leaves where patterns of gaps make it singular."""
    if not bool(torch.linalg.cholesky_ex(matrix)[1]):
        return matrix
    deviation = matrix.diagonal().clamp_min(0).sqrt()
    scale = torch.where(deviation > 0, deviation, torch.ones_like(deviation))
    eigenvalues, basis = torch.linalg.eigh(matrix / torch.outer(scale, scale))
    clipped = (basis * eigenvalues.clamp_min(0)) @ basis.T * torch.outer(scale, scale)
    positive: Tensor = (clipped + clipped.T) / 2
    return positive


def expectation_maximization(
    x: Tensor,
    weight: float,
    *,
    iterations: int = ITERATIONS,
    tolerance: float = TOLERANCE,
    progress: Callable[[str], None] | None = None,
) -> tuple[Tensor, Tensor]:
    """Mean (d,) and covariance (d, d) from vectors (case, d) in which NaN is missing at random, by EM until it settles.

    ``weight`` draws the covariance towards its mean variance in every step: (1 - weight) S + weight mu I, which for a fixed mu is
    the maximum a posteriori under an inverse-Wishart prior. weight = 0 is maximum likelihood. Started from straight lines
    or means, whichever guess better.
    Stops when no entry of the covariance moves by more than ``tolerance`` times its largest, or after ``iterations`` steps.
    Raises ``InputError`` for an entry or a case without any observation, and above DENSE_LIMIT.
    """
    refuse_dense(x.shape[1], "the covariance of data with gaps")
    warn_of_unseen(refuse_empty(x), x.shape[1])
    origin = origin_of(x, rows=False)
    mean, second = moments(started(x, lines=lines_help(x)) - origin)
    x = x - origin

    def shrink(matrix: Tensor) -> Tensor:
        return (1 - weight) * matrix + weight * matrix.diagonal().mean() * torch.eye(len(matrix), dtype=matrix.dtype)

    matrix = shrink(second)
    for k in range(iterations):
        mean, second = expected_moments(x, mean, matrix)
        updated = shrink(second)
        moved, largest = float((updated - matrix).abs().max()), float(updated.abs().max())
        matrix = updated
        if progress is not None:
            progress(f"gaps: pass {k + 1} of at most {iterations}, moved by {moved / max(largest, 1e-300):.1e}")
        if moved <= tolerance * largest:
            break
    return origin + mean, matrix
