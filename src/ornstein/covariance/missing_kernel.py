"""The law that a handful of values can determine: one kernel in time for all channels, and how strongly they move together.

    Cov(x_ct, x_c't') = B_cc' ((1 - w) k(|t - t'|; tau) + w delta_tt')

tau and w are two numbers, found by restricted likelihood, which takes the unknown level and variance of every channel into account
(Patterson and Thompson 1971); large tau and w = 0 is the random walk, whose conditional means are straight lines.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from ornstein.common.random import Noise
from ornstein.covariance.coregionalised import grid
from ornstein.covariance.lagged import lagged
from ornstein.covariance.missing_blocks import entries, factored
from ornstein.covariance.time_kernels import TimeKernel

KINDS = ("exponential", "matern-3/2")
_SHORTEST, _LONGEST, _REACHES = 0.5, 30.0, 9
_WHITE = (0.0, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
"""White variance over that of a step of the kernel, 1 - k(1): what short lags tell, whatever the reach."""
_JITTER = 1e-6
_PIECE = 256
"""Times that are taken together: beyond them the parts of a long series count as series of their own."""
_ROUNDS = 2
_OPEN = 1e3
_VALUES, _ROWS = 2000, 120
_STREAM = 5 << 20


@dataclass(frozen=True, eq=False)
class OneKernel:
    """levels (channel,) and variances (channel,); correlation (time, time); coupling (channel, channel), its diagonal 1.

    free  variance of the level of a case, in variances of its channel: one case shows nothing of it, so it is left open
    """

    levels: Tensor
    variances: Tensor
    correlation: Tensor
    coupling: Tensor
    free: float = 0.0

    def moments(self, coupled: float) -> tuple[Tensor, Tensor]:
        """Mean (d,) and covariance (d, d), with the correlations between channels times ``coupled``."""
        eye = torch.eye(len(self.levels), dtype=torch.float64)
        deviation = self.variances.sqrt()
        channels = torch.outer(deviation, deviation) * (coupled * self.coupling + (1 - coupled) * eye)
        covariance = torch.kron(channels, self.correlation)
        if self.free:
            covariance += self.free * torch.kron(torch.diag(self.variances), torch.ones_like(self.correlation))
        return self.levels.repeat_interleave(len(self.correlation)), covariance


def fit_one_kernel(x: Tensor, seed: int = 0) -> OneKernel:
    """From x (case, channel, time) with gaps; the search sees some 2000 of its values. A channel that nobody observed has variance 0.

    Cost: some sixty times a Cholesky factor of what each row saw.
    """
    channels, length = x.shape[1:]
    rows, owner = pieces(x)
    some = Noise(seed).uniform(1, (len(rows),), _STREAM)[0].argsort()
    some = some[(~rows[some].isnan()).any(1)]
    reach = (~rows[some].isnan()).sum(1).cumsum(0) <= _VALUES
    some = some[: max(_ROWS, int(reach.sum()))]
    best = min((_search(kind, rows[some], owner[some], channels, length) for kind in KINDS), key=lambda found: found[0])
    correlation = _correlation(*best[1:], length)
    width = rows.shape[1]
    profile = profile_of(correlation[:width, :width], batches_of(rows, owner), channels)
    lag = lagged(x - profile.levels.unsqueeze(1), grid(length))
    shape = correlation[0].view(-1, 1, 1)
    together = (lag.sums * shape).sum(0) / (lag.counts * shape.square()).sum(0).clamp_min(1e-12)
    return OneKernel(profile.levels, profile.variances, correlation, _as_correlation(together), _OPEN if len(x) == 1 else 0.0)


def _correlation(kind: str, reach: float, white: float, length: int) -> Tensor:
    lag = (grid(length).unsqueeze(1) - grid(length)).abs()
    kernel = TimeKernel(kind, reach).of(lag)
    noise = white * float(1 - kernel[0, 1]) + _JITTER
    return (kernel + noise * torch.eye(length, dtype=torch.float64)) / (1 + noise)


def pieces(x: Tensor) -> tuple[Tensor, Tensor]:
    """Rows of at most 256 times from x (case, channel, time), and the channel of each."""
    n, channels, length = x.shape
    width = min(length, _PIECE)
    padded = torch.nn.functional.pad(x, (0, -length % width), value=math.nan)
    return padded.reshape(-1, width), torch.arange(channels).repeat_interleave(padded.shape[2] // width).repeat(n)


def _search(kind: str, rows: Tensor, owner: Tensor, channels: int, length: int) -> tuple[float, str, float, float]:
    """(misfit, kind, reach, white noise) at the best of a grid, one after the other."""
    reaches = torch.logspace(math.log10(_SHORTEST), math.log10(_LONGEST * length), _REACHES, dtype=torch.float64).tolist()
    tried: dict[tuple[float, float], float] = {}

    batches = list(batches_of(rows, owner))

    def misfit(at: tuple[float, float]) -> float:
        if at not in tried:
            tried[at] = profile_of(_correlation(kind, *at, rows.shape[1]), batches, channels).misfit
        return tried[at]

    reach, white = reaches[_REACHES // 2], _WHITE[1]
    for _ in range(_ROUNDS):
        reach = min(reaches, key=lambda r: misfit((r, white)))
        white = min(_WHITE, key=lambda w: misfit((reach, w)))
    return misfit((reach, white)), kind, reach, white


@dataclass(frozen=True, eq=False)
class _Batch:
    """Rows of nearly equal width: the places (b, k, k) of what they saw in a correlation, which of the k are real, the values and
    ones there (b, k, 2), and the channel of each row."""

    place: Tensor
    real: Tensor
    values: Tensor
    owner: Tensor


def batches_of(rows: Tensor, owner: Tensor) -> Iterator[_Batch]:
    """Rows (row, time) of the channels ``owner`` (row,), by how many values they saw."""
    seen = ~torch.isnan(rows)
    for some, index, real in entries(seen, seen.any(1)):
        values = torch.where(real, rows[some].gather(1, index), 0.0)
        place = index.unsqueeze(2) * rows.shape[1] + index.unsqueeze(1)
        yield _Batch(place, real, torch.stack([values, real.to(values)], 2), owner[some])


@dataclass(frozen=True, eq=False)
class Profile:
    """Levels and variances (channel,) of the channels under one correlation, and how badly it fits: -2 times the log-likelihood."""

    levels: Tensor
    variances: Tensor
    misfit: float


def profile_of(correlation: Tensor, batches: Iterable[_Batch], channels: int) -> Profile:
    """Levels and variances of the channels under a correlation, and -2 times the restricted log-likelihood.

    level = 1^T S^-1 x / 1^T S^-1 1,    variance = Q / (N - 1),    (N - 1) log variance + log det S + log 1^T S^-1 1
    """
    count, weight, first, second, logdet = (torch.zeros(channels, dtype=torch.float64) for _ in range(5))
    for batch in batches:
        factor = factored(correlation.flatten()[batch.place], batch.real)
        white = torch.linalg.solve_triangular(factor, batch.values, upper=False)
        products = white.mT @ white
        second.index_add_(0, batch.owner, products[:, 0, 0])
        first.index_add_(0, batch.owner, products[:, 0, 1])
        weight.index_add_(0, batch.owner, products[:, 1, 1])
        logdet.index_add_(0, batch.owner, 2 * factor.diagonal(dim1=1, dim2=2).log().sum(1))
        count.index_add_(0, batch.owner, batch.values[:, :, 1].sum(1))
    levels = torch.where(weight > 0, first / weight, 0.0)
    left = (count - 1).clamp_min(1)
    rest = (second - first * levels).clamp_min(0)
    variances = torch.where(rest > 1e-14 * second, rest, 0.0) / left
    alive = variances > 0
    misfit = ((count - 1) * variances.log() + logdet + weight.log())[alive].sum()
    return Profile(levels, variances, float(misfit))


def _as_correlation(matrix: Tensor) -> Tensor:
    """The nearest thing to a correlation: negative eigenvalues gone, diagonal 1."""
    own = matrix.diagonal().clamp_min(0).sqrt()
    own = torch.where(own > 0, own, 1.0)
    eigenvalues, basis = torch.linalg.eigh(matrix / torch.outer(own, own))
    positive = (basis * eigenvalues.clamp_min(0)) @ basis.mT
    scale = positive.diagonal().clamp_min(1e-12).sqrt()
    found: Tensor = positive / torch.outer(scale, scale)
    found.diagonal().fill_(1.0)
    return found
