"""Covariance: the dense fit against NumPy's Gram + eigh, and structured products at sizes where no matrix fits."""

import numpy as np
import torch
from harness import against, alone, machine, peak_mib, report

from ornstein.covariance import Dense, Diagonal, Kronecker, LowRank, Stationary, estimate
from ornstein.random import Noise


def dense_fit(n: int = 4096, d: int = 1024) -> None:
    x = Noise(0).normal(n, (d,))
    rows = x.numpy()

    def peer() -> object:
        centred = rows - rows.mean(0)
        return np.linalg.eigh(centred.T @ centred / n)

    for shrinkage in ("none", "oas", "ledoit-wolf"):
        ours, theirs = against(lambda s=shrinkage: estimate(x, shrinkage=s), peer)
        report(f"estimate(dense, {shrinkage}), n = {n}, d = {d}", ours, theirs, "NumPy Gram + eigh", "target <= 1.3 (none, oas)")


def stationary(d: int = 1_000_000) -> None:
    lag = torch.arange(d, dtype=torch.float64)
    operator = Stationary(torch.exp(-torch.minimum(lag, d - lag) / 50))
    x = Noise(1).normal(1, (d,))
    before = peak_mib()
    alone(f"Stationary @ x, d = {d}", lambda: operator @ x)
    alone(f"Stationary color, d = {d}", lambda: operator.color(x))
    alone(f"Stationary gain, d = {d}", lambda: operator.gain(x, 0.5))
    print(f"{'  memory above the operator and x':<58} {peak_mib() - before:10.0f} MiB   (one vector is {8 * d / 2**20:.0f} MiB)")


def others() -> None:
    x = Noise(2).normal(64, (64 * 1000,))
    channel = Dense(torch.eye(64, dtype=torch.float64) + 0.5)
    lag = torch.arange(1000, dtype=torch.float64)
    time = Stationary(torch.exp(-torch.minimum(lag, 1000 - lag) / 20))
    alone("Kronecker(64 dense, 1000 stationary) @ 64 signals", lambda: Kronecker(channel, time) @ x)
    basis = torch.linalg.qr(Noise(3).normal(100_000, (20,))).Q
    low = LowRank(basis, torch.ones(20, dtype=torch.float64), 0.1)
    y = Noise(4).normal(16, (100_000,))
    alone("LowRank(rank 20, d = 100 000) @ 16 signals", lambda: low @ y)
    diagonal = Diagonal(torch.ones(100_000, dtype=torch.float64))
    alone("Diagonal(d = 100 000) @ 16 signals", lambda: diagonal @ y)


if __name__ == "__main__":
    machine()
    dense_fit()
    stationary()
    others()
