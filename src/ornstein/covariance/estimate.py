"""Mean and covariance from data: one call, a structure of choice or the best one, and what the result rests on."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ornstein.common import checks
from ornstein.common.errors import InputError
from ornstein.common.folds import Fold, standard_error, turns
from ornstein.covariance.accumulator import Accumulator
from ornstein.covariance.autoregressive import Autoregressive
from ornstein.covariance.base import Covariance, Spectral
from ornstein.covariance.choose import Candidate, choose, held_out
from ornstein.covariance.lowrank import low_rank, row_mean
from ornstein.covariance.missing_any import fit_gappy
from ornstein.covariance.missing_fit import Gaps
from ornstein.covariance.missing_start import is_series
from ornstein.covariance.shrinking import check_shrinkage, shrunk
from ornstein.covariance.structure import Options, check_structure, fit_structure
from ornstein.covariance.structures import Stationary, as_spectral

_CHUNK = 8192
_LONG = 2048
_FEWEST = 4
FOLDS = 5
ONE_ENOUGH = ("dense", "coregionalised")
"""Structures that one series determines, by laws that are steady in time; "dense" where it has gaps, up to so many entries:"""
ONE_CASE = 2048


@dataclass(frozen=True)
class Estimate:
    """A fitted Gaussian, and what it rests on.

    mean        (*event)
    covariance  operator of size d
    structure   its name; with structure "auto", the one that was chosen
    shrinkage   the weight of the round covariance (tr S / d) I in full matrices
    count       the number of cases; ``numbers`` the free numbers of the covariance that they determine
    held_out    cross-validated log-likelihood in nats per case (None where it was not asked for), ``error`` its standard error
    candidates  the table behind "auto"
    gaps        how gaps in the data were handled, and what that was worth on held-out values; None without gaps
    """

    mean: Tensor
    covariance: Covariance
    structure: str
    shrinkage: float
    count: int
    numbers: int
    held_out: float | None = None
    error: float | None = None
    candidates: tuple[Candidate, ...] = ()
    gaps: Gaps | None = None

    @property
    def effective_rank(self) -> float:
        """exp(entropy of the normalised eigenvalues): how many directions share the variance."""
        return float(_spectral(self.covariance).effective_rank())

    @property
    def floor(self) -> float:
        """The smallest eigenvalue: the variance in the quietest direction."""
        return float(_spectral(self.covariance).eigenvalues.min())


def _spectral(covariance: Covariance) -> Spectral:
    """The eigenvalues; those of a long autoregressive process by its power spectrum, to which they tend."""
    if isinstance(covariance, Autoregressive) and covariance.size > _LONG:
        return Stationary.from_spectrum(covariance.spectrum())
    return as_spectral(covariance)


def estimate(
    x: object,
    structure: str = "dense",
    *,
    shrinkage: str | float = "oas",
    rank: int | None = None,
    times: object = None,
    folds: int | None = None,
    seed: int = 0,
    overlap: int = 0,
    progress: Callable[[str], None] | None = None,
) -> Estimate:
    """Mean and covariance of signals (case, *event), in float64.

    structure   "dense"            any covariance
                "diagonal"         independent entries
                "low-rank"         probabilistic PCA: ``rank`` directions (default: by held-out likelihood) and a floor
                "stationary"       circulant in time, from the periodogram; "multitaper" and "welch" smooth it
                "toeplitz"         a function of the lag, positive by construction
                "autoregressive"   banded precision: long signals at O(d b); one channel
                "squared-exponential", "matern-3/2", "matern-5/2", "ornstein-uhlenbeck", "periodic": kernels of the lag
                "kronecker"        channel (x) time, both full (flip-flop); "a*b" names the factors, as in "dense*toeplitz"
                "coregionalised"   a sum of separable kernels, constant, slow, fast and white, each with its own coupling of the channels,
                                   by the likelihood of what was observed: for gaps, few of which are shared
                "image"            height x width by the cosine transform
                "auto"             the best of those that fit the shape, by cross-validation
                Structures in time give several channels a full covariance between them. NaN in x means missing: each structure is then
                fitted to what was observed, by EM or by its likelihood, and judged by what others observed
    shrinkage   of full matrices: "oas" (Chen et al. 2010), "ledoit-wolf" (2004), "nonlinear" (Ledoit and Wolf 2020), "none",
                or the weight of the round covariance in [0, 1]. With gaps in x, each of the first three stands for a choice on
                held-out values: how far towards the round covariance, or one that is steady in time (see ``missing_fit``)
    times       for "coregionalised", the time stamps of the samples (time,) in any unit, where they are not even: rising, one per sample
    folds       for the held-out likelihood; default 5 with "auto", otherwise it is left out
    overlap     how many neighbours on either side share samples with a case: those of what a choice holds out (a structure, a rank) are not
                fitted beside it, and ``folds`` are then blocks of neighbours

    x may be a memory-mapped array; "dense" reads it once, in pieces, and "low-rank" a few times. Cost: n d^2 + d^3 for dense,
    n d log d for stationary, n d b for autoregressive; (1 + folds) fits in all.
    Raises ``InputError`` for fewer than two cases (one series is enough for "coregionalised", one with gaps for "dense"), and d too large
    for dense or, with gaps, for any structure but "low-rank".
    """
    stamped = None if times is None else tuple(checks.tensor(times, "times", ndim=(1,)).tolist())
    options = Options(shrinkage, rank, seed, stamped, checks.count(overlap, "overlap", at_least=0))
    shape = _shape(x, structure)
    if structure != "auto":
        check_structure(structure, options, shape[1:])
    elif rank is not None:
        raise InputError(f"rank is {rank}, but structure is 'auto': rank belongs to structure 'low-rank'")
    check_shrinkage(shrinkage)
    asked, folds = folds is not None, folds if folds is not None else FOLDS if structure == "auto" else 0
    if folds or structure == "auto":
        folds = min(checks.count(folds, "folds", at_least=2), shape[0])
        if shape[0] < _FEWEST:
            raise InputError(
                f"x holds {shape[0]} cases, but a held-out likelihood needs at least {_FEWEST}: name a structure and leave folds out"
            )
    table: tuple[Candidate, ...] = ()
    found: tuple[float, float] | None = None
    if structure == "auto":
        parts = turns(shape[0], folds, overlap) if asked else _turns(shape[0], folds, overlap)
        structure, table = choose(checks.tensor(x, "x", missing=True), options, parts, progress=progress)
        found = next((c.held_out, c.error) for c in table if c.structure == structure)
    elif folds:
        scores, _ = held_out(checks.tensor(x, "x", missing=True), structure, options, turns(shape[0], folds, overlap))
        found = float(scores.mean()), standard_error(scores, overlap)
    fitted = _fit(x, shape, structure, options, progress)
    held, error = found if found is not None else (None, None)
    return Estimate(fitted.mean, fitted.covariance, structure, fitted.shrinkage, shape[0], fitted.numbers, held, error, table, fitted.gaps)


def _turns(cases: int, folds: int, overlap: int) -> tuple[Fold, ...]:
    """``folds.turns`` with a number that nobody asked for, which a refusal therefore does not name."""
    try:
        return turns(cases, folds, overlap)
    except InputError:
        raise InputError(
            f"x holds {cases} cases, each of which shares samples with {overlap} on either side: too few are left to choose a structure "
            "by; name a structure, give more cases, or cut windows with a larger hop"
        ) from None


class _Fitted(NamedTuple):
    mean: Tensor
    covariance: Covariance
    shrinkage: float
    numbers: int
    gaps: Gaps | None = None


def _fit(x: object, shape: tuple[int, ...], structure: str, options: Options, progress: Callable[[str], None] | None) -> _Fitted:
    if structure == "dense":
        return _dense(x, shape, options, progress)
    if structure == "low-rank":
        return _low_rank(x, options)
    values = checks.tensor(x, "x", ndim=(2, 3, 4), missing=True)
    if structure == "coregionalised" or bool(torch.isnan(values.sum())):
        return _gappy(values, structure, options, progress)
    shifted = values - values[0]  # exact for entries that are constant, whatever their value
    mean = shifted.mean(0)
    fitted = fit_structure(shifted - mean, structure, options)
    return _Fitted(values[0] + mean, fitted.covariance, fitted.shrinkage, fitted.numbers)


def _gappy(x: Tensor, structure: str, options: Options, progress: Callable[[str], None] | None) -> _Fitted:
    mean, fitted, gaps = fit_gappy(x, structure, options, progress)
    return _Fitted(mean, fitted.covariance, fitted.shrinkage, fitted.numbers, gaps)


def _dense(x: Any, shape: tuple[int, ...], options: Options, progress: Callable[[str], None] | None) -> _Fitted:
    size = math.prod(shape[1:])
    accumulator = Accumulator(size)
    for start in range(0, shape[0], _CHUNK):
        try:
            piece = checks.tensor(x[start : start + _CHUNK], "x", missing=True)
        except InputError:
            checks.tensor(x, "x", missing=True)  # the same error, but with the count and the place in all of x
            raise
        if bool(torch.isnan(piece).any()):
            return _gappy(checks.tensor(x, "x", missing=True), "dense", options, progress)
        accumulator.update(piece.flatten(1))
    centred = checks.tensor(x, "x").flatten(1) - accumulator.mean if options.shrinkage == "ledoit-wolf" else None
    covariance, weight = shrunk(accumulator.covariance(), accumulator.count, options.shrinkage, centred)
    return _Fitted(accumulator.mean.view(shape[1:]), covariance, weight, size * (size + 1) // 2)


def _low_rank(x: object, options: Options) -> _Fitted:
    """Without a float64 copy of float32 data."""
    dtype = torch.float32 if str(getattr(x, "dtype", "")).endswith("float32") else torch.float64
    values = checks.tensor(x, "x", ndim=(2, 3, 4), missing=True, dtype=dtype)
    flat = values.flatten(1)
    if bool(torch.isnan(flat.sum())):
        return _gappy(values.to(torch.float64), "low-rank", options, None)
    flat_mean = row_mean(flat)
    covariance = low_rank(flat, options.rank, mean=flat_mean, seed=options.seed, overlap=options.overlap)
    r, d = covariance.components, covariance.size
    return _Fitted(flat_mean.view(values.shape[1:]), covariance, 0.0, r * d - r * (r - 1) // 2 + 1)


def alone(x: object, shape: tuple[int, ...], structure: str) -> bool:
    """Whether x is one series and the ``structure`` needs no second case: it is steady in time, or falls back to such laws in gaps."""
    if shape[0] != 1 or structure not in ONE_ENOUGH or not is_series(shape[1:]):
        return False
    if structure == "coregionalised":
        return True
    return math.prod(shape) <= ONE_CASE and bool(torch.isnan(checks.tensor(x, "x", missing=True)).any())


def _shape(x: object, structure: str) -> tuple[int, ...]:
    shape: tuple[int, ...] = tuple(x.shape) if hasattr(x, "shape") else tuple(checks.tensor(x, "x", missing=True).shape)
    if len(shape) not in (2, 3, 4):
        raise InputError(f"x has {len(shape)} axes {shape}, but must be (case, *event) with 2 to 4: add a case axis")
    if 0 in shape[1:]:
        raise InputError(f"x is empty {shape}, but every signal must hold at least one value")
    if shape[0] < 2 and not alone(x, shape, structure):
        cases = f"{shape[0]} case{'s' * (shape[0] != 1)}"
        raise InputError(f"x holds {cases}, but a covariance needs at least 2: cut a long recording with window=")
    return shape
