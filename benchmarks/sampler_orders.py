"""Entries 1 to 3 of docs/experiments.md: exact errors of samplers on the spectrum of the electricity data, for each grid."""

import itertools
import math

import torch
from torch import Tensor

import ornstein as orn
from ornstein.covariance import Diagonal
from ornstein.data import examples
from ornstein.denoisers import Gaussian
from ornstein.process import Process
from ornstein.samplers import DDIM, DDPM, Context, Euler, Heun, Sampler, levels
from ornstein.schedules import VP, Cosine, Grid, RectifiedFlow, Schedule

COUNTS = (16, 32, 64, 128, 256)


def variances(sampler: Sampler, spectrum: Tensor, schedule: Schedule, grid: Grid) -> Tensor:
    """A step on a diagonal Gaussian is x -> m x + a z, so the variance of every mode follows V -> m^2 V + a^2."""
    law = Gaussian(torch.zeros(len(spectrum)), Diagonal(spectrum))
    one, times, process = torch.ones(1, len(spectrum), dtype=torch.float64), levels(schedule, grid), Process(schedule)
    v = times[0].alpha ** 2 * spectrum + times[0].sigma ** 2
    for now, then in itertools.pairwise(times):
        m = sampler.step(Context(law, process, lambda: 0 * one), one, now, then)[0]
        a = sampler.step(Context(law, process, lambda: one), 0 * one, now, then)[0]
        v = m**2 * v + a**2
    return v


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
