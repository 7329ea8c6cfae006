"""Gaps: probabilistic PCA by EM on intensive-care records with 80 % missing, against mean, last value and interpolation (10 min).

4000 records of 48 h x 35 variables; 2800 to fit, 800 to test. Of what a test record observed, 10, 50 or 90 % is hidden and imputed.
Every variable is standardised by the training records. Errors are those of medians of 100 draws; CRPS is normalised as is usual
for these data: the mean over 19 quantiles of twice the pinball loss, summed over all hidden values, over the sum of their |value|.

    python benchmarks/bench_gaps.py [rank]          default 32; 0 leaves the choice to held-out likelihood, which takes longer
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import numpy as np
import torch
from harness import machine
from real_data import load
from torch import Tensor

import ornstein as orn

LEVELS = torch.arange(1, 20, dtype=torch.float64) / 20
Fill = Callable[[Tensor], Tensor]


def records() -> tuple[Tensor, Tensor, dict[int, Tensor]]:
    """(train, test, what is given of the test at 10, 50, 90 % hidden), all (record, hour, variable), standardised by variable."""
    found = load("physionet2012_seta")
    x = torch.from_numpy(found["data"].astype(np.float64))
    train, test = (x[torch.from_numpy(found[f"{part}_idx"])] for part in ("train", "test"))
    centre = train.nanmean((0, 1))
    scale = (train - centre).square().nanmean((0, 1)).sqrt()
    given = {
        share: torch.from_numpy(np.unpackbits(found[f"gt_mask_{share}_packed"])[: x.numel()].reshape(x.shape)).bool()[found["test_idx"]]
        for share in (10, 50, 90)
    }
    return (train - centre) / scale, (test - centre) / scale, given


def last_value(x: Tensor) -> Tensor:
    """The value before in the same record, the mean (0) where there is none."""
    out, now = x.clone(), torch.zeros_like(x[:, 0])
    for hour in range(x.shape[1]):
        now = torch.where(x[:, hour].isnan(), now, x[:, hour])
        out[:, hour] = now
    return out


def interpolated(x: Tensor) -> Tensor:
    """Linear between neighbours, constant beyond the first and the last, the mean (0) where nothing was observed."""
    out, hours = torch.zeros_like(x), np.arange(x.shape[1])
    for record in range(len(x)):
        for variable in range(x.shape[2]):
            column = x[record, :, variable].numpy()
            seen = ~np.isnan(column)
            if seen.any():
                out[record, :, variable] = torch.from_numpy(np.interp(hours, hours[seen], column[seen]))
    return out


def show(name: str, quantiles: Tensor, truth: Tensor, seconds: float) -> None:
    """quantiles (19, hidden), or one row for a method that gives a single value."""
    middle = quantiles[len(quantiles) // 2]
    wrong = truth - quantiles
    levels = LEVELS.unsqueeze(1)
    pinball = torch.maximum(levels * wrong, (levels - 1) * wrong).sum(1).mean()
    crps = float(2 * pinball / truth.abs().sum())
    mae, rmse = float((truth - middle).abs().mean()), float((truth - middle).square().mean().sqrt())
    print(f"| {name} | {crps:.3f} | {mae:.3f} | {rmse:.3f} | {seconds:.1f} |", flush=True)


def main(rank: int | None) -> None:
    train, test, given = records()
    alive = (~train.isnan()).any(0)  # an hour of a variable that nobody observed says nothing
    rows = train[:, alive]
    rows = rows[(~rows.isnan()).any(1)]
    begin = time.perf_counter()
    model = orn.fit(rows, structure="low-rank", rank=rank, standardize="none", folds=0)
    seconds = time.perf_counter() - begin
    missing, rank = 100 * float(rows.isnan().double().mean()), model.law.operator.components
    print(f"\nEM on {len(rows)} records of {rows.shape[1]} entries, {missing:.0f} % missing: rank {rank}, {seconds:.0f} s")
    for share, mask in given.items():
        hidden = (~test.isnan()) & ~mask & alive
        x = torch.where(mask, test, torch.full_like(test, torch.nan))
        truth = test[hidden]
        print(f"\n{share} % hidden, {len(truth)} values\n\n| method | CRPS | MAE | RMSE | seconds |\n|---|---|---|---|---|")
        fills: dict[str, Fill] = {"mean": torch.zeros_like, "last value": last_value, "linear interpolation": interpolated}
        for name, fill in fills.items():
            begin = time.perf_counter()
            filled = fill(x)[hidden].unsqueeze(0)
            show(name, filled, truth, time.perf_counter() - begin)
        begin = time.perf_counter()
        found = [_quantiles(model, x[i : i + 100], hidden[i : i + 100], alive) for i in range(0, len(x), 100)]
        show(f"low-rank Gaussian (rank {rank})", torch.cat(found, 1), truth, time.perf_counter() - begin)


def _quantiles(model: orn.Model, x: Tensor, hidden: Tensor, alive: Tensor) -> Tensor:
    """(19, hidden values) of 100 draws."""
    draws = model.impute(x[:, alive], draws=100)
    return draws[:, hidden[:, alive]].quantile(LEVELS, 0)


if __name__ == "__main__":
    machine()
    main(int(sys.argv[1]) or None if len(sys.argv) > 1 else 32)
