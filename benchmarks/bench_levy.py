"""Posteriors of Lévy processes against a Gibbs sampler: what a method loses in squared error, and what its 90 % bands hold.

Signals are sums of 64 independent increments, measured four ways. A posterior is drawn for the increments, whose denoiser is known, so
that the method is what is measured.

    python benchmarks/bench_levy.py [laws whose name contains this]
"""

from __future__ import annotations

import math
import sys
import time
import warnings

import torch
from harness import machine
from levy import LAWS, NOISE, SIZE, Increments, drawn, gibbs
from torch import Tensor

from ornstein.covariance import Diagonal
from ornstein.denoisers import Gaussian
from ornstein.measurements import Fourier, Linear
from ornstein.posterior import RUNS, Given, Twisted, condition, runs

CASES, DRAWS = 8, 150
METHODS = ("twisted", "dps", "diffpir", "daps")
LEVELS = torch.tensor([0.05, 0.95], dtype=torch.float64)


def operators() -> dict[str, Tensor]:
    """Rows that measure a signal, (m, 64)."""
    unit = torch.eye(SIZE, dtype=torch.float64)
    taps = torch.exp(-0.5 * (torch.arange(-6, 7, dtype=torch.float64) / 2).square())
    blur = torch.nn.functional.conv1d(unit.unsqueeze(1), (taps / taps.sum()).view(1, 1, -1), padding=6)[:, 0].T
    fourier = Fourier(torch.arange(16)).bind((SIZE,)).matrix()
    return {"denoise": unit, "deconvolve": blur, "impute": unit[torch.arange(SIZE) % 10 < 4], "Fourier": fourier}


def scored(draws: Tensor, weights: Tensor, truth: Tensor) -> tuple[float, float]:
    """(mean squared error of the mean, share of the truth inside central 90 % bands): draws (n, case, d), weights (n, case)."""
    mean = (weights.unsqueeze(-1) * draws).sum(0)
    ordered, order = draws.sort(0)
    reached = torch.take_along_dim(weights.unsqueeze(-1).expand_as(draws), order, 0).cumsum(0)
    low, high = (torch.take_along_dim(ordered, (reached < p).sum(0, keepdim=True).clamp_max(len(draws) - 1), 0)[0] for p in LEVELS)
    return float((mean - truth).square().mean()), float(((truth >= low) & (truth <= high)).double().mean())


def posterior(method: str, denoiser: Increments, rows: Tensor, y: Tensor, prior: Gaussian) -> tuple[Tensor, Tensor, float]:
    """Draws (n, case, d), their weights (n, case), and the smallest effective number."""
    if method == "twisted":
        found = condition(denoiser, Linear(rows), y, NOISE, reference=prior)
        assert isinstance(found, Twisted)
        return found.law.points.movedim(0, 1), found.law.weights.T, float(found.effective.min())
    given = [Given(Linear(rows), y, torch.tensor(NOISE, dtype=torch.float64))]
    law = runs(RUNS[method], method, denoiser, given, prior, draws=DRAWS, steps=100)
    return law.points.movedim(0, 1), law.weights.T, float(DRAWS)


def main(wanted: str) -> None:
    machine()
    print(f"\n{CASES} signals, noise {NOISE:g}: gap to the Gibbs sampler in dB / share inside 90 % bands / CPU-seconds a case\n")
    print("| law | measured | Gibbs: squared error, coverage | " + " | ".join(METHODS) + " | effective |")
    print("|---" * (4 + len(METHODS)) + "|")
    sums = torch.ones(SIZE, SIZE, dtype=torch.float64).tril()
    for number, law in enumerate(LAWS):
        if wanted not in law:
            continue
        g = torch.Generator().manual_seed(number)
        denoiser = Increments(law)
        variance = float((denoiser.variances * denoiser.shares).sum())
        prior = Gaussian(torch.zeros(SIZE), Diagonal(torch.full((SIZE,), variance, dtype=torch.float64)))
        for name, measured in operators().items():
            truth = drawn(law, CASES, g)
            rows = measured @ sums
            y = truth @ rows.T + NOISE * torch.randn((CASES, len(rows)), dtype=torch.float64, generator=g)
            exact = gibbs(law, rows, y, g) @ sums.T
            error, held = scored(exact, torch.full(exact.shape[:2], 1 / len(exact), dtype=torch.float64), truth @ sums.T)
            cells, least = [], 0.0
            for method in METHODS:
                begin = time.process_time()
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # of few effective particles, which the last column says
                    draws, weights, left = posterior(method, denoiser, rows, y, prior)
                spent = (time.process_time() - begin) / CASES
                least = left if method == "twisted" else least
                ours, inside = scored(draws @ sums.T, weights, truth @ sums.T)
                cells.append(f"{10 * math.log10(ours / error):.2f} / {inside:.2f} / {spent:.1f}")
            print(f"| {law} | {name} | {error:.3f}, {held:.2f} | " + " | ".join(cells) + f" | {least:.0f} |", flush=True)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "")
