"""Sums of kernels by the likelihood of what was observed, its gradient in closed form."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ornstein.common.errors import InputError
from ornstein.common.gradients import with_gradients
from ornstein.common.random import Noise
from ornstein.covariance.coregionalised import Coregionalised, grid
from ornstein.covariance.lagged import fit_by_moments
from ornstein.covariance.missing_blocks import entries, factored
from ornstein.covariance.time_kernels import SCALED, TimeKernel, correlation

PASSES, BATCH, STEPS = 7, 100, 100
"""Passes over the cases in batches, and the least number of steps."""
_FEW = 8
"""Pieces of a batch where each has times of its own, and so its own table of kernels."""
_RATE = 0.02
"""Five passes at 0.015, which was the best of 0.06, 0.03 and 0.015, lose 0.001 to 0.003 of CRPS on 398 intensive-care records held out."""
WHOLE, _PIECE, _SHORTEST = 1024, 384, 16
"""Values up to which a case is taken as a whole; entries of a piece of a longer one, and samples that it has at least."""
_STREAM = 4 << 20


@dataclass(frozen=True, eq=False)
class Lags:
    """The distances of times: all different ones (lag,), and which of them belongs to each pair of a case, (case, time, time), or of all
    cases, (1, time, time)."""

    distance: Tensor
    place: Tensor

    @classmethod
    def on(cls, times: Tensor) -> Lags:
        """Those of the times (time,) of all cases, where distances equal to nine digits of the longest are one, or (case, time) of each."""
        rows = times.view(-1, times.shape[-1])
        apart = (rows.unsqueeze(2) - rows.unsqueeze(1)).abs()
        if times.ndim > 1:
            return cls(apart.flatten(), torch.arange(apart.numel()).view_as(apart))
        unit = float(apart.max()) * 1e-9 or 1.0
        whole, place = torch.unique((apart / unit).round(), return_inverse=True)
        return cls(whole * unit, place)


def likelihood_gradient(x: Tensor, levels: Tensor, table: Tensor, nugget: Tensor, lags: Lags) -> tuple[float, Tensor, Tensor, Tensor]:
    """-log p of what x (case, channel, time) observed, summed, and its gradients by levels (channel,), table (lag, channel, channel)
    and nugget (channel,), in closed form.

        d/dSigma = 1/2 sum_i P_i^T (S_i^-1 - a_i a_i^T) P_i,     d/dmu = -sum_i P_i^T a_i,     a_i = S_i^-1 (x_i - mu)_seen

    with S_i the block of Sigma that case i saw. Cost: a Cholesky factor and an inverse of every block.
    """
    _, channels, length = x.shape
    r = (x - levels.unsqueeze(1)).flatten(1)
    seen = ~torch.isnan(r)
    by_levels, by_table, by_nugget = torch.zeros_like(levels), torch.zeros_like(table).flatten(), torch.zeros_like(nugget)
    total = 0.5 * math.log(2 * math.pi) * float(seen.sum())
    flat = table.flatten()
    for some, index, real in entries(seen, seen.any(1)):
        channel, time = index // length, index % length
        case = some.view(-1, 1, 1) if len(lags.place) > 1 else 0
        place = (lags.place[case, time.unsqueeze(2), time.unsqueeze(1)] * channels + channel.unsqueeze(2)) * channels + channel.unsqueeze(1)
        block = flat[place]
        block.diagonal(dim1=1, dim2=2).add_(nugget[channel])
        factor = factored(block, real)
        values = torch.where(real, r[some].gather(1, index), 0.0)
        solved = torch.cholesky_solve(values.unsqueeze(2), factor).squeeze(2)
        total += 0.5 * float((values * solved).sum()) + float(factor.diagonal(dim1=1, dim2=2).log().sum())
        inner = torch.cholesky_inverse(factor) - solved.unsqueeze(2) * solved.unsqueeze(1)
        inner = torch.where(real.unsqueeze(1) & real.unsqueeze(2), inner / 2, 0.0)
        by_table.index_add_(0, place.flatten(), inner.flatten())
        by_nugget.index_add_(0, channel.flatten(), inner.diagonal(dim1=1, dim2=2).flatten())
        by_levels.index_add_(0, channel.flatten(), -torch.where(real, solved, 0.0).flatten())
    return total, by_levels, by_table.view_as(table), by_nugget


@with_gradients
def fit_coregionalised(
    x: Tensor,
    times: Tensor | None = None,
    *,
    start: Coregionalised | None = None,
    seed: int = 0,
    progress: Callable[[str], None] | None = None,
) -> Coregionalised:
    """Maximum likelihood on the observed values of x (case, channel, time) by Adam (Kingma and Ba 2015) over minibatches of 100 cases.

    ``times`` (time,) are the stamps of the samples, in any unit and with any distances (default: 0, 1, 2, ...). Started from the
    moments by lag, or from ``start``, whose kernels are kept. Seven passes, or 100 steps where cases are few. Cases without a value say
    nothing and are left out; where one saw more than 1024 values, all are fitted in pieces, whose neighbours count as independent.
    Cost per pass: see ``likelihood_gradient``; a case, or piece, that saw k values takes k^3 operations.
    Raises ``InputError`` for a channel without any value.
    """
    length = x.shape[2]
    empty = torch.isnan(x).all(2).all(0).nonzero()[:, 0]
    if len(empty):
        raise InputError(f"channel {int(empty[0])} of x has no observed value: drop it")
    centre = x.nanmean((0, 2))
    deviation = (x - centre.unsqueeze(1)).square().nanmean((0, 2)).sqrt()
    scale = torch.where(deviation > 1e-12 * centre.abs(), deviation, torch.ones_like(deviation))
    u = (x - centre.unsqueeze(1)) / scale.unsqueeze(1)
    stamps = grid(length) if times is None else times
    pieces, placed = _pieces(u, stamps)
    first = fit_by_moments(*((pieces, placed) if placed.ndim > 1 else (u, stamps))) if start is None else _scaled(start, centre, scale)
    law, u, stamps = _Free.at(first), pieces, placed
    shared = Lags.on(stamps) if stamps.ndim == 1 else None
    batches = -(-len(u) // (BATCH if shared else _FEW))
    steps = max(PASSES * batches, STEPS)
    optimiser = torch.optim.Adam(law.parameters, lr=_RATE, betas=(0.9, 0.98))
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda k: 0.5 * (1 + math.cos(math.pi * k / steps)))
    for step in range(steps):
        if step % batches == 0:
            order = Noise(seed).uniform(1, (len(u),), _STREAM + 1 + step)[0].argsort()
        chosen = order[step % batches :: batches]
        some, lags = u[chosen], shared or Lags.on(stamps[chosen])
        table, nugget = law.table(lags.distance), law.nugget.exp()
        level, *gradients = likelihood_gradient(some, law.levels.detach(), table.detach(), nugget.detach(), lags)
        count = int((~torch.isnan(some)).sum())
        optimiser.zero_grad()
        torch.autograd.backward([law.levels, table, nugget], [g / count for g in gradients])
        optimiser.step()
        schedule.step()
        if progress is not None and (step + 1) % batches == 0:
            progress(f"coregionalised: step {step + 1} of {steps}, {level / count:.3f} nats per value")
    found = law.law()
    return Coregionalised(centre + scale * found.levels, found.kernels, scale.view(1, -1, 1) * found.factors, scale**2 * found.nugget)


def _pieces(x: Tensor, times: Tensor) -> tuple[Tensor, Tensor]:
    """Cases that saw something, and their times (time,); long ones are cut into pieces, cases of their own with times (case, time) where
    these are uneven."""
    width = max(_SHORTEST, _PIECE // x.shape[1])
    steps, extra = times.diff(), -x.shape[2] % width
    if int((~torch.isnan(x)).flatten(1).sum(1).max()) > WHOLE and x.shape[2] > width:
        whole = torch.nn.functional.pad(x, (0, extra), value=math.nan)
        after = times[-1] + steps.mean() * torch.arange(1, extra + 1)
        uneven = float(steps.max() - steps.min()) > 1e-9 * float(steps.max())
        times = torch.cat([times, after]).unfold(0, width, width).repeat(len(x), 1) if uneven else times[:width]
        x = whole.unfold(2, width, width).transpose(1, 2).flatten(0, 1)
    seen = (~torch.isnan(x)).flatten(1).any(1)
    return x[seen], times[seen] if times.ndim > 1 else times


def _scaled(law: Coregionalised, centre: Tensor, scale: Tensor) -> Coregionalised:
    return Coregionalised((law.levels - centre) / scale, law.kernels, law.factors / scale.view(1, -1, 1), law.nugget / scale**2)


@dataclass(frozen=True, eq=False)
class _Free:
    """What the search moves: levels, factors, and the logarithms of time constants and nuggets."""

    kernels: tuple[TimeKernel, ...]
    levels: Tensor
    factors: Tensor
    scales: Tensor
    nugget: Tensor

    @classmethod
    def at(cls, law: Coregionalised) -> _Free:
        scales = torch.tensor([kernel.scale for kernel in law.kernels], dtype=torch.float64).log()
        tensors = [law.levels.clone(), law.factors.clone(), scales, law.nugget.log()]
        return cls(law.kernels, *(tensor.detach().requires_grad_() for tensor in tensors))

    @property
    def parameters(self) -> list[Tensor]:
        return [self.levels, self.factors, self.scales, self.nugget]

    def table(self, distance: Tensor) -> Tensor:
        """sum_j B_j k_j at every distance, (lag, channel, channel)."""
        values = [
            correlation(kernel.name, distance, scale.exp() if kernel.name in SCALED else scale.detach().exp())
            for kernel, scale in zip(self.kernels, self.scales, strict=True)
        ]
        return torch.einsum("jab,jl->lab", self.factors @ self.factors.mT, torch.stack(values))

    def law(self) -> Coregionalised:
        kernels = tuple(TimeKernel(k.name, float(s)) for k, s in zip(self.kernels, self.scales.detach().exp(), strict=True))
        return Coregionalised(self.levels.detach(), kernels, self.factors.detach(), self.nugget.detach().exp())
