"""Fits with gaps at any number of windows: hourly air quality, 7 stations x 48 h, points hidden in fit and test, against straight lines.

    python benchmarks/gap_windows.py [shares]       default 10 50 90, in percent; three minutes of one core

The windows to fit come from three years of the series (2 % missing anyway), the 150 to fill from the year after. Stations are
standardised by the years of the fit. Errors are means of |median - truth| in standard deviations; CRPS of the Gaussian marginals.
"""

from __future__ import annotations

import sys
import time

import torch
from harness import machine
from real_data import load
from torch import Tensor

import ornstein as orn
from ornstein.covariance import estimate, interpolated
from ornstein.covariance.missing_blocks import Conditional
from ornstein.covariance.missing_fit import crps

LENGTH, STATIONS, TESTED = 48, 7, 150


def windows(series: Tensor, count: int) -> Tensor:
    """``count`` windows (window, station, hour), evenly spaced; those without any value are left out."""
    hop = max(1, (len(series) - LENGTH) // count)
    cut = series.unfold(0, LENGTH, hop)[:count]
    return cut[(~cut.isnan()).flatten(1).any(1)]


def hide(x: Tensor, share: float, seed: int) -> Tensor:
    gone = orn.random.Noise(seed).uniform(len(x), tuple(x.shape[1:])) < share
    return torch.where(gone, torch.full_like(x, torch.nan), x)


def main(shares: list[int], counts: tuple[int, ...] = (5, 20, 60, 500, 2500)) -> None:
    found = load("beijing_pm25")
    train, test = (torch.from_numpy(found[part][:, :STATIONS]).double() for part in ("train", "test"))
    centre = train.nanmean(0)
    scale = (train - centre).square().nanmean(0).sqrt()
    train, test = (train - centre) / scale, windows((test - centre) / scale, TESTED)
    print("| windows | hidden | line | MAE | CRPS | 90 % band holds | CPU s | how |\n|---|---|---|---|---|---|---|---|")
    for count in counts:
        for share in shares:
            gappy = hide(windows(train, count), share / 100, 1)
            gappy = gappy[(~gappy.isnan()).flatten(1).any(1)]
            shown = hide(test, share / 100, 2)
            hidden = shown.isnan() & ~test.isnan()
            begin = time.process_time()
            fitted = estimate(gappy, "dense")
            seconds = time.process_time() - begin
            law = Conditional(fitted.mean.flatten(), fitted.covariance.dense())
            guess, spread = (part.view(test.shape)[hidden] for part in law.expect(shown.flatten(1)))
            error = (guess - test[hidden]).abs()
            line = interpolated(shown)
            line = torch.where(line.isnan(), gappy.nanmean((0, 2)).unsqueeze(1), line)
            held = float((error < 1.645 * spread).double().mean())
            how = fitted.gaps
            print(
                f"| {len(gappy)} | {share} % | {float((line - test)[hidden].abs().mean()):.3f} | {float(error.mean()):.3f} | "
                f"{float(crps(error, spread).mean()):.3f} | {held:.2f} | {seconds:.0f} | {how and (how.prior, how.weight, how.passes)} |",
                flush=True,
            )


if __name__ == "__main__":
    machine()
    main([int(share) for share in sys.argv[1:]] or [10, 50, 90])
