"""Entries 1 to 3 of docs/experiments.md: exact errors of samplers on the spectrum of the electricity data, for each grid."""

import itertools
import math

import torch
from torch import Tensor

import ornstein as orn
from ornstein.data import examples
from ornstein.samplers import DDIM, DDPM, Euler, Heun, Sampler, certify
from ornstein.schedules import VP, Cosine, Grid, RectifiedFlow, Schedule

COUNTS = (16, 32, 64, 128, 256)


def variances(sampler: Sampler, spectrum: Tensor, schedule: Schedule, grid: Grid) -> Tensor:
    """The variance of every mode after sampling, exactly."""
    return certify(sampler, grid, schedule, spectrum).variance


def error(v: Tensor, spectrum: Tensor) -> float:
    """The 2-Wasserstein distance to the law, relative to its deviation."""
    return float((v.sqrt() - spectrum.sqrt()).norm() / spectrum.sum().sqrt())


def uniform(steps: int) -> Grid:
    return Grid(torch.linspace(1, 0, steps + 1, dtype=torch.float64))


def main() -> None:
    spectrum = orn.fit(examples.electricity(), shrinkage="none", folds=0).law.operator.eigenvalues
    for name, schedule, grid in (
        ("VP, quadratic in t", VP(), VP().grid),
        ("VP, uniform in t", VP(), uniform),
        ("cosine, uniform in angle", Cosine(), Cosine().grid),
        ("cosine, uniform in t", Cosine(), uniform),
        ("flow, uniform in t", RectifiedFlow(), uniform),
    ):
        errors = [error(variances(Heun(), spectrum, schedule, grid(n)), spectrum) for n in COUNTS]
        orders = [math.log2(a / b) for a, b in itertools.pairwise(errors)]
        print(f"Heun, {name:25}", *(f"{e:.1e}" for e in errors), " orders", *(f"{o:.2f}" for o in orders))
    for sampler in (DDPM(), DDIM(), Euler(), Heun()):
        for n in (10, 50, 250):
            v = variances(sampler, spectrum, VP(), VP().grid(n))
            print(f"{sampler}, VP, {n} steps: variance {v.sum() / spectrum.sum():.3f}, smallest mode {v[22] / spectrum[22]:.3f}")


if __name__ == "__main__":
    main()
