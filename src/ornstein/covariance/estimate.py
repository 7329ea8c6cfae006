"""Mean and covariance from data: one call, a structure of choice, shrinkage where data are few."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from sklearn.covariance import ledoit_wolf_shrinkage
from torch import Tensor

from ornstein import checks
from ornstein.covariance.accumulator import Accumulator
from ornstein.covariance.base import Spectral, refuse_dense
from ornstein.covariance.missing import expectation_maximization
from ornstein.covariance.structures import Dense, Diagonal, Kronecker, LowRank, Stationary
from ornstein.errors import InputError, unknown_name

STRUCTURES = ("dense", "diagonal", "low-rank", "stationary", "kronecker")
SHRINKAGES = ("none", "ledoit-wolf", "oas")
_CHUNK = 8192
_EXPLAINED = 0.99
_FLIPS = 20


@dataclass(frozen=True)
class Estimate:
    """A fitted Gaussian: mean (*event), covariance operator of size d, and what it rests on.

    ``shrinkage`` is the weight of the round covariance (tr S / d) I in the estimate; ``count`` the number of cases.
    """

    mean: Tensor
    covariance: Spectral
    shrinkage: float
    count: int


def estimate(x: object, structure: str = "dense", *, shrinkage: str | float = "oas", rank: int | None = None) -> Estimate:
    """Mean and covariance of signals (case, *event), in float64.

    structure   "dense"       any covariance; NaN in x means missing and is handled by EM
                "diagonal"    independent entries
                "low-rank"    probabilistic PCA: ``rank`` directions (default: 99 % of the variance) and a floor
                "stationary"  circulant in time; several channels get a full covariance between them
                "kronecker"   channel (x) time, both full, by maximum likelihood (flip-flop)
    shrinkage   "oas" (Chen et al. 2010), "ledoit-wolf" (2004), "none", or the weight itself in [0, 1]; used where a full
                matrix is estimated.

    x may be a memory-mapped array: it is read once, in pieces. Cost: n d^2 + d^3 for dense, n d log d for stationary.
    Raises ``InputError`` for NaN where the structure cannot use it, fewer than two cases, and d too large for dense.
    """
    shape = tuple(getattr(x, "shape", ()))
    check_choices(structure, shrinkage, rank, shape[1:])
    if structure == "dense" and len(shape) > 1:
        refuse_dense(int(torch.Size(shape[1:]).numel()), "a dense covariance")
    if structure == "dense":
        return _dense(x, shrinkage)
    values = checks.tensor(x, "x", ndim=(2, 3, 4))
    _check_size(tuple(values.shape))
    shifted = values - values[0]  # exact for entries that are constant, whatever their value
    mean = shifted.mean(0)
    covariance, weight = fit_structure(shifted - mean, structure, shrinkage, rank)
    return Estimate(values[0] + mean, covariance, weight, len(values))


def fit_structure(
    centred: Tensor, structure: str, shrinkage: str | float, rank: int | None, count: float | None = None
) -> tuple[Spectral, float]:
    """The operator that fits centred signals (case, *event), and its shrinkage weight.

    Rows may be scaled by the square roots of weights that average to 1; ``count`` is then the effective number of cases.
    """
    flat = centred.flatten(1)
    if structure == "dense":
        refuse_dense(flat.shape[1], "a dense covariance")
        matrix = flat.T @ flat / len(flat)
        weight = _weight(matrix, len(flat) if count is None else count, flat, shrinkage)
        return shrink(matrix, weight), weight
    if structure == "diagonal":
        return Diagonal((flat**2).mean(0)), 0.0
    if structure == "low-rank":
        return low_rank(flat, rank), 0.0
    if centred.ndim > 2 and centred.shape[1] > 1:
        return kronecker(centred.flatten(2), structure, shrinkage, count)
    if structure == "kronecker":
        raise InputError(
            f"structure 'kronecker' needs several channels, but the signals have shape {tuple(centred.shape[1:])}: "
            "use 'dense' or 'stationary'"
        )
    return stationary(flat), 0.0


def oas_weight(covariance: Tensor, count: float) -> float:
    """The oracle-approximating weight of Chen et al. (2010), eq. 23, from the covariance alone (so it also serves streams)."""
    size = covariance.shape[0]
    mu2 = (covariance.trace() / size) ** 2
    alpha = (covariance**2).mean()
    above = (count + 1.0) * (alpha - mu2 / size)
    return 1.0 if float(above) <= 0 else min(1.0, float((alpha + mu2) / above))


def shrink(matrix: Tensor, weight: float) -> Dense:
    """(1 - weight) S + weight (tr S / d) I: the eigenvectors of S with eigenvalues drawn towards their mean."""
    dense = Dense(matrix)
    if weight == 0:
        return dense
    round_variance = matrix.trace() / matrix.shape[0]
    return dense.replace((1 - weight) * dense.eigenvalues + weight * round_variance)


def _dense(x: object, shrinkage: str | float) -> Estimate:
    shape: tuple[int, ...] = tuple(x.shape) if hasattr(x, "shape") else tuple(checks.tensor(x, "x", missing=True).shape)
    if len(shape) not in (2, 3, 4):
        raise InputError(f"x has {len(shape)} axes {shape}, but must be (case, *event) with 2 to 4: add a case axis")
    _check_size(shape)
    accumulator = Accumulator(int(torch.Size(shape[1:]).numel()))
    gaps = False
    for start in range(0, shape[0], _CHUNK):
        try:
            piece = checks.tensor(x[start : start + _CHUNK], "x", missing=True)  # type: ignore[index]
        except InputError:
            checks.tensor(x, "x", missing=True)  # the same error, but with the count and the place in all of x
            raise
        if bool(torch.isnan(piece).any()):
            gaps = True
            break
        accumulator.update(piece.flatten(1))
    if gaps:
        return _dense_with_gaps(checks.tensor(x, "x", missing=True), shrinkage)
    matrix = accumulator.covariance()
    centred = checks.tensor(x, "x").flatten(1) - accumulator.mean if shrinkage == "ledoit-wolf" else None
    weight = _weight(matrix, accumulator.count, centred, shrinkage)
    return Estimate(accumulator.mean.view(shape[1:]), shrink(matrix, weight), weight, shape[0])


def _dense_with_gaps(x: Tensor, shrinkage: str | float) -> Estimate:
    """EM; the shrinkage weight is that of the data with every gap at its entry's mean."""
    flat = x.flatten(1)
    shifted = flat - flat.nanmedian(0).values
    centred = torch.nan_to_num(shifted - shifted.nanmean(0))
    weight = _weight(centred.T @ centred / len(flat), len(flat), centred, shrinkage)
    mean, matrix = expectation_maximization(flat, weight)
    return Estimate(mean.view(x.shape[1:]), Dense(matrix), weight, len(flat))


