"""How well gaps were filled, or the future told: errors of quantiles, in deviations of each channel."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ornstein.fitting.pinball import LEVELS, pinball

NOMINAL = (0.5, 0.8, 0.9)


@dataclass(frozen=True, eq=False)
class Errors:
    """How one way to fill or to forecast did: mean absolute and root mean square error, CRPS, and coverage at 50, 80 and 90 %.

    Errors are in deviations of each channel, so that no unit counts more. ``by_lead`` is the CRPS (horizon,) of a forecast.
    """

    mae: float
    rmse: float
    crps: float
    coverage: tuple[float, float, float]
    by_lead: Tensor | None = None


def errors_of(truth: Tensor, quantiles: Tensor, scale: Tensor) -> Errors:
    """The errors of quantiles (19 levels, ...) for a truth (..., time); NaN in the truth does not count."""
    loss = pinball(truth, quantiles) / scale
    middle = (truth - quantiles[len(LEVELS) // 2]) / scale
    known = ~torch.isnan(truth)
    held = tuple(float(((truth >= low) & (truth <= high))[known].double().mean()) for low, high in _ends(quantiles))
    leads = loss.flatten(0, -2).nanmean(0)
    rmse = float(middle.square().nanmean().sqrt())
    return Errors(float(middle.abs().nanmean()), rmse, float(loss.nanmean()), (held[0], held[1], held[2]), leads)


def _ends(quantiles: Tensor) -> list[tuple[Tensor, Tensor]]:
    places = [round((1 - level) / 2 * 20) - 1 for level in NOMINAL]
    return [(quantiles[k], quantiles[len(LEVELS) - 1 - k]) for k in places]
