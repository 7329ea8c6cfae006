"""Repairing a bad EEG channel: the other channels' law against MNE's spherical splines, in microvolts.

Every channel in turn is taken for bad in trials that no fit has seen: rms of what is put in its place less what was measured, median over
channels. The laws are fitted to windows of 16 samples of the other trials.

    python benchmarks/bench_channels.py [--channels 64] [--trials 5]
"""

from __future__ import annotations

import argparse
import warnings

import mne
import numpy as np
import torch
from real_data import load

import ornstein as orn

WINDOW = 16


def epochs(values: np.ndarray, names: list[str], rate: float) -> mne.EpochsArray:
    """Trials in volts, with the places of the 10-05 system."""
    made = mne.EpochsArray(values * 1e-6, mne.create_info(names, rate, "eeg"), verbose="error")
    made.set_montage("standard_1005", match_case=False, verbose="error")
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description="A bad EEG channel repaired by a law and by spherical splines.")
    parser.add_argument("--channels", type=int, default=64)
    parser.add_argument("--trials", type=int, default=5)
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    found = load("eegmmidb_S001_MI_LR")
    names = [str(name) for name in found["channels"]]
    rate = float(found["fs"])
    train, test = (np.asarray(found[part], dtype=np.float64) for part in ("train", "test"))
    signals = orn.Signals(torch.from_numpy(train), rate, tuple(names), ("µV",) * len(names))
    models = {
        f"channel x time, {WINDOW} samples": orn.fit(signals.windows(WINDOW), structure="kronecker", folds=0),
        "the covariance of one moment": orn.fit(signals.windows(1, 3), folds=0),
    }
    trials = epochs(test[:: max(1, len(test) // given.trials), :, : test.shape[-1] // WINDOW * WINDOW], names, rate)
    truth = trials.get_data() * 1e6
    errors: dict[str, list[float]] = {name: [] for name in ("spherical splines", "mean of the others", *models)}
    for k in range(min(given.channels, len(names))):
        bad = trials.copy()
        bad.info["bads"] = [names[k]]
        spline = bad.copy().interpolate_bads(verbose="error").get_data()[:, k] * 1e6
        answers = {"spherical splines": spline, "mean of the others": np.delete(truth, k, 1).mean(1)}
        for name, model in models.items():
            length = model.event_shape[-1]
            gappy = torch.from_numpy(truth.copy())
            gappy[:, k] = torch.nan
            windows = orn.Signals(gappy, rate, tuple(names), ("µV",) * len(names)).windows(length)
            filled = model.quantiles(windows, (0.5,))[0][:, k]
            answers[name] = filled.reshape(len(truth), -1).numpy()
        for name, answer in answers.items():
            errors[name].append(float(np.sqrt(np.mean((answer - truth[:, k]) ** 2))))
    spline = np.array(errors["spherical splines"])
    print(f"{len(truth)} trials of {truth.shape[-1] / rate:.1f} s, {len(spline)} channels in turn, deviation {truth.std():.1f} µV\n")
    print("| what stands in for the channel | rms, µV (median over channels) | better than splines on |\n|---|---|---|")
    for name, each in errors.items():
        print(f"| {name} | {np.median(each):.2f} | {int((np.array(each) < spline).sum())} of {len(spline)} |")


if __name__ == "__main__":
    main()
