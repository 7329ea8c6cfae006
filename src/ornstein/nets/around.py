"""What stands around hidden entries in their cases, as numbers: for networks that look at one entry at a time."""

from __future__ import annotations

import torch
from torch import Tensor

WIDEST = 64
"""Entries of a signal up to which each is a variable, and all are looked at; channels up to which those of the same time are."""
_FAR = 6.0
"""Deviations at which numbers are cut."""


def width(channels: int, times: int) -> int:
    """How many numbers ``around`` returns for an entry."""
    others = channels * times if channels * times <= WIDEST else channels if channels <= WIDEST else 0
    return 26 + 3 * others


def variables(channels: int, times: int) -> int:
    """How many variables signals have: their entries, if few, or their channels."""
    return channels * times if channels * times <= WIDEST else channels


def around(values: Tensor, off: Tensor, wanted: Tensor, mean: Tensor, deviation: Tensor) -> tuple[Tensor, Tensor]:
    """(numbers (n, ``width``), variables (n,)) for the n ``wanted`` entries of values (case, channel, time), NaN where nothing was seen.

    mean, deviation (n,)    what a law says of each wanted entry given what was seen
    off                     by how many deviations a seen entry is off what the rest of its case says of it (case, channel, time)

    Mean and deviation, the place in time; how far what was seen is off, over the variable and over the case; how much was seen; the mean
    of the variable; the two nearest seen values before and after, each with how far it is off and its distance; and values, offs and
    gaps of the other variables, at the same time in long signals.
    """
    channels, times = values.shape[1:]
    case, channel, time = wanted.nonzero().T
    seen = ~torch.isnan(values)
    values, off = torch.nan_to_num(values), off.clamp(-_FAR, _FAR)
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
        count[case, channel].to(values).log1p(),
        seen.to(values).mean((1, 2))[case],
        seen.to(values).mean(1)[case, time],
        torch.where(count > 0, level, 0.0)[case, channel] - mean * (count > 0)[case, channel],
        (count > 0).to(values)[case, channel],
    ]
    for places in _nearest(seen, case, channel, time):
        there = (places >= 0) & (places < times)
        at = case, channel, places.clamp(0, times - 1)
        apart = (places - time).abs().to(values)
        step = ((values[at] - mean) / deviation.clamp_min(1e-6)).clamp(-_FAR, _FAR)
        found += [torch.where(there, step, 0.0), torch.where(there, off[at], 0.0), torch.where(there, 1 / (1 + apart), 0.0), apart.log1p()]
    table = torch.stack(found, 1)
    if channels * times <= WIDEST:
        others = [part.flatten(1)[case] for part in (off, values, seen.to(values))]
        return torch.cat([table, *others], 1), channel * times + time
    if channels <= WIDEST:
        table = torch.cat([table, *(part[case, :, time] for part in (off, values, seen.to(values)))], 1)
    return table, channel


def _nearest(seen: Tensor, case: Tensor, channel: Tensor, time: Tensor) -> list[Tensor]:
    """Times of the two seen entries before each place and of the two after it, -1 and the number of times where there is none."""
    times = seen.shape[2]
    place = torch.arange(times, device=seen.device).expand(seen.shape)
    last = torch.where(seen, place, -1).cummax(2).values
    following = torch.where(seen, place, times).flip(2).cummin(2).values.flip(2)
    before, after = last[case, channel, time], following[case, channel, time]
    second = torch.where(before > 0, last[case, channel, (before - 1).clamp_min(0)], -1)
    fourth = torch.where(after < times - 1, following[case, channel, (after + 1).clamp_max(times - 1)], times)
    return [before, after, second, fourth]
