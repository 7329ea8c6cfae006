"""The Brownian path: its law exactly, from the tree's own weights, and one path for every grid."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from kinds import ENDS_AT_ZERO, SCHEDULES, gaussian
from ornstein.common.random import Noise
from ornstein.samplers import DDIM, DDPM, DPMSolverSDE, Sampler, StochasticHeun, levels, run, start
from ornstein.samplers.brownian import BrownianPath
from ornstein.schedules import VE, Cosine, Discrete, Grid, Schedule


class Names(Noise):
    """Noise whose every stream is its own unit vector, so that an increment shows its weights."""

    def normals(self, cases: int, shape: tuple[int, ...], streams: Sequence[int]) -> Tensor:
        out = torch.zeros(len(streams), cases, *shape, dtype=torch.float64)
        for k, stream in enumerate(streams):
            out[k, 0, _SEEN.setdefault((self.seed, stream), len(_SEEN))] = 1
        return out


_SEEN: dict[tuple[int, int], int] = {}


def weights(schedule: Schedule, grid: Grid) -> Tensor:
    """(increment, stream): how each increment of the path is made of independent normals."""
    _SEEN.clear()
    visited = levels(schedule, grid)
    path = BrownianPath(Names(3), 1, (4000,), visited)
    return torch.cat([path.increment(now, then) for now, then in itertools.pairwise(visited)])


def steps_of(schedule: Schedule, steps: int) -> int:
    return min(steps, schedule.steps) if isinstance(schedule, Discrete) else steps


@pytest.mark.parametrize("steps", [1, 7, 40])
@pytest.mark.parametrize("name", SCHEDULES)
def test_increments_are_white(name: str, steps: int) -> None:
    """Unit variance and no correlation between any two steps: exactly, not by Monte Carlo."""
    schedule = SCHEDULES[name]
    rows = weights(schedule, schedule.grid(steps_of(schedule, steps)))
    assert torch.allclose(rows @ rows.T, torch.eye(len(rows), dtype=torch.float64), atol=1e-9)


def test_a_long_step_is_the_sum_of_short_ones() -> None:
    """B(v_2) - B(v_0) from a grid of one step and from one of 16, on dyadic u where both read the same places."""
    schedule = VE(sigma_max=30.0)
    u = torch.linspace(1 / 16, 15 / 16, 15, dtype=torch.float64)
    times = schedule.time((1 / u - 1).sqrt())
    fine, coarse = levels(schedule, Grid(times)), levels(schedule, Grid(times[::7]))

    def increments(visited: list) -> list[Tensor]:
        path = BrownianPath(Noise(5), 4, (3,), visited)
        v = [level.noise**-2 for level in visited]
        return [path.increment(a, b) * math.sqrt(v[k + 1] - v[k]) for k, (a, b) in enumerate(itertools.pairwise(visited))]

    short, long = increments(fine), increments(coarse)
    for k, step in enumerate(long):
        assert torch.allclose(sum(short[7 * k : 7 * k + 7]), step, atol=1e-10)


@pytest.mark.parametrize("sampler", [DDPM(), DDIM(1.0), DPMSolverSDE(2), StochasticHeun(20.0)], ids=["ddpm", "ddim", "sde", "churn"])
@pytest.mark.parametrize("name", ["vp", "cosine", "ve", "rectified"])
def test_refining_the_grid_refines_the_same_sample(sampler: Sampler, name: str) -> None:
    """Root mean square distance between a run and the run with twice the steps: of order 1 / steps.

    With fresh noise for every grid it would stay at sqrt(2) deviations of the law whatever the step.
    """
    schedule, law = SCHEDULES[name], gaussian()
    x = start(law, schedule, 1.0, Noise(2), 48)
    ends = [list(run(sampler, law, schedule, schedule.grid(n), x, Noise(2)))[-1].x for n in (25, 50, 100, 200, 400)]
    gaps = [float((a - b).square().mean().sqrt()) for a, b in itertools.pairwise(ends)]
    assert gaps[-1] < 0.05 * float(ends[-1].std(0).square().mean().sqrt())
    assert gaps[-1] < 0.25 * gaps[0]


@pytest.mark.parametrize("name", [*sorted(ENDS_AT_ZERO), "ve", "vp"])
def test_times_too_close_for_the_tree_still_have_white_noise(name: str) -> None:
    schedule = SCHEDULES[name]
    times = torch.tensor([1.0, 0.5 + 1e-12, 0.5 + 5e-13, 0.5, 1e-9, 0.0], dtype=torch.float64)
    rows = weights(schedule, Grid(times))
    assert torch.allclose(rows.square().sum(-1), torch.ones(5, dtype=torch.float64), atol=1e-9)
    assert bool(torch.isfinite(rows).all())


def test_memory_of_the_path_is_bounded() -> None:
    """After every step at most one array a halving is kept."""
    visited = levels(Cosine(), Cosine().grid(200))
    path = BrownianPath(Noise(0), 2, (2,), visited)
    for now, then in itertools.pairwise(visited):
        path.increment(now, then)
        assert len(path.known) <= 32
