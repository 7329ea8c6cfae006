"""A stretch of held-out cases is hidden, imputed, and compared with the truth and with two simple fillings."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ornstein.metrics import (
    Coverage,
    Joint,
    Mean,
    band,
    coverage,
    crps,
    joint_coverage,
    mean_with_error,
    pit,
    rank_histogram,
)

BINS = 10


@dataclass(frozen=True, eq=False)
class Filling:
    """One way to fill the gap: root mean squared error and CRPS, in the unit of the errors."""

    rmse: Mean
    crps: Mean


@dataclass(frozen=True, eq=False)
class Holdout:
    """What happened in the hidden stretch.

    cases        how many held-out cases;  hidden: which times;  unit: of the errors ("" where the data have none)
    coverage     at every level;  joint: all levels in one test
    histogram    of the truth's rank among the draws;  tolerance: two standard errors of a bin
    fillings     "model", "linear" and "mean";  gain: CRPS of linear interpolation minus that of the model, paired by case
    examples     numbers of an easy, a typical and a hard case (10th, 50th and 90th percentile of CRPS)
    shown        for the examples: truth, mean of the draws, linear interpolation (case, channel, time), and 90 % and 50 % bands
    """

    cases: int
    hidden: slice
    unit: str
    coverage: tuple[Coverage, ...]
    joint: Joint
    histogram: Tensor
    tolerance: float
    fillings: dict[str, Filling]
    gain: Mean
    examples: tuple[int, ...]
    shown: tuple[Tensor, Tensor, Tensor, list[tuple[Tensor, Tensor]]]


@dataclass(frozen=True, eq=False)
class Imputed:
    """Cases of one or more folds: numbers (case,), whole signals (case, channel, time), draws of the gap, and the training mean there."""

    numbers: Tensor
    truth: Tensor
    draws: Tensor
    mean: Tensor

    @classmethod
    def joined(cls, parts: list[Imputed]) -> Imputed:
        """All folds in the order of the cases."""
        numbers = torch.cat([p.numbers for p in parts])
        order = numbers.argsort()
        return cls(
            numbers[order],
            torch.cat([p.truth for p in parts])[order],
            torch.cat([p.draws for p in parts], 1)[:, order],
            torch.cat([p.mean for p in parts])[order],
        )


def measure(imputed: Imputed, hidden: slice, scale: Tensor, unit: str, *, lag: int, seed: int) -> Holdout:
    """Every number of the section. ``scale`` (channel, 1) divides the errors; the share of bands does not depend on it."""
    truth, line = imputed.truth[..., hidden], interpolate(imputed.truth, hidden)[..., hidden]
    draws, y = imputed.draws / scale, truth / scale
    centre = draws.mean(0)
    score = {
        "model": (centre, crps(draws, y)),
        "linear": (line / scale, (line / scale - y).abs()),
        "mean": (imputed.mean / scale, (imputed.mean / scale - y).abs()),
    }
    fillings, per_case = {}, {}
    for name, (point, loss) in score.items():
        square = mean_with_error((point - y).square().flatten(1).mean(1), lag)
        rmse = math.sqrt(square.value)
        per_case[name] = loss.flatten(1).mean(1)
        fillings[name] = Filling(Mean(rmse, square.error / (2 * rmse) if rmse else 0.0), mean_with_error(per_case[name], lag))
    u = pit(draws, y, seed=seed).flatten(1)
    in_bin = torch.nn.functional.one_hot((u * BINS).long().clamp(0, BINS - 1), BINS).to(torch.float64).mean(1) * BINS
    tolerance = 2 * sum(mean_with_error(in_bin[:, b], lag).error for b in range(BINS)) / BINS
    ranked = per_case["model"].argsort()
    chosen = [int(ranked[round(q * (len(ranked) - 1))]) for q in (0.1, 0.5, 0.9)]
    return Holdout(
        cases=len(y),
        hidden=hidden,
        unit=unit,
        coverage=coverage(draws, y, lag=lag),
        joint=joint_coverage(u, lag=lag),
        histogram=rank_histogram(u, BINS),
        tolerance=tolerance,
        fillings=fillings,
        gain=mean_with_error(per_case["linear"] - per_case["model"], lag),
        examples=tuple(int(imputed.numbers[k]) for k in chosen),
        shown=_shown(imputed, chosen, hidden),
    )


def interpolate(x: Tensor, hidden: slice) -> Tensor:
    """x (case, channel, time) with the hidden stretch on straight lines between observed neighbours; flat beyond the last one."""
    out = x.clone()
    times = np.arange(x.shape[-1])
    seen = torch.ones(x.shape[-1], dtype=torch.bool)
    seen[hidden] = False
    for row in out.view(-1, x.shape[-1]):
        known = (seen & ~torch.isnan(row)).numpy()
        if known.any():
            row[hidden] = torch.from_numpy(np.interp(times[hidden], times[known], row.numpy()[known]))
        else:
            row[hidden] = out[~torch.isnan(out)].mean()
    return out


def _shown(imputed: Imputed, chosen: list[int], hidden: slice) -> tuple[Tensor, Tensor, Tensor, list[tuple[Tensor, Tensor]]]:
    truth, draws = imputed.truth[chosen], imputed.draws[:, chosen]

    def whole(gap: Tensor) -> Tensor:
        x = truth.clone()
        x[..., hidden] = gap
        return x

    bands = [band(draws, level) for level in (0.9, 0.5)]
    return truth, whole(draws.mean(0)), interpolate(truth, hidden), [(whole(low), whole(high)) for low, high in bands]
