"""Second moments of series with gaps by lag, from the pairs that were seen, and the sum of kernels nearest to them.

    C_ab(l) = sum over cases and t of r_at r_b,t+l / their number,      min over B_j >= 0 of sum_l n_ab(l) (C_ab(l) - sum_j B_j,ab k_j(l))^2

A fit by moments needs no inverse: it is where the likelihood starts from, and all there is where values are few. Cost: FFTs of every
case on a grid, all pairs of times otherwise, and a least-squares problem of a few unknowns per pair of channels (Goulard and Voltz 1992).
"""

from __future__ import annotations

import itertools
import math
from typing import NamedTuple

import torch
from torch import Tensor

from ornstein.covariance.base import refuse_dense
from ornstein.covariance.coregionalised import Coregionalised, grid
from ornstein.covariance.time_kernels import TimeKernel

_ROUNDS = 6
_SHORTEST = 0.7
_LONGEST = 2.0
_SCALES = 7
_NUGGET = 0.02
_BINS = 200
_CHUNK = 1 << 23


class Lagged(NamedTuple):
    """Distances (lag,), and at each the sums of products and the numbers of pairs, (lag, channel, channel), symmetric in the channels."""

    distance: Tensor
    sums: Tensor
    counts: Tensor


def lagged(r: Tensor, times: Tensor) -> Lagged:
    """The products of residuals r (case, channel, time), NaN for gaps, by the distance of their times (time,), or (case, time)."""
    steps = times.diff()
    if times.ndim > 1:
        return _all_pairs(r, times)
    if len(steps) and float(steps.max() - steps.min()) > 1e-9 * float(steps.max()):
        return _all_pairs(r, times)
    _, channels, length = r.shape
    seen = ~torch.isnan(r)
    sums, counts = (torch.zeros(length, channels, channels, dtype=torch.float64) for _ in range(2))
    for part, there in zip(*(v.split(max(1, _CHUNK // (2 * channels * length))) for v in (torch.nan_to_num(r), seen)), strict=True):
        for total, values in ((sums, part), (counts, there.to(torch.float64))):
            spectrum = torch.fft.rfft(values, n=2 * length).permute(2, 1, 0)
            cross = torch.fft.irfft(spectrum.conj() @ spectrum.mT, n=2 * length, dim=0)[:length]
            total += (cross + cross.mT) / 2
    return Lagged(times - times[0], sums, counts.round(decimals=3))


def _all_pairs(r: Tensor, times: Tensor) -> Lagged:
    """On uneven stamps: every pair of times of a case, distance 0 apart, the others in bins of equal number.

    Cases with times of their own go one by one, so that the memory is that of one case's pairs.
    """
    _, channels, length = r.shape
    refuse_dense(channels * length, "a sum of kernels on uneven time stamps")
    rows = times.view(-1, length)
    apart = (rows.unsqueeze(2) - rows.unsqueeze(1)).abs().flatten(1)
    ordered = apart[apart > 0].sort().values
    edges = ordered[torch.linspace(0, len(ordered) - 1, min(_BINS, length), dtype=torch.float64).long()].unique()
    bins = torch.where(apart > 0, 1 + torch.searchsorted(edges[1:].contiguous(), apart), torch.zeros((), dtype=torch.long))
    many = torch.bincount(bins.flatten(), minlength=int(bins.max()) + 1).clamp_min(1)
    distance = torch.zeros(len(many), dtype=torch.float64).index_add_(0, bins.flatten(), apart.flatten()) / many
    sums, counts = (torch.zeros(len(many), channels, channels, dtype=torch.float64) for _ in range(2))
    for case, place in zip(r.split(1) if len(rows) > 1 else [r], bins, strict=True):
        for total, values in ((sums, torch.nan_to_num(case)), (counts, (~torch.isnan(case)).to(torch.float64))):
            flat = values.flatten(1)
            products = (flat.T @ flat).view(channels, length, channels, length).permute(1, 3, 0, 2).reshape(-1, channels, channels)
            total.index_add_(0, place, products)
    return Lagged(distance, (sums + sums.mT) / 2, (counts + counts.mT) / 2)


def fit_by_moments(x: Tensor, times: Tensor | None = None, *, coupled: float = 1.0) -> Coregionalised:
    """Constant, slow, fast and white kernels whose covariance is nearest to the moments by lag of x (case, channel, time).

    ``coupled`` multiplies what the channels share: 0 takes every channel by itself. Time constants are the best pair of a grid from
    0.7 samples to two windows. Every channel needs a value. One case cannot tell its level from the mean: without a constant kernel.
    """
    channels, length = x.shape[1:]
    times = grid(length) if times is None else times
    levels = x.nanmean((0, 2))
    distance, sums, counts = lagged(x - levels.unsqueeze(1), times)
    scale = (sums[0].diagonal() / counts[0].diagonal().clamp_min(1)).sqrt()
    scale = torch.where(scale > 0, scale, torch.ones_like(scale))
    eye = torch.eye(channels, dtype=torch.float64)
    moments = sums / counts.clamp_min(1) / torch.outer(scale, scale) * (coupled + (1 - coupled) * eye)
    step = float((times[..., -1] - times[..., 0]).mean() / (length - 1))
    reaches = torch.logspace(math.log10(_SHORTEST), math.log10(_LONGEST * length), _SCALES, dtype=torch.float64) * step
    level = (TimeKernel("constant"),) if len(x) > 1 else ()
    found = []
    for slow, fast in itertools.combinations(reversed(reaches.tolist()), 2):
        kernels = (*level, TimeKernel("exponential", slow), TimeKernel("exponential", fast), TimeKernel("white"))
        table = torch.stack([kernel.of(distance) for kernel in kernels])
        couplings = _nearest(moments, counts, table)
        misfit = float((counts * (moments - torch.einsum("jab,jl->lab", couplings, table)).square()).sum())
        found.append((misfit, kernels, couplings))
    _, kernels, couplings = min(found, key=lambda candidate: candidate[0])
    factors = torch.linalg.cholesky(couplings + 1e-9 * eye)
    nugget = scale**2 * (1e-6 + _NUGGET * couplings[-1].diagonal())
    return Coregionalised(levels, kernels, scale.view(1, -1, 1) * factors, nugget)


def _nearest(moments: Tensor, counts: Tensor, kernels: Tensor) -> Tensor:
    """B (J, channel, channel), positive semi-definite each, by rounds over the kernels."""
    found = moments.new_zeros(len(kernels), *moments.shape[1:])
    weights = torch.einsum("lab,jl->jab", counts, kernels.square()).clamp_min(1e-12)
    rest = moments.clone()
    for _ in range(_ROUNDS):
        for j, kernel in enumerate(kernels):
            shape = kernel.view(-1, 1, 1)
            rest = rest + found[j] * shape
            found[j] = _positive((counts * rest * shape).sum(0) / weights[j])
            rest = rest - found[j] * shape
    return found


def _positive(matrix: Tensor) -> Tensor:
    eigenvalues, basis = torch.linalg.eigh((matrix + matrix.mT) / 2)
    positive: Tensor = (basis * eigenvalues.clamp_min(0)) @ basis.mT
    return positive
