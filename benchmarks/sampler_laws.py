"""What a sampler makes of Gaussian data, without a single random number: the exact law at the end of the run, step by step.

On a diagonal Gaussian every stochastic method is linear in its start and in all its noise, mode by mode, so one run whose rows hold
a 1 for the start or for one array of noise, and 0 for the rest, reads off all the factors; their squares give the final variances.
"""

from __future__ import annotations

import warnings

import torch
from torch import Tensor

from ornstein.covariance import Diagonal
from ornstein.data import laws
from ornstein.denoisers import Gaussian
from ornstein.samplers import DDPM, Ancestral, DPMSolverSDE, Exact, Level, Sampler, levels, walk
from ornstein.schedules import VP, Cosine, Schedule

COUNTS = (5, 10, 50, 250, 1000)
SAMPLERS: tuple[Sampler, ...] = (DDPM(), DDPM("large"), DPMSolverSDE(2), Exact(stochastic=True), Ancestral())


class Impulses:
    """Noise that is 0 but for the row of its own array, which is 1. Without rows, it counts the arrays."""

    def __init__(self, rows: int, size: int) -> None:
        self.rows, self.size, self.asked = rows, size, 0

    def increment(self, now: Level, then: Level) -> Tensor:
        return self._next()

    def fresh(self, step: int, use: int) -> Tensor:
        return self._next()

    def _next(self) -> Tensor:
        z = torch.zeros(self.rows, self.size, dtype=torch.float64)
        self.asked += 1
        if self.asked < self.rows:
            z[self.asked] = 1
        return z


def variances(sampler: Sampler, spectrum: Tensor, schedule: Schedule, steps: int) -> Tensor:
    """The variance of every mode at the end of a run from the exact law at its start."""
    law, visited = Gaussian(torch.zeros(len(spectrum)), Diagonal(spectrum)), levels(schedule, schedule.grid(steps))

    def factors(source: Impulses) -> Tensor:
        x = torch.zeros(source.rows, len(spectrum), dtype=torch.float64)
        x[0] = (visited[0].alpha ** 2 * spectrum + visited[0].sigma ** 2).sqrt()
        for state in walk(sampler, law, schedule, visited, x, source):
            x = state.x
        return x

    factors(count := Impulses(1, len(spectrum)))
    return factors(Impulses(1 + count.asked, len(spectrum))).square().sum(0)


def error(found: Tensor, spectrum: Tensor) -> float:
    """The 2-Wasserstein distance to the law of the data, relative to its deviation."""
    return float((found.sqrt() - spectrum.sqrt()).norm() / spectrum.sum().sqrt())


def main() -> None:
    spectrum = torch.linalg.eigvalsh(laws.cosines_covariance(64)).clamp_min(1e-6)
    print(f"{'final law on Gaussian data, d = 64, 2-Wasserstein error':<70}" + "".join(f"{n:>9}" for n in COUNTS) + " steps")
    for schedule in (VP(), Cosine()):
        for sampler in SAMPLERS:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                errors = [error(variances(sampler, spectrum, schedule, n), spectrum) for n in COUNTS]
            print(f"{f'{type(schedule).__name__}, {sampler}':<70}" + "".join(f"{e:9.1e}" for e in errors), flush=True)


if __name__ == "__main__":
    main()