def _weight(matrix: Tensor, count: float, centred: Tensor | None, shrinkage: str | float) -> float:
    if not isinstance(shrinkage, str):
        return float(shrinkage)
    if shrinkage == "ledoit-wolf" and centred is not None:
        return float(ledoit_wolf_shrinkage(centred.numpy(), assume_centered=True))
    return oas_weight(matrix, count) if shrinkage == "oas" else 0.0


def low_rank(centred: Tensor, rank: int | None) -> LowRank:
    """Probabilistic PCA by maximum likelihood (Tipping and Bishop 1999): the floor is the mean of the discarded eigenvalues."""
    n, d = centred.shape
    _, singular, basis = torch.linalg.svd(centred, full_matrices=False)
    rounding = max(n, d) * torch.finfo(singular.dtype).eps * singular.max()
    eigenvalues = torch.where(singular > rounding, singular, torch.zeros_like(singular)) ** 2 / n
    total = eigenvalues.sum()
    if rank is None:
        explained = torch.cumsum(eigenvalues, 0) / total.clamp_min(torch.finfo(torch.float64).tiny)
        rank = int((explained < _EXPLAINED).sum()) + 1
    rank = min(rank, len(eigenvalues))
    floor = float(eigenvalues[rank:].sum() / (d - rank)) if rank < d else 0.0
    return LowRank(basis[:rank].T, eigenvalues[:rank], floor)


