"""Mean, covariance and spectrum of a fitted law, as far as a figure can show them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ornstein.common.signals import Signals
from ornstein.covariance import Spectral, estimate
from ornstein.metrics import Spectrum, spectrum
from ornstein.model import Model

_HEAT = 240
_HEAT_CHANNELS = 16
_WIDE = 2048
_NULL = 1e-9
"""Variance below this share of the largest counts as none: text files with 7 digits round constants to about 1e-14 of it."""
_COUNTED = 512


UNLIKE = 10.0
"""Scales further apart than this are different kinds of numbers: one variance or one error for both would show the larger alone."""


@dataclass(frozen=True, eq=False)
class Moments:
    """Mean and deviation (channel, time); a block of the covariance or correlation over the drawn entries, and its channels."""

    mean: Tensor
    deviation: Tensor
    block: Tensor
    channels: int
    correlation: bool


@dataclass(frozen=True, eq=False)
class Scales:
    """The largest standard deviation over the smallest, of channels and of the entries of one channel; 1 where nothing varies."""

    channels: float
    entries: float


def scales_of(x: Signals) -> Scales:
    """The scales of the data; entries and channels that do not vary are left out."""
    values = x.values.to(torch.float64)
    square = (values - values.nanmean(0)).square().nanmean(0)
    size = values.nan_to_num().square().mean((0, 2))
    within = [_ratio(row[row > _NULL**2 * level].sqrt()) for row, level in zip(square, size, strict=True)]
    across = square.nanmean(1)
    return Scales(_ratio(across[across > _NULL**2 * size].sqrt()), max(within))


def shared_unit(x: Signals, scales: Scales) -> str | None:
    """The unit of all channels, "" where it is unknown; None where channels differ in unit, or in scale while their unit is unknown."""
    same = len(set(x.units)) == 1 and (bool(x.units[0]) or scales.channels <= UNLIKE)
    return x.units[0] if same else None


def _ratio(deviations: Tensor) -> float:
    return float(deviations.max() / deviations.min()) if len(deviations) else 1.0


def moments_of(model: Model, unit: str | None, scales: Scales) -> Moments:
    """The moments of a fitted law in the data's units; correlation instead of covariance where channels differ in unit or scale."""
    covariance = model.covariance()
    channels, times = model.event_shape
    variance = covariance.diagonal()
    shown = min(channels, _HEAT_CHANNELS)
    step = max(1, -(-times * shown // _HEAT))
    picked = (torch.arange(shown)[:, None] * times + torch.arange(0, times, step)).flatten()
    rows = torch.nn.functional.one_hot(picked, covariance.size).to(torch.float64)
    block = (covariance @ rows)[:, picked]
    correlation = unit is None or scales.channels > UNLIKE
    if correlation:
        deviation = variance[picked].sqrt()
        safe = torch.where(deviation > 0, deviation, torch.ones_like(deviation))
        block = block / torch.outer(safe, safe)
    return Moments(model.mean(), variance.sqrt().view(channels, times), block, shown, correlation)


def spectrum_of(model: Model, x: Signals, unit: str | None) -> tuple[Spectrum, str]:
    """In the data's unit where all channels share one; otherwise, or where it would cost d^3, of standardised channels."""
    law = model.exact.covariance()
    squared = f"{unit}²" if unit else ""
    same = unit is not None and (model.scaler.uniform or law.size <= _WIDE)
    if isinstance(law, Spectral) or law.size <= _WIDE:
        return spectrum(model.covariance() if same else law), squared if same else "SD²"
    return spectrum(estimate(model.scaler.encode(x.values), "low-rank").covariance), "SD²"


def null_directions(x: Signals) -> int:
    """How many directions have no variance in the data; 0 where gaps, few cases or size forbid to tell."""
    size = math.prod(x.shape[1:])
    if size > _COUNTED or len(x) <= size or bool(torch.isnan(x.values).any()):
        return 0
    flat = x.values.to(torch.float64).flatten(1)
    flat = flat - flat.mean(0)
    singular = torch.linalg.svdvals(flat).square()
    return int((singular <= _NULL * singular.max()).sum())
