"""What a learned correction looks at: numbers that describe a hidden entry, what its case holds around it, and how that fits the law."""

from __future__ import annotations

import torch
from torch import Tensor

from ornstein.common.errors import InputError
from ornstein.denoisers.filling import Parts
from ornstein.denoisers.gap_marginals import Marginals, surprises

WIDEST = 64
"""Entries of a signal up to which each is a variable, and all are looked at; channels up to which those of the same time are."""
_FAR = 6.0
"""Deviations at which numbers are cut."""


def variables(event: tuple[int, ...]) -> int:
    """How many variables signals of a shape have: their entries, if few, or their channels. Raises ``InputError`` for images."""
    channels, times = _grid(event)
    return channels * times if channels * times <= WIDEST else channels


def width(event: tuple[int, ...]) -> int:
    """How many numbers ``sight`` returns for an entry."""
    channels, times = _grid(event)
    around = channels * times if channels * times <= WIDEST else channels if channels <= WIDEST else 0
    return 26 + 3 * around


def sight(parts: Parts, u: Tensor, known: Marginals, wanted: Tensor, event: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """(numbers (n, ``width``), variables (n,)) for the ``wanted`` (case, d) of the hidden entries of u (case, d), whose laws are ``known``.

    In scores: mean and deviation of the law there, the place in time; how far what was seen is off what the rest of its case says of it
    (``surprises``), over the variable and over the case; how much was seen; the mean of the variable; the two nearest seen values before
    and after, each with its surprise and its distance; and values, surprises and gaps of the other variables, at the same time in long
    signals. Cost: as for conditioning.
    """
    channels, times = _grid(event)
    case, entry = wanted.nonzero().T
    channel, time = entry // times, entry % times
    mean, deviation = known.moments()
    grid = u.view(-1, channels, times)
    seen = ~torch.isnan(grid)
    values, off = torch.nan_to_num(grid), surprises(parts, u).view_as(grid).clamp(-_FAR, _FAR)
    count, square = seen.sum(2), off.square().sum(2)
    overall = (10 + square.sum(1)) / (10 + count.sum(1))
    own = (5 * overall.unsqueeze(1) + square) / (5 + count)
    level = values.sum(2) / count.clamp_min(1)
    found = [
        mean,
        deviation.clamp_min(1e-6).log(),
        2 * time / max(times - 1, 1) - 1,
        own[case, channel].log(),
        overall[case].log(),
        count[case, channel].to(u).log1p(),
        seen.to(u).mean((1, 2))[case],
        seen.to(u).mean(1)[case, time],
        torch.where(count > 0, level, 0.0)[case, channel] - mean * (count > 0)[case, channel],
        (count > 0).to(u)[case, channel],
    ]
    for places in _nearest(seen, case, channel, time):
        there = (places >= 0) & (places < times)
        at = case, channel, places.clamp(0, times - 1)
        apart = (places - time).abs().to(u)
        step = ((values[at] - mean) / deviation.clamp_min(1e-6)).clamp(-_FAR, _FAR)
        found += [torch.where(there, step, 0.0), torch.where(there, off[at], 0.0), torch.where(there, 1 / (1 + apart), 0.0), apart.log1p()]
    table = torch.stack(found, 1)
    if channels * times <= WIDEST:
        around = [part.flatten(1)[case] for part in (off, values, seen.to(u))]
        return torch.cat([table, *around], 1), entry
    if channels <= WIDEST:
        table = torch.cat([table, *(part[case, :, time] for part in (off, values, seen.to(u)))], 1)
    return table, channel


def _nearest(seen: Tensor, case: Tensor, channel: Tensor, time: Tensor) -> list[Tensor]:
    """Times of the two seen entries before each place and of the two after it, -1 and the number of times where there is none."""
    times = seen.shape[2]
    place = torch.arange(times).expand(seen.shape)
    last = torch.where(seen, place, -1).cummax(2).values
    following = torch.where(seen, place, times).flip(2).cummin(2).values.flip(2)
    before, after = last[case, channel, time], following[case, channel, time]
    second = torch.where(before > 0, last[case, channel, (before - 1).clamp_min(0)], -1)
    fourth = torch.where(after < times - 1, following[case, channel, (after + 1).clamp_max(times - 1)], times)
    return [before, after, second, fourth]


def _grid(event: tuple[int, ...]) -> tuple[int, int]:
    """(channels, times) of signals, and of vectors as one channel."""
    if len(event) > 2:
        raise InputError(f"the signals have shape {event}, but a correction is learned for signals in time and vectors: leave it out")
    return (event[0], event[1]) if len(event) == 2 else (1, event[0])
