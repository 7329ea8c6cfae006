"""Forecasts from many origins of a series, beside the rules of thumb that they must beat."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ornstein.common import checks
from ornstein.common.errors import InputError
from ornstein.fitting.pinball import LEVELS
from ornstein.metrics.filling import Errors, errors_of
from ornstein.model import Model
from ornstein.model.local_scale import LocalScale

_ORIGINS = 20


@dataclass(frozen=True, eq=False)
class Backtest:
    """Errors by name ("model", "last value", "seasonal"), how many origins, and what was free, and how wide, in the model's forecasts."""

    errors: dict[str, Errors]
    origins: int
    free: str
    why: str
    local_scale: LocalScale | None
    why_scale: str


def backtest(
    model: Model,
    series: object,
    horizon: int,
    *,
    origins: int = _ORIGINS,
    season: int | None = None,
    free: str = "auto",
    local_scale: str | LocalScale = "auto",
    draws: int = 200,
    seed: int = 0,
    progress: Callable[[int], None] | None = None,
) -> Backtest:
    """Forecasts of ``horizon`` samples from ``origins`` equally spaced origins in the second half of series (case, *lead, time).

    What is free, and the local scale, are chosen once, on what lies before the first origin; the value of the scale at an origin comes from
    what lies before that one. "last value" repeats it, "seasonal" what was one ``season`` (in samples) before, either where it is missing
    what was seen last before it; their bands are the quantiles of their own errors, lead by lead, at all origins before the first. Raises
    ``InputError`` for series that do not hold a window before half of their time, or no value on either side of it. Cost: one
    conditioning of all origins.
    """
    values = model.series_of(series)
    horizon, origins = checks.count(horizon, "horizon"), checks.count(origins, "origins")
    season = None if season is None else checks.count(season, "season")
    window, length = model.event_shape[-1], values.shape[-1]
    need = max(window - horizon, season or 1)
    first, last = max(length // 2, need), length - horizon
    if last < first:
        raise InputError(
            f"series has {length} samples, but a backtest of {horizon} after half of it, and after {need} of the past, needs "
            f"{max(2 * horizon, need + horizon)}: give a longer one"
        )
    at = torch.linspace(first, last, min(origins, last - first + 1)).long().tolist()
    truth = torch.cat([values[..., t : t + horizon] for t in at])
    if any(bool(torch.isnan(part).all()) for part in (values[..., :first], truth)):
        raise InputError(
            f"series has no value before or none after its first origin, sample {first}, but a backtest tells the one from the other: "
            "choose a stretch with both"
        )
    scale = model.scaler.scale[..., :1]
    chosen = model.forecast(values[..., :first], horizon, 1, free=free, local_scale=local_scale, seed=seed)
    local = chosen.local_scale
    reach = window - horizon if local is None else window + local.reach
    past = torch.cat([_before(values, t, reach) for t in at])
    found = model.forecast(past, horizon, draws, free=chosen.free, local_scale=local or "none", seed=seed, progress=progress)
    errors = {"model": errors_of(truth, found.quantiles(LEVELS), scale)}
    for name, back in (("last value", 1), ("seasonal", season)):
        if back is not None:
            errors[name] = errors_of(truth, _naive(values, at, first, horizon, back), scale)
    return Backtest(errors, len(at), chosen.free, chosen.why, local, chosen.why_scale)


def _before(values: Tensor, t: int, back: int) -> Tensor:
    """The ``back`` samples before t, NaN before the first."""
    return torch.nn.functional.pad(values[..., max(t - back, 0) : t], (max(back - t, 0), 0), value=torch.nan)


def _held(values: Tensor) -> Tensor:
    """The values (..., time), each gap at what was seen last before it; NaN before the first."""
    seen = torch.where(torch.isnan(values), 0, torch.arange(values.shape[-1])).cummax(-1).values
    return values.gather(-1, seen)


def _naive(values: Tensor, at: list[int], first: int, horizon: int, back: int) -> Tensor:
    """Quantiles (level, origin, *lead, horizon) of repeating the last ``back`` samples, from the errors before ``first``."""
    repeated, held = torch.arange(horizon) % back - back, _held(values)

    def guess(t: int) -> Tensor:
        return held[..., t + repeated]

    earlier = list(range(back, first - horizon + 1, max((first - horizon) // 200, 1)))
    wrong = torch.cat([values[..., t : t + horizon] - guess(t) for t in earlier])
    spread = torch.nanquantile(wrong, LEVELS, dim=0)
    return torch.cat([guess(t) for t in at]) + spread.unsqueeze(1)
