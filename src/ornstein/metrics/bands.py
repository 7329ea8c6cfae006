"""Whether bands in gaps hold what they promise, by length of gap and by channel, and what to stretch where they do not."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor

from ornstein.common import checks
from ornstein.common.errors import InputError
from ornstein.common.random import Noise
from ornstein.covariance.missing_start import neighbours
from ornstein.metrics.filling import NOMINAL
from ornstein.model import Model
from ornstein.model.quantiles import KNOTS
from ornstein.training import Masks

_GRID = torch.linspace(-4, 4, 33, dtype=torch.float64)
_NUMBERS = 1 << 23
_GAPS = 300
"""Gaps of each length and channel that are looked at, where there are as many cases."""
_MASKED = 1000
"""Cases that are looked at under masks, each as often as that takes."""
_LEAST = torch.tensor([1e-3, 2e-3, 3e-3], dtype=torch.float64)
SURE = 3.5
"""Standard errors from the promise beyond which the bands of a channel are stretched."""
FEWEST = 40
"""Gaps without which a channel is left as it is."""


class Scores(NamedTuple):
    """Of hidden values: normal score in the band of the model, case, channel, number of the length, and weight: of a stretch, one in all;
    of masks, one each."""

    z: Tensor
    case: Tensor
    channel: Tensor
    length: Tensor
    weight: Tensor


@dataclass(frozen=True, eq=False)
class BandCheck:
    """Coverage of the 50, 80 and 90 % bands in held-out gaps.

    lengths    of the gaps, in samples; of masks, the least lengths of three classes
    coverage   (length, channel, 3), and its standard ``error``; NaN where fewer than two cases had such a gap
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


