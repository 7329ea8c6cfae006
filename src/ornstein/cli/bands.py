"""Bands as channels: what the commands that fill and forecast write beside their medians."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import ornstein as orn

if TYPE_CHECKING:
    from torch import Tensor

    from ornstein import Model, Signals


def bands_of(model: Model, like: Signals, ends: Tensor | Sequence[Tensor], levels: Sequence[float]) -> Signals:
    """The lower and the upper band of each channel as channels of one set of signals, named after their levels."""
    import torch

    low, high = (model.signals(end, like) for end in ends)
    names = [f"{c} {q:.1%}" for q in levels for c in low.channels]
    return orn.Signals(torch.cat([low.values, high.values], 1), low.rate, tuple(names), low.units * 2)
