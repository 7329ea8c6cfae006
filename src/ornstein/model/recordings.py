"""Filling gaps of recordings that are longer than a window of the law: windows joined without seams, in the memory of a few.

A Gaussian whose law is the same along its window becomes the law of a series of any length (``covariance.chain``), which is
conditioned exactly. Any other law fills overlapping windows one after the other: each half window is drawn given the quarter before it,
as it was drawn, and given what was observed in it and in the quarter after it. A law that changes along its window, as that of days
does, belongs to its place: windows are laid end to end from the start.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from ornstein.common.random import Noise
from ornstein.covariance import Kronecker, Operator, Stationary
from ornstein.covariance.chain import Chain
from ornstein.denoisers import Denoiser, Gaussian, Law
from ornstein.fitting.scaling import Scaler
from ornstein.model.imputing import Filler, Tell

WIDEST = 2048
"""Entries of the window that a chain is made of; a longer one is cut."""
APART = 0.25
"""Root mean square difference between two half windows, of means and of deviations, in deviations, above which a law is not the same
along its window: sampling errors of a few hundred windows stay below it."""
_UNITS = 256


class Piece(NamedTuple):
    """Filled values (draw, *lead, time) of a case from time ``start`` on; ``lead`` is (channel,), or () for signals of one axis."""

    case: int
    start: int
    values: Tensor


def pieces(filler: Filler, x: Tensor, draws: int, seed: int, tell: Tell) -> Iterator[Piece]:
    """The filled parts of recordings x (case, *lead, time), case by case; what none of them covers has no gap.

    Draw k of case i depends on (seed, i, k). ``tell`` hears how many samples of a case were passed. Warns where the law changes along
    its window.
    """
    law, scaler = filler.law, filler.scaler
    chain = chain_of(law, scaler)
    alike = chain is not None or along(law, scaler)
    if not alike:
        warnings.warn(
            f"the law changes along its window of {law.event_shape[-1]} samples, so windows are laid end to end from the start of the "
            "recording, each on its own: fit it to windows that begin anywhere, such as hop=1, where it should not",
            UserWarning,
            stacklevel=4,
        )
    for case, series in enumerate(x):
        numbers = case + (torch.arange(draws) << 32)
        if chain is not None:
            yield from _chained(chain, scaler, series, case, numbers, seed, tell)
        elif alike:
            yield from _sliding(series, case, numbers, filler, seed, tell)
        else:
            yield from _end_to_end(series, case, numbers, filler, seed, tell)


def impute(filler: Filler, x: Tensor, draws: int, seed: int, tell: Tell) -> Tensor:
    """Draws (draw, case, *lead, time) of what NaN hides in recordings x (case, *lead, time); see ``pieces``."""
    out = x.expand(draws, *x.shape).clone()
    for case, start, values in pieces(filler, x, draws, seed, tell):
        at = slice(start, start + values.shape[-1])
        out[:, case, ..., at] = torch.where(torch.isnan(x[case, ..., at]), values, x[case, ..., at])
    return out


def chain_of(law: Denoiser, scaler: Scaler) -> Chain | None:
    """The chain of a Gaussian that is the same along its window; None for every other law."""
    if not isinstance(law, Gaussian) or law.batch_shape or law.size // law.event_shape[-1] > WIDEST // 2:
        return None
    times = law.event_shape[-1]
    channels = law.size // times
    circular = isinstance(law.operator, Stationary) or (isinstance(law.operator, Kronecker) and isinstance(law.operator.right, Stationary))
    window = min(times // 2 + 1 if circular else times, WIDEST // channels)  # beyond half a circle, distances shrink again
    if window < 2 or not along(law, scaler):
        return None
    chosen = (torch.arange(channels).unsqueeze(1) * times + torch.arange(window)).flatten()
    return Chain(law.mean().view(channels, times)[:, :window], _block(law.operator, chosen))


def along(law: Denoiser, scaler: Scaler) -> bool:
    """Whether the law and the scaling are the same along the window, as far as the two halves tell."""
    if not scaler.still:
        return False
    known = law if isinstance(law, Law) else law.reference
    if known is None:
        return True
    times, operator = law.event_shape[-1], known.covariance()
    mean = known.mean().view(-1, times)
    deviation = operator.diagonal().clamp_min(0).sqrt().view(-1, times)
    level = deviation.square().mean(1, keepdim=True).sqrt()
    level = torch.where(level > 0, level, torch.ones_like(level))
    half = times // 2
    mine = [(mean / level)[:, at] for at in (slice(half), slice(half, 2 * half))]
    spread = [(deviation / level)[:, at] for at in (slice(half), slice(half, 2 * half))]
    return all(float((a - b).square().mean().sqrt()) <= APART for a, b in (mine, spread))


def _block(operator: Operator, chosen: Tensor) -> Tensor:
    """The covariance of the chosen entries."""
    if operator.size <= WIDEST:
        return operator.dense()[chosen][:, chosen]
    rows = []
    for some in chosen.split(_UNITS):
        units = torch.zeros(len(some), operator.size, dtype=torch.float64)
        units[torch.arange(len(some)), some] = 1.0
        rows.append((operator @ units)[:, chosen])
    matrix = torch.cat(rows)
    return (matrix + matrix.T) / 2


def _chained(chain: Chain, scaler: Scaler, x: Tensor, case: int, numbers: Tensor, seed: int, tell: Tell) -> Iterator[Piece]:
    """By the law of the whole series."""
    noise, size = Noise(seed, index=numbers), chain.channels * chain.length
    u = scaler.lengthened(x.shape[-1]).encode(x.unsqueeze(0)).view(chain.channels, -1)
    for half in chain.fill(u, lambda k: noise.normal(len(numbers), (size,), k), len(numbers), tell):
        drawn = half.values.view(len(numbers), *x.shape[:-1], -1)
        yield Piece(case, half.number * chain.length, scaler.lengthened(drawn.shape[-1]).decode(drawn))


def _sliding(x: Tensor, case: int, numbers: Tensor, filler: Filler, seed: int, tell: Tell) -> Iterator[Piece]:
    """Half windows in order, each given the quarter before it, as drawn, and what was observed in it and in the quarter after it."""
    window, length = filler.law.event_shape[-1], x.shape[-1]
    past, step = window // 4, max(window // 2, 1)
    missing = torch.isnan(x).view(-1, length).any(0)
    drawn, done = x[..., :window].expand(len(numbers), *x.shape[:-1], -1).clone(), 0
    start = 0
    while done < length:
        end = length if start + window >= length else start + past + step
        if bool(missing[done:end].any()):
            filled = filler(drawn, 1, seed + ((1 + start) << 32), _silent, numbers)[0]
            yield Piece(case, done, filled[..., done - start : end - start])
            drawn[..., done - start : end - start] = filled[..., done - start : end - start]
        tell(end - done)
        done, before = end, start
        start = min(start + step, length - window)
        fresh = x[..., before + window : start + window].expand(len(numbers), *x.shape[:-1], -1)
        drawn = torch.cat([drawn[..., start - before :], fresh], -1)


def _end_to_end(x: Tensor, case: int, numbers: Tensor, filler: Filler, seed: int, tell: Tell) -> Iterator[Piece]:
    """Windows side by side; in the last one, what lies beyond the end is a gap."""
    window, length = filler.law.event_shape[-1], x.shape[-1]
    for start in range(0, length, window):
        end = min(start + window, length)
        part = torch.nn.functional.pad(x[..., start:end], (0, start + window - end), value=torch.nan)
        if bool(torch.isnan(x[..., start:end]).any()):
            filled = filler(part.expand(len(numbers), *part.shape), 1, seed + ((1 + start) << 32), _silent, numbers)[0]
            yield Piece(case, start, filled[..., : end - start])
        tell(end - start)


def _silent(_: int) -> None:
    """Windows of a recording are not counted one by one."""