def check_bands(model: Model, x: object, *, masks: Masks | None = None, turns: int | None = None, seed: int = 0) -> BandCheck:
    """Gaps are hidden in signals that the model has not seen, and looked into: of one sample, an eighth and a third of the window, or by
    ``masks``.

    Without masks every case hides one stretch of one channel at a time, of ``turns`` channels one after the other; by default, as many as
    make 300 gaps of each length and channel. With masks, which are to be those that the bands are for, every case is hidden ``turns``
    times (default: 1000 cases in all), every hidden value counts once, and the length of its gap is that of all it does not see around it.
    A channel that surely breaks the promise has a stretch of its own; the others, where they surely do so together, one for all.
    Raises ``InputError`` for signals shorter than the window, for fewer than two cases, and where nothing is left to hide; recordings are
    cut into windows. Cost: as ``model.quantiles`` for some hundreds of gaps of each length and channel.
    """
    if masks is not None and not isinstance(masks, Masks):
        raise InputError(f"masks is {masks!r}, but must say which gaps the bands are for, such as ornstein.training.Masks(('points',))")
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
    if masks is None:
        turns = min(channels, -(-channels * _GAPS // len(values)) if turns is None else checks.count(turns, "turns"))
        places = [(16 * turn + k, length) for k, length in enumerate(lengths) for turn in range(turns)]
        found = [_scored(plain, values, _stretched(values, *place, seed), lengths, seed, once=True) for place in places]
    else:
        turns = -(-_MASKED // len(values)) if turns is None else checks.count(turns, "turns")
        number = torch.arange(len(values))
        noises = [Noise(seed, index=turn * len(values) + number) for turn in range(turns)]
        hidden = [masks.hidden(noise, len(values), model.event_shape).view(len(values), channels, window) for noise in noises]
        found = [_scored(plain, values, some, lengths, seed, once=False) for some in hidden]
    if not any(found):
        raise InputError("x holds no value that could be hidden and looked for: give signals with more of what was observed")
    scores = Scores(*(torch.cat(part) for part in zip(*(part for some in found for part in some), strict=True)))
    table = torch.full((len(lengths), channels, 3), torch.nan, dtype=torch.float64)
    error = table.clone()
    for k in range(len(lengths)):
        for c in range(channels):
            table[k, c], error[k, c] = _coverage(scores, KNOTS, (scores.length == k) & (scores.channel == c))
    every = torch.ones_like(scores.case, dtype=torch.bool)
    corrected = table[0] * torch.nan
    stretch = _stretches(scores, channels, every)
    half = scores.case // channels % 2  # as case i hides channel i, i + 1, ... in turn
    other = [_stretches(scores, channels, half == 1 - h) for h in (0, 1)]
    for c in range(channels):
        parts = [_coverage(scores, other[h][c], (scores.channel == c) & (half == h))[0] for h in (0, 1)]
        corrected[c] = torch.stack(parts).nanmean(0)
    return BandCheck(lengths, table, error, stretch, corrected)


def _stretched(values: Tensor, stream: int, length: int, seed: int) -> Tensor:
    """One stretch of one channel of every case: bool (case, channel, time)."""
    cases, window = len(values), values.shape[-1]
    channels = values[0].numel() // window
    start = (Noise(seed).uniform(cases, (), stream) * (window - length + 1)).long()
    time = torch.arange(window)
    stretch = (time >= start.unsqueeze(1)) & (time < (start + length).unsqueeze(1))
    own = (torch.arange(cases) + stream // 16) % channels
    return (torch.arange(channels) == own.unsqueeze(1)).unsqueeze(2) & stretch.unsqueeze(1)


def _scored(model: Model, values: Tensor, hidden: Tensor, lengths: tuple[int, ...], seed: int, *, once: bool) -> list[Scores]:
    """Scores of the ``hidden`` (case, channel, time) values that are there; each case has weight one with ``once``."""
    cases, window = len(values), values.shape[-1]
    grid = values.view(cases, -1, window)
    hidden = hidden & ~torch.isnan(grid)
    before, after = neighbours(~torch.isnan(grid) & ~hidden)
    number = torch.searchsorted(torch.tensor(lengths), after - before - 1, right=True) - 1
    found: list[Scores] = []
    for some in torch.arange(cases).split(max(1, _NUMBERS // (len(_GRID) * grid[0].numel()))):
        mine = hidden[some]
        if not bool(mine.any()):
            continue
        shown = torch.where(mine, torch.nan, grid[some]).view(-1, *values.shape[1:])
        q = model.quantiles(shown, torch.special.ndtr(_GRID), seed=seed).view(len(_GRID), *mine.shape)[:, mine]
        case, channel, _ = mine.nonzero(as_tuple=True)
        count = mine.flatten(1).sum(1)[case] if once else torch.ones_like(case)
        found.append(Scores(_score(q, grid[some][mine]), some[case], channel, number[some][mine], 1 / count))
    return found


def _score(q: Tensor, truth: Tensor) -> Tensor:
    """The normal score of each truth (n,) among quantiles (grid, n), straight between two of them."""
    k = (q < truth).sum(0).clamp(1, len(_GRID) - 1)
    low, high = (q.gather(0, (k - j).unsqueeze(0))[0] for j in (1, 0))
    share = (truth - low) / (high - low).clamp_min(torch.finfo(q.dtype).tiny)
    z: Tensor = _GRID[k - 1] + share.clamp(-8, 8) * (_GRID[1] - _GRID[0])
    return z


def _coverage(scores: Scores, ends: Tensor, chosen: Tensor) -> tuple[Tensor, Tensor]:
    """(share inside |z| < ends, its standard error over cases), (3,) each: the ratio of two sums over cases (Cochran 1977, eq. 6.4), and
    at least that of as many independent values as there are gaps."""
    case, inverse = torch.unique(scores.case[chosen], return_inverse=True)
    if len(case) < 2:
        return torch.full((3,), torch.nan, dtype=torch.float64), torch.full((3,), torch.nan, dtype=torch.float64)
    weight = scores.weight[chosen].double()
    inside = weight.unsqueeze(1) * (scores.z[chosen].abs().unsqueeze(1) <= ends)
    total, held = (torch.zeros(len(case), k, dtype=torch.float64) for k in (1, 3))
    total.index_add_(0, inverse, weight.unsqueeze(1))
    held.index_add_(0, inverse, inside)
    share = held.sum(0) / total.sum()
    level = torch.tensor(NOMINAL, dtype=torch.float64)
    spread = (held - share * total).square().sum(0) * len(case) / (len(case) - 1)
    return share, torch.maximum(spread.sqrt() / total.sum(), (level * (1 - level) / _gaps(scores, chosen)).sqrt())


def _stretches(scores: Scores, channels: int, among: Tensor) -> Tensor:
    """The |z| (channel, 3) that bands ought to have. Channels whose own gaps prove nothing are taken together: what they prove is for all
    of them."""
    found = torch.as_tensor(KNOTS).repeat(channels, 1)
    own = torch.zeros(channels, dtype=torch.bool)
    for c in range(channels):
        if (ends := _stretch(scores, among & (scores.channel == c))) is not None:
            found[c], own[c] = ends, True
    rest = _stretch(scores, among & ~own[scores.channel])
    return found if rest is None else torch.where(own.unsqueeze(1), found, rest)


def _stretch(scores: Scores, chosen: Tensor) -> Tensor | None:
    """Quantiles (3,) of the |z| found, where the promise is surely broken; None elsewhere."""
    held, error = _coverage(scores, KNOTS, chosen)
    if _gaps(scores, chosen) < FEWEST or not bool(((held - torch.tensor(NOMINAL)).abs() > SURE * error).any()):
        return None
    order = scores.z[chosen].abs().argsort()
    size, weight = scores.z[chosen].abs()[order], scores.weight[chosen][order].double().cumsum(0)
    found = torch.stack([size[torch.searchsorted(weight, level * weight[-1]).clamp_max(len(size) - 1)] for level in NOMINAL])
    return torch.maximum(found, _LEAST).cummax(0).values


def _gaps(scores: Scores, chosen: Tensor) -> int:
    """How many gaps were looked into: those of one length in one channel of a case count as one."""
    return len(torch.stack([scores.case[chosen], scores.channel[chosen], scores.length[chosen]]).unique(dim=1).T)
