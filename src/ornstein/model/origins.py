"""Origins in a history from which a forecast can be tried, since what followed is known."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

FEWEST, MOST = 8, 200
"""Origins in the past without which nothing is chosen, and that are looked at."""


class Origins(NamedTuple):
    """Windows (origin, *lead, window) whose last ``horizon`` samples are to be told, and the case and first sample of each, (origin,)."""

    windows: Tensor
    case: Tensor
    start: Tensor


def origins(history: Tensor, window: int, horizon: int) -> Origins | int:
    """Up to ``MOST`` windows of history (case, *lead, time), evenly spread over those that show something of past and future.

    Their number where there are fewer than ``FEWEST``. Memory: the windows that are returned.
    """
    seen = ~torch.isnan(history).flatten(1, -2).all(1) if history.ndim > 2 else ~torch.isnan(history)
    if history.shape[-1] < window:
        return 0
    cut = seen.unfold(-1, window, 1)
    case, start = (cut[..., :-horizon].any(-1) & cut[..., -horizon:].any(-1)).nonzero(as_tuple=True)
    if len(case) < FEWEST:
        return len(case)
    chosen = torch.linspace(0, len(case) - 1, min(len(case), MOST)).long()
    case, start = case[chosen], start[chosen]
    return Origins(torch.stack([history[k, ..., t : t + window] for k, t in zip(case.tolist(), start.tolist(), strict=True)]), case, start)
