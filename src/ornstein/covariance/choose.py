"""Which covariance for these signals: held-out log-likelihood decides, and the table of candidates is part of the answer."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ornstein.common.errors import InputError
from ornstein.common.folds import Fold, standard_error
from ornstein.covariance.missing_any import fit_gappy
from ornstein.covariance.missing_blocks import Conditional
from ornstein.covariance.structure import Options, fit_structure

_DENSE_MOST = 2048
_KERNEL_MOST = 512
_ERRORS = 2.0


@dataclass(frozen=True)
class Candidate:
    """One structure on held-out cases: mean log-likelihood in nats per case, its standard error over cases, and its numbers."""

    structure: str
    held_out: float
    error: float
    numbers: int


def candidates_for(event_shape: tuple[int, ...], *, gaps: bool = False) -> tuple[str, ...]:
    """The structures that make sense for signals of this shape, fewest assumptions last; with ``gaps`` also sums of kernels."""
    size = math.prod(event_shape)
    sums = ("coregionalised",) if gaps and len(event_shape) < 3 and event_shape[-1] >= 4 else ()
    full = ("dense",) if size <= _DENSE_MOST else ()
    if len(event_shape) > 2:
        return ("diagonal", "image", "low-rank", *full)
    if len(event_shape) == 2 and event_shape[0] > 1:
        in_time = ("stationary", "toeplitz") if event_shape[1] >= 4 else ()
        return ("diagonal", *in_time, "low-rank", "kronecker", *sums, *full)
    kernels = ("matern-3/2", "squared-exponential") if 4 <= size <= _KERNEL_MOST else ()
    in_time = ("autoregressive", *kernels, "stationary", "toeplitz") if size >= 4 else ()
    return ("diagonal", *in_time, "low-rank", *sums, *full)


def held_out(x: Tensor, structure: str, options: Options, folds: Sequence[Fold]) -> tuple[Tensor, int]:
    """Log-likelihood of what every case observed under a Gaussian fitted without its fold, (case,), and the numbers of the structure."""
    scores, numbers = torch.empty(len(x), dtype=torch.float64), 0
    gaps = bool(torch.isnan(x).any())
    for fold in folds:
        train, test = x[fold.train], x[fold.test]
        if bool((train == train[0]).all()):
            scores[fold.test] = -torch.inf
            continue
        scores[fold.test], numbers = (_of_seen if gaps else _of_whole)(train, test, structure, options)
    return scores, numbers


def _of_whole(train: Tensor, test: Tensor, structure: str, options: Options) -> tuple[Tensor, int]:
    mean = train.mean(0)
    fitted = fit_structure(train - mean, structure, options)
    quadratic = fitted.covariance.mahalanobis((test - mean).flatten(1))
    size = fitted.covariance.size
    level = -0.5 * (quadratic + fitted.covariance.logdet() + size * math.log(2 * math.pi))
    return level if fitted.covariance.rank() == size else torch.full_like(level, -torch.inf), fitted.numbers


def _of_seen(train: Tensor, test: Tensor, structure: str, options: Options) -> tuple[Tensor, int]:
    mean, fitted, _ = fit_gappy(train, structure, options)
    matrix = fitted.covariance.dense()
    level = Conditional(mean.flatten(), matrix).log_prob(test.flatten(1))
    return level if bool((matrix.diagonal() > 0).all()) else torch.full_like(level, -torch.inf), fitted.numbers


def choose(
    x: Tensor,
    options: Options,
    folds: Sequence[Fold],
    candidates: tuple[str, ...] | None = None,
    progress: Callable[[str], None] | None = None,
) -> tuple[str, tuple[Candidate, ...]]:
    """(the chosen structure, the table), by cross-validated log-likelihood.

    Of all candidates whose held-out likelihood is within two standard errors of the best (paired over cases), the one with the
    fewest numbers is chosen (Breiman et al. 1984, section 3.4.3, with two for their one: a richer structure that gains nothing
    beats the true one by chance in 2 of 100 data sets, not in 16). Of cases that share samples
    with ``options.overlap`` neighbours, one in as many and one counts in the errors. A structure that gives some case density 0 is out.
    Cost: one fit per candidate and fold.
    """
    table, scores = [], []
    for structure in candidates or candidates_for(tuple(x.shape[1:]), gaps=bool(torch.isnan(x).any())):
        if progress is not None:
            progress(structure)
        level, numbers = held_out(x, structure, options, folds)
        error = standard_error(level, options.overlap) if bool(torch.isfinite(level).all()) else math.inf
        table.append(Candidate(structure, float(level.mean()), error, numbers))
        scores.append(level)
    best = max(range(len(table)), key=lambda i: table[i].held_out)
    if not math.isfinite(table[best].held_out):
        raise InputError(
            "every structure gives some case density 0: the signals are constant somewhere; drop those entries, or use shrinkage"
        )

    def near(i: int) -> bool:
        if not math.isfinite(table[i].held_out):
            return False
        gap = scores[best] - scores[i]
        return float(gap.mean()) <= _ERRORS * standard_error(gap, options.overlap)

    chosen = min((i for i in range(len(table)) if i == best or near(i)), key=lambda i: table[i].numbers)
    return table[chosen].structure, tuple(table)