def stationary(centred: Tensor) -> Stationary:
    """Circulant maximum likelihood: the mean periodogram, |FFT|^2 / d averaged over cases (..., time)."""
    power = torch.fft.fft(centred, norm="ortho").abs() ** 2
    return Stationary.from_spectrum(power.reshape(-1, centred.shape[-1]).mean(0))


def kronecker(centred: Tensor, structure: str, shrinkage: str | float, count: float | None = None) -> tuple[Kronecker, float]:
    """Separable maximum likelihood by flip-flop (Dutilleul 1999) for x (case, channel, time).

        L = (1 / n T) sum_i X_i R^-1 X_i^T,      R = (1 / n C) sum_i X_i^T L^-1 X_i,      tr L = C

    With structure "stationary" R is circulant. Channels that depend on each other (a common average reference) leave L of
    rank r < C, and r takes the place of C in R. ``count`` is the effective number of cases where they carry weights.
    Returns the operator and the weight by which R was shrunk.
    """
    n, channels, time = centred.shape
    refuse_dense(max(channels, 0 if structure == "stationary" else time), "a Kronecker factor")
    left: Spectral = Diagonal(torch.ones(channels, dtype=centred.dtype))
    weight = 0.0
    for _ in range(_FLIPS):
        across = left.whiten(centred.transpose(1, 2)).transpose(1, 2) * math.sqrt(channels / left.rank())
        cases = (n if count is None else count) * left.rank()
        right, weight = _right(across.reshape(n * channels, time), cases, structure, shrinkage)
        if right.rank() == 0:
            break
        along = right.whiten(centred).transpose(1, 2).reshape(n * time, channels)
        matrix = along.T @ along / len(along)
        updated = Dense(matrix * (channels / matrix.trace()))
        settled = isinstance(left, Dense) and bool((updated.dense() - left.dense()).norm() < 1e-10 * channels)
        left = updated
        if settled:
            break
    return Kronecker(left, right), weight


def _right(rows: Tensor, count: float, structure: str, shrinkage: str | float) -> tuple[Spectral, float]:
    if structure == "stationary":
        return stationary(rows), 0.0
    matrix = rows.T @ rows / len(rows)
    weight = _weight(matrix, count, rows, shrinkage)
    return shrink(matrix, weight), weight


def check_choices(structure: str, shrinkage: str | float, rank: int | None, event_shape: tuple[int, ...]) -> None:
    """Refuse unknown names and a rank that does not fit, before any work."""
    if structure not in STRUCTURES:
        raise unknown_name("structure", structure, STRUCTURES)
    _check_shrinkage(shrinkage)
    if rank is not None:
        checks.count(rank, "rank", at_most=max(math.prod(event_shape), 1))
        if structure != "low-rank":
            raise InputError(f"rank is {rank}, but structure is {structure!r}: rank belongs to structure 'low-rank'")


def _check_shrinkage(shrinkage: str | float) -> None:
    if isinstance(shrinkage, str):
        if shrinkage not in SHRINKAGES:
            raise unknown_name("shrinkage", shrinkage, SHRINKAGES)
    elif not 0 <= checks.real(shrinkage, "shrinkage") <= 1:
        raise InputError(f"shrinkage is {shrinkage:g}, but must lie between 0 (none) and 1 (round)")


def _check_size(shape: tuple[int, ...]) -> None:
    count = shape[0]
    if 0 in shape[1:]:
        raise InputError(f"x is empty {shape}, but every signal must hold at least one value")
    if count < 2:
        raise InputError(f"x holds {count} case{'s' * (count != 1)}, but a covariance needs at least 2: cut a long recording with window=")
