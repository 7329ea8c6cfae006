"""Covariance: the dense fit against NumPy's Gram + eigh, and structured fits and products at sizes where no matrix fits (5 min, 5 GB)."""

import subprocess
import sys

import numpy as np
import torch
from harness import against, alone, machine, peak_mib, report, seconds

from ornstein.common.random import Noise
from ornstein.covariance import Autoregressive, Dense, Diagonal, Kronecker, LowRank, Stationary, estimate


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


def low_rank(n: int = 100_000, d: int = 10_000, rank: int = 20) -> None:
    """Run in a process of its own: the peak is that of the whole process, interpreter and libraries included."""
    x = torch.empty(n, d)
    loadings = torch.randn(rank, d, generator=torch.Generator().manual_seed(0))
    noise = torch.Generator().manual_seed(1)
    for part in x.split(1000):  # in place, so that making the data takes no second copy
        part.normal_(generator=noise).mul_(0.5).addmm_(torch.randn(len(part), rank, generator=noise), loadings)
    data, before = 4 * n * d / 2**20, peak_mib()
    fitted: list[LowRank] = []
    took = seconds(lambda: fitted.append(estimate(x, "low-rank", rank=rank).covariance))
    floor = fitted[0].floor
    print(
        f"{f'estimate(low-rank, rank {rank}), n = {n}, d = {d}, float32':<58} {took:10.1f} s    "
        f"peak {peak_mib() / data:.3f} of the data ({before / data:.3f} before the fit; target <= 1.2)   floor {floor:.4f} (0.25 planted)"
    )


def stationary_fit(n: int = 10_000_000, window: int = 1000) -> None:
    x = Noise(5).normal(1, (n,)).view(-1, window)
    x[:, 1:] += x[:, :-1]
    for structure in ("stationary", "multitaper", "toeplitz", "autoregressive"):
        took = seconds(lambda s=structure: estimate(x, s))
        print(f"{f'estimate({structure}), {n:.0e} samples in windows of {window}':<58} {took:10.2f} s")


def autoregressive(d: int = 100_000, order: int = 10) -> None:
    decay = 0.5 ** torch.arange(1, order + 1, dtype=torch.float64)
    start = torch.arange(d).unsqueeze(1) > torch.arange(order)  # a sample has only those before it to rest on
    process = Autoregressive(-0.5 * decay * start, torch.ones(d, dtype=torch.float64))
    x = Noise(6).normal(1, (d,))
    for name, call in (
        ("@ x", lambda: process @ x),
        ("solve", lambda: process.solve(x)),
        ("color (a draw)", lambda: process.color(x)),
        ("gain at a noise level", lambda: process.gain(x, 0.5)),
        ("logdet at a noise level", lambda: process.logdet(0.5)),
    ):
        alone(f"Autoregressive(d = {d}, order {order}) {name}", call)


if __name__ == "__main__":
    if "low-rank" in sys.argv:
        low_rank()
        sys.exit()
    machine()
    dense_fit()
    stationary()
    others()
    autoregressive()
    stationary_fit()
    subprocess.run([sys.executable, __file__, "low-rank"], check=True)
