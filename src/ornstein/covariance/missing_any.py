"""Data with gaps: which fit belongs to which structure."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from torch import Tensor

from ornstein.covariance.coregionalised import stamps
from ornstein.covariance.coregionalised_fit import fit_coregionalised
from ornstein.covariance.kernel_sum import sum_of_kernels
from ornstein.covariance.missing import expectation_maximization
from ornstein.covariance.missing_factors import low_rank_with_gaps
from ornstein.covariance.missing_fit import Gaps, fit_with_gaps
from ornstein.covariance.missing_start import refuse_empty
from ornstein.covariance.missing_structured import fit_structure_with_gaps
from ornstein.covariance.structure import Fitted, Options
from ornstein.covariance.structures import Dense


class Gappy(NamedTuple):
    """Mean (*event), the fitted operator with its numbers, and for "dense" how it was chosen."""

    mean: Tensor
    fitted: Fitted
    gaps: Gaps | None = None


def fit_gappy(x: Tensor, structure: str, options: Options, progress: Callable[[str], None] | None = None) -> Gappy:
    """The law of one structure from x (case, *event) with gaps: by choice on held-out values, by likelihood, or by EM.

    Raises ``InputError`` for cases and channels without any value, and for structures that gaps leave undetermined.
    """
    event = tuple(x.shape[1:])
    if structure == "dense":
        return _dense(x, options, progress)
    if structure == "low-rank":
        mean, operator = low_rank_with_gaps(x, options.rank, overlap=options.overlap)
        r, d = operator.components, operator.size
        return Gappy(mean.view(event), Fitted(operator, 0.0, r * d - r * (r - 1) // 2 + 1))
    if structure == "coregionalised":
        times = stamps(options.times, event[-1])
        law = fit_coregionalised(x.reshape(len(x), -1, event[-1]), times, seed=options.seed, progress=progress)
        return Gappy(law.mean(event[-1]).view(event), Fitted(sum_of_kernels(law, times), 0.0, law.numbers))
    return Gappy(*fit_structure_with_gaps(x, structure, options, progress))


def _dense(x: Tensor, options: Options, progress: Callable[[str], None] | None) -> Gappy:
    """A weight that was given, or "none", is kept in EM until it settles; for every rule, held-out values choose in its place."""
    refuse_empty(x)
    event, size = tuple(x.shape[1:]), x[0].numel()
    numbers = size * (size + 1) // 2
    if options.shrinkage == "none" or not isinstance(options.shrinkage, str):
        weight = 0.0 if options.shrinkage == "none" else float(options.shrinkage)
        mean, matrix = expectation_maximization(x.flatten(1), weight, progress=progress)
        return Gappy(mean.view(event), Fitted(Dense(matrix), weight, numbers))
    series = x if len(x) > 1 else x.reshape(1, -1, event[-1])  # one case is a series, whatever its values look like
    mean, matrix, gaps = fit_with_gaps(series, seed=options.seed, progress=progress)
    return Gappy(mean.view(event), Fitted(Dense(matrix), gaps.weight, numbers), gaps)
