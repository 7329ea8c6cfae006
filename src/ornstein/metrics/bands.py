"""Whether bands in gaps hold what they promise, by length of gap and by channel, and what to stretch where they do not."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor

from ornstein.common import checks
from ornstein.common.errors import InputError
from ornstein.common.random import Noise
from ornstein.metrics.filling import NOMINAL
from ornstein.metrics.means import mean_with_error
from ornstein.model import Model
from ornstein.model.quantiles import KNOTS

_GRID = torch.linspace(-4, 4, 33, dtype=torch.float64)
_NUMBERS = 1 << 23
_GAPS = 300
"""Gaps of each length and channel that are looked at, where there are as many cases."""
_LEAST = torch.tensor([1e-3, 2e-3, 3e-3], dtype=torch.float64)
SURE = 3.5
"""Standard errors from the promise beyond which the bands of a channel are stretched."""
FEWEST = 40
"""Gaps without which a channel is left as it is."""


class Scores(NamedTuple):
    """Of hidden values: normal score in the band of the model, case, channel, number of the length, and weight in its gap."""

    z: Tensor
    case: Tensor
    channel: Tensor
    length: Tensor
    weight: Tensor


@dataclass(frozen=True, eq=False)
class BandCheck:
    """Coverage of the 50, 80 and 90 % bands in held-out gaps.

    lengths    of the gaps, in samples
    coverage   (length, channel, 3), and its standard ``error``
    stretch    (channel, 3): where |z| of the three bands ought to be; that of a normal law where they hold
    corrected  (channel, 3): coverage over all lengths of every half of the cases after a correction by the other half
    """

    lengths: tuple[int, ...]
    coverage: Tensor
    error: Tensor
    stretch: Tensor
    corrected: Tensor

    @property
    def broken(self) -> tuple[int, ...]:
        """The channels whose bands need to be stretched."""
        return tuple((self.stretch != KNOTS).any(1).nonzero()[:, 0].tolist())

    @property
    def holds(self) -> bool:
        """Whether no channel needs to be stretched."""
        return not self.broken


def check_bands(model: Model, x: object, *, turns: int | None = None, seed: int = 0) -> BandCheck:
    """Gaps of one sample, an eighth and a third of the window are hidden in signals that the model has not seen, and looked into.

    Every case hides one stretch of one channel at a time, of ``turns`` channels one after the other; by default, as many as make 300
    gaps of each length and channel. Raises ``InputError`` for signals shorter than the window, and for fewer than
    two cases; recordings are cut into windows. Cost: as ``model.quantiles`` for some hundreds of gaps of each length and channel.
    """
    plain = replace(model, bands=None)
    values = plain.series_of(x)
    window = model.event_shape[-1]
    if values.shape[-1] < window:
        raise InputError(f"x has {values.shape[-1]} samples, but the window of the model has {window}: give whole windows")
    values = values.unfold(-1, window, window).movedim(-2, 1).flatten(0, 1)
    if len(values) < 2:
        raise InputError("x holds one window, but a standard error needs at least two: give more of it")
    lengths = tuple(sorted({1, max(window // 8, 1), max(window // 3, 1)}))
    channels = values[0].numel() // window
    turns = min(channels, -(-channels * _GAPS // len(values)) if turns is None else checks.count(turns, "turns"))
    found = [_scored(plain, values, k, length, turns, seed) for k, length in enumerate(lengths)]
    scores = Scores(*(torch.cat(part) for part in zip(*found, strict=True)))
    table = torch.full((len(lengths), channels, 3), torch.nan, dtype=torch.float64)
    error = table.clone()
    for k in range(len(lengths)):
        for c in range(channels):
            table[k, c], error[k, c] = _coverage(scores, KNOTS, (scores.length == k) & (scores.channel == c))
    every = torch.ones_like(scores.case, dtype=torch.bool)
    corrected = table[0] * torch.nan
    stretch = torch.stack([_stretch(scores, c, every) for c in range(channels)])
    half = scores.case // channels % 2  # as case i hides channel i, i + 1, ... in turn
    for c in range(channels):
        mine = scores.channel == c
        parts = [_coverage(scores, _stretch(scores, c, half == 1 - h), mine & (half == h))[0] for h in (0, 1)]
        corrected[c] = torch.stack(parts).nanmean(0)
    return BandCheck(lengths, table, error, stretch, corrected)


def _scored(model: Model, values: Tensor, number: int, length: int, turns: int, seed: int) -> Scores:
    cases, window = len(values), values.shape[-1]
    grid = values.view(cases, -1, window)
    channels = grid.shape[1]
    found: list[Scores] = []
    step = max(1, _NUMBERS // (len(_GRID) * channels * window))
    for turn in range(turns):
        start = (Noise(seed).uniform(cases, (), 16 * turn + number) * (window - length + 1)).long()
        time = torch.arange(window)
        stretch = (time >= start.unsqueeze(1)) & (time < (start + length).unsqueeze(1))
        own = (torch.arange(cases) + turn) % channels
        hidden = (torch.arange(channels) == own.unsqueeze(1)).unsqueeze(2) & stretch.unsqueeze(1) & ~torch.isnan(grid)
        for some in torch.arange(cases).split(step):
            mine = hidden[some]
            if not bool(mine.any()):
                continue
            shown = torch.where(mine, torch.nan, grid[some]).view(-1, *values.shape[1:])
            q = model.quantiles(shown, torch.special.ndtr(_GRID), seed=seed).view(len(_GRID), len(some), channels, window)[:, mine]
            case, channel, _ = mine.nonzero(as_tuple=True)
            z, count = _score(q, grid[some][mine]), mine.flatten(1).sum(1)[case]
            found.append(Scores(z, some[case], channel, torch.full_like(case, number), 1 / count))
    return Scores(*(torch.cat(part) for part in zip(*found, strict=True)))


def _score(q: Tensor, truth: Tensor) -> Tensor:
    """The normal score of each truth (n,) among quantiles (grid, n), straight between two of them."""
    k = (q < truth).sum(0).clamp(1, len(_GRID) - 1)
    low, high = (q.gather(0, (k - j).unsqueeze(0))[0] for j in (1, 0))
    share = (truth - low) / (high - low).clamp_min(torch.finfo(q.dtype).tiny)
    z: Tensor = _GRID[k - 1] + share.clamp(-8, 8) * (_GRID[1] - _GRID[0])
    return z


def _coverage(scores: Scores, ends: Tensor, chosen: Tensor) -> tuple[Tensor, Tensor]:
    """(share inside |z| < ends, its standard error), (3,) each; every gap counts once."""
    case, inverse = torch.unique(scores.case[chosen], return_inverse=True)
    if len(case) < 2:
        return torch.full((3,), torch.nan, dtype=torch.float64), torch.full((3,), torch.nan, dtype=torch.float64)
    weight = scores.weight[chosen].double()
    total = torch.zeros(len(case), dtype=torch.float64).index_add_(0, inverse, weight)
    held = []
    for end, level in zip(ends.tolist(), NOMINAL, strict=True):
        inside = torch.zeros_like(total).index_add_(0, inverse, weight * (scores.z[chosen].abs() <= end))
        mean = mean_with_error(inside / total)
        held.append((mean.value, max(mean.error, (level * (1 - level) / len(case)) ** 0.5)))
    return torch.tensor([v for v, _ in held], dtype=torch.float64), torch.tensor([e for _, e in held], dtype=torch.float64)


def _stretch(scores: Scores, channel: int, among: Tensor) -> Tensor:
    """The |z| (3,) that the bands of a channel ought to have: quantiles of those found, where the promise is surely broken."""
    chosen = among & (scores.channel == channel)
    held, error = _coverage(scores, KNOTS, chosen)
    if float(scores.weight[chosen].sum()) < FEWEST or not bool(((held - torch.tensor(NOMINAL)).abs() > SURE * error).any()):
        return torch.as_tensor(KNOTS)
    order = scores.z[chosen].abs().argsort()
    size, weight = scores.z[chosen].abs()[order], scores.weight[chosen][order].double().cumsum(0)
    found = torch.stack([size[torch.searchsorted(weight, level * weight[-1]).clamp_max(len(size) - 1)] for level in NOMINAL])
    rising: Tensor = torch.maximum(found, _LEAST).cummax(0).values
    return rising
