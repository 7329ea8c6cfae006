"""Which covariance for which signal: held-out nats per case of every structure on real recordings, as markdown (10 min).

    python benchmarks/bench_structures.py [eeg ecg air bones beats-100 beats-500]

Each structure is fitted to the training cases, standardised per channel as ``orn.fit`` does, and scored on the test cases in the
same standardised units (no Jacobian: differences between structures do not depend on it). "±" is one standard error over test
cases; where neighbouring cases come from one stretch of recording, it is Newey and West's. The third column is the loss to the
best structure, paired by case.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from harness import machine
from real_data import Split, air, ecg, eeg, heartbeats_5000, outlines
from torch import Tensor

from ornstein.covariance import KERNELS, Covariance, estimate
from ornstein.denoisers import Gaussian
from ornstein.fitting.scaling import Scaler
from ornstein.metrics import Mean, mean_with_error

SHRINKAGES = ("oas", "ledoit-wolf", "nonlinear", "none")
BOTH = (*(("dense", shrinkage) for shrinkage in SHRINKAGES), *((name, "oas") for name in ("diagonal", "low-rank")))
IN_TIME = tuple((name, "oas") for name in ("toeplitz", "stationary", "multitaper", "welch", *KERNELS))
ONE = (*BOTH, *IN_TIME, ("autoregressive", "oas"))
SEVERAL = (*BOTH, *IN_TIME, ("kronecker", "oas"), ("kronecker", "none"), ("diagonal*dense", "oas"), ("diagonal*toeplitz", "oas"))

SPLITS: dict[str, Callable[[], Split]] = {
    "eeg": eeg,
    "ecg": ecg,
    "air": air,
    "bones": lambda: outlines("PhalangesOutlinesCorrect", "bone outlines"),
    "beats-100": lambda: outlines("ECG200", "heartbeats, 100"),
    "beats-500": heartbeats_5000,
}


@dataclass(frozen=True)
class Row:
    """One structure on one data set."""

    name: str
    numbers: int
    nats: Tensor
    seconds: float


def score(train: Tensor, test: Tensor, structure: str, shrinkage: str) -> Row:
    begin = time.perf_counter()
    fitted = estimate(train, structure, shrinkage=shrinkage)
    seconds = time.perf_counter() - begin
    nats = Gaussian(fitted.mean, fitted.covariance).log_prob(test)
    if fitted.covariance.rank() < fitted.covariance.size:  # the true law has full rank: a case off the support has density 0
        nats = torch.full_like(nats, -math.inf)
    name = f"`{structure}`" + (f", {shrinkage}" if shrinkage != "oas" else "") + _knobs(fitted.covariance)
    return Row(name, fitted.numbers, nats, seconds)


def _knobs(covariance: Covariance) -> str:
    rank, order = getattr(covariance, "components", None), getattr(covariance, "order", None)
    return f" (rank {rank})" if rank is not None else f" (order {order})" if order is not None else ""


def shown(mean: Mean) -> str:
    return f"{mean.value:.1f} ± {mean.error:.1f}" if math.isfinite(mean.value) else "−∞"


def compare(split: Split) -> None:
    scaler = Scaler.fit(split.train, "channel")
    train, test = scaler.encode(split.train), scaler.encode(split.test)
    size = math.prod(train.shape[1:])
    print(f"\n## {split.name}: {len(train)} cases to fit, {len(test)} to score, d = {size}\n\n{split.note}\n")
    several = train.ndim > 2 and train.shape[1] > 1
    rows = sorted((score(train, test, *pair) for pair in (SEVERAL if several else ONE)), key=lambda row: -float(row.nats.mean()))
    print("| structure | numbers | held-out nats per case | minus the best, paired | seconds to fit |\n|---|---|---|---|---|")
    for row in rows:
        gap = shown(mean_with_error(row.nats - rows[0].nats, split.lag)).replace("-", "−") if row is not rows[0] else "0"
        nats = shown(mean_with_error(row.nats, split.lag)).replace("-", "−")
        print(f"| {row.name} | {row.numbers} | {nats} | {gap} | {row.seconds:.2f} |", flush=True)
    begin = time.perf_counter()
    chosen = estimate(train, "auto")
    seconds = time.perf_counter() - begin
    nats = Gaussian(chosen.mean, chosen.covariance).log_prob(test)
    gap = shown(mean_with_error(nats - rows[0].nats, split.lag)).replace("-", "−")
    table = ", ".join(f"{c.structure} {c.held_out:.1f}" for c in sorted(chosen.candidates, key=lambda c: -c.held_out))
    print(f"\n`auto` chose `{chosen.structure}` in {seconds:.1f} s: {gap} nats to the best above. Its own table: {table}", flush=True)


if __name__ == "__main__":
    machine()
    for name in sys.argv[1:] or SPLITS:
        compare(SPLITS[name]())
