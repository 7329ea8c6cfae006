"""Steps of a sampler as the affine maps that they are on a Gaussian law: x_s = M x_t + N z + b, read off with unit vectors."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

import torch
from torch import Tensor

from kinds import normal
from ornstein.common.linear import LinearMap
from ornstein.covariance import Conditioned, Dense, Diagonal, Kronecker, LowRank, Spectral, Stationary
from ornstein.denoisers import Gaussian
from ornstein.process import Process
from ornstein.samplers import Context, Level, Sampler, levels, run
from ornstein.schedules import Grid, Schedule
from truth import orthogonal, spectrum_covariance

# Wide (a factor of 80), and well above the square of the last noise levels: a mode that the noise hides until the very end is
# finished by the last step, which returns the denoised signal, and says nothing of the order. Null modes are the extreme case:
# every step solves them exactly at sigma = 0. They have their own tests.
SPECTRUM = (4.0, 1.0, 0.3, 0.05)
SIZE = len(SPECTRUM)
MEAN = torch.tensor([1.0, -1.0, 0.5, 2.0], dtype=torch.float64)
LAW = Gaussian(MEAN, Dense(spectrum_covariance(SPECTRUM, 3)))

STRUCTURES: dict[str, Spectral] = {
    "dense": Dense(spectrum_covariance(SPECTRUM, 3)),
    "diagonal": Diagonal(torch.tensor(SPECTRUM)),
    "low-rank": LowRank(orthogonal(SIZE, 5)[:, :2], torch.tensor([4.0, 1.0]), 0.05),
    "stationary": Stationary(torch.tensor([2.0, 0.7, 0.2, 0.7], dtype=torch.float64)),
    "kronecker": Kronecker(Dense(spectrum_covariance((2.0, 0.3), 6)), Dense(spectrum_covariance((1.5, 0.2), 7))),
    "dense of rank 2": Dense(spectrum_covariance((4.0, 1.0, 0.0, 0.0), 3)),
    "low-rank without a floor": LowRank(orthogonal(SIZE, 5)[:, :2], torch.tensor([4.0, 1.0])),
    "diagonal of rank 1": Diagonal(torch.tensor([0.0, 0.0, 2.0, 0.0])),
    "all of one signal": Diagonal(torch.zeros(SIZE)),
}


class Affine(NamedTuple):
    """x -> slope x + noise z + shift."""

    slope: Tensor
    noise: Tensor
    shift: Tensor

    @property
    def spread(self) -> Tensor:
        """The covariance that the noise adds."""
        return self.noise @ self.noise.T


class Units:
    """A source of noise that is 0 but for one block of rows per array asked for, which holds the unit vectors."""

    def __init__(self, arrays: int) -> None:
        self.asked, self.rows = 0, 1 + SIZE + arrays * SIZE

    def increment(self, now: Level, then: Level) -> Tensor:
        return self._next()

    def fresh(self, step: int, use: int) -> Tensor:
        return self._next()

    def _next(self) -> Tensor:
        z = torch.zeros(self.rows, SIZE, dtype=torch.float64)
        begin = 1 + SIZE + self.asked * SIZE
        z[begin : begin + SIZE] = torch.eye(SIZE, dtype=torch.float64)[: max(self.rows - begin, 0)]
        self.asked += 1
        return z


def start_of(rows: int) -> Tensor:
    """The zero vector, the unit vectors, and zeros for the rows of the noise."""
    x = torch.zeros(rows, SIZE, dtype=torch.float64)
    x[1 : SIZE + 1] = torch.eye(SIZE, dtype=torch.float64)
    return x


def read(x: Tensor) -> Affine:
    """The map that made ``x`` of ``start_of``; the noise of several arrays stands side by side."""
    return Affine((x[1 : SIZE + 1] - x[0]).T, (x[SIZE + 1 :] - x[0]).T, x[0])


def step(sampler: Sampler, law: Gaussian, schedule: Schedule, now: Level, then: Level) -> Affine:
    """One step without a past, with the noise replaced by 0 or by the unit vectors."""

    def answer(source: Units) -> Tensor:
        context = Context(law, Process(schedule), (now, then), 1, source, deque())
        return sampler.step(context, start_of(source.rows), now, then)

    answer(count := Units(0))
    return read(answer(Units(count.asked)))


def maps_along(sampler: Sampler, law: Gaussian, schedule: Schedule, grid: Grid) -> list[Affine]:
    """From the start to every time of the grid: the whole run as one affine map of x_T and of all its noise."""

    def states(source: Units) -> list[Tensor]:
        return [state.x for state in run(sampler, law, schedule, grid, start_of(source.rows), source)]

    states(count := Units(0))
    return [read(x) for x in states(Units(count.asked))]


def laws_along(sampler: Sampler, law: Gaussian, schedule: Schedule, grid: Grid) -> list[tuple[Level, Tensor, Tensor]]:
    """(level, mean, covariance) at every time of the grid, from the exact law at the start. No Monte Carlo."""
    visited = levels(schedule, grid)
    mean, cov = exact_law(law, schedule, visited[0])
    maps = maps_along(sampler, law, schedule, grid)
    return [(at, m.slope @ mean + m.shift, m.slope @ cov @ m.slope.T + m.spread) for at, m in zip(visited, maps, strict=True)]


def exact_law(law: Gaussian, schedule: Schedule, at: Level) -> tuple[Tensor, Tensor]:
    """alpha mu and alpha^2 Sigma + sigma^2 I, densely."""
    return at.alpha * law.mean(), at.alpha**2 * law.covariance().dense() + at.sigma**2 * torch.eye(SIZE, dtype=torch.float64)


def final_error(sampler: Sampler, law: Gaussian, schedule: Schedule, steps: int) -> tuple[Tensor, Tensor]:
    """(mean, covariance) at t = 0, less the truth."""
    _, mean, cov = laws_along(sampler, law, schedule, schedule.grid(steps))[-1]
    return mean - law.mean(), cov - law.covariance().dense()


def implicit() -> Gaussian:
    """A posterior that exists only through products."""
    measured = LinearMap(lambda x: x @ normal(1, SIZE, seed=4).T, SIZE, 1)
    return Gaussian(MEAN, Conditioned.on(STRUCTURES["kronecker"], measured, torch.tensor([0.1], dtype=torch.float64)))
