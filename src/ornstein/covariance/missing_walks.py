"""Random walks about the level of the data: laws whose conditional means are straight lines, and whose draws lie where the values do.

    Cov(x_t, x_s) = A - v |t - s| / 2,      v the variance of a step,  A that of a value

The increments are those of a random walk, so the mean between two values is the straight line between them, whatever A is. Before the first
value y, and after the last, it leaves y for the mean m by v / 2A of y - m a step, or less where several values were seen; with A without
bounds it stays at y, and the law has no level.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ornstein.covariance.coregionalised import grid
from ornstein.covariance.missing_kernel import batches_of, pieces, profile_of

FAR, NEAR = 50.0, 0.5
"""Least variance of a value, in that of the walk over a whole window: at the end of a window of which the other end alone was seen, the
conditional mean has gone a hundredth of the way back to the level, or all of it. Below a quarter there is no such law."""
_ALONE = 6.0
_REACH = 1e4
"""Windows that the exponential kernel reaches whose steps are measured: an open level."""


@dataclass(frozen=True, eq=False)
class Walks:
    """levels (channel,), variances of a step and of a value (channel,), and the number of times."""

    levels: Tensor
    steps: Tensor
    values: Tensor
    length: int

    def moments(self, least: float) -> tuple[Tensor, Tensor]:
        """Mean (d,) and covariance (d, d), a value varying by at least ``least`` times the walk over the window."""
        lag = (grid(self.length).unsqueeze(1) - grid(self.length)).abs()
        values = torch.maximum(self.values, least * self.length * self.steps)
        blocks = values.view(-1, 1, 1) - self.steps.view(-1, 1, 1) * lag / 2
        return self.levels.repeat_interleave(self.length), torch.block_diag(*blocks)

    def wider(self, least: float) -> float:
        """How many times the deviation of a value exceeds that of the data, in the channel where it does most."""
        alive = self.values > 0
        ratio = least * self.length * self.steps[alive] / self.values[alive]
        return float(ratio.max().clamp_min(1).sqrt()) if len(ratio) else 1.0


def random_walks(x: Tensor) -> Walks:
    """Independent random walks, one for every channel of x (case, channel, time) with gaps.

    Steps by restricted likelihood, mean and variance of a value as the data have them. A channel of which no case saw two values shows no
    step: it takes the middle of the others. Cost: a Cholesky factor of what each row saw.
    """
    channels, length = x.shape[1:]
    lag = (grid(length).unsqueeze(1) - grid(length)).abs()
    rows, owner = pieces(x)
    width = rows.shape[1]
    profile = profile_of(torch.exp(-lag[:width, :width] / (_REACH * length)), batches_of(rows, owner), channels)
    seen = ~torch.isnan(rows)
    count, begun = (torch.zeros(channels).to(x).index_add_(0, owner, part.to(x)) for part in (seen.sum(1), seen.any(1)))
    walked = count - begun  # every row has a level of its own, where the likelihood takes one for all
    steps = 2 * profile.variances / (_REACH * length) * (count - 1).clamp_min(0) / walked.clamp_min(1)
    values, few = level_variances(x), walked < 1
    if bool(few.any()):
        steps, values = (torch.where(few, part[~few].median() if not bool(few.all()) else 1.0, part) for part in (steps, values))
    return Walks(torch.nan_to_num(x.nanmean((0, 2))), steps, values, length)


def level_variances(x: Tensor) -> Tensor:
    """The variance of a value of each channel of x (case, channel, time) around the mean of all, (channel,): within and between cases.

        within + between (n + 1) / (n - 1)

    since n cases leave their mean and spread uncertain. One case shows no spread of levels: its own deviation counts six times.
    """
    levels = x.nanmean(2)
    within = torch.nan_to_num((x - levels.unsqueeze(2)).square().nanmean((0, 2)))
    count = (~torch.isnan(levels)).sum(0).to(x.dtype)
    squares = torch.nan_to_num(levels - levels.nanmean(0)).square().sum(0)
    left = (count - 1).clamp_min(1)
    return torch.where(count > 1, within + squares / left * (count + 1) / left, _ALONE**2 * within)
