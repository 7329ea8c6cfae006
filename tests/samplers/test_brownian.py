"""The Brownian path: its law exactly, from the tree's own weights, and one path for every grid."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

import ornstein as orn
from kinds import ENDS_AT_ZERO, SCHEDULES, gaussian
from ornstein.common.random import Noise
from ornstein.samplers import DDIM, DDPM, DPMSolverSDE, Sampler, StochasticHeun, levels, run, start
from ornstein.samplers.brownian import BrownianPath
from ornstein.schedules import VE, Cosine, Discrete, Grid, Schedule


class Names(Noise):
    """Noise whose every stream is its own unit vector, so that an increment shows its weights."""

    def normals(self, cases: int, shape: tuple[int, ...], streams: Sequence[int], dtype: torch.dtype = torch.float64) -> Tensor:
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


@pytest.mark.parametrize(("coarse", "factor"), [(7, 2), (7, 8), (5, 15), (12, 4), (1, 6), (9, 3)])
def test_a_long_step_is_the_sum_of_short_ones(coarse: int, factor: int) -> None:
    """B(v_2) - B(v_0) from a grid and from one with each of its steps divided, wherever the clock stands."""
    schedule = VE(sigma_max=30.0)
    u = torch.rand(coarse * factor + 1, generator=torch.Generator().manual_seed(1), dtype=torch.float64).sort().values
    times = schedule.time((1 / u - 1).sqrt())

    def increments(visited: list) -> list[Tensor]:
        path = BrownianPath(Noise(5), 4, (3,), visited)
        v = [level.noise**-2 for level in visited]
        return [path.increment(a, b) * math.sqrt(v[k + 1] - v[k]) for k, (a, b) in enumerate(itertools.pairwise(visited))]

    short, long = increments(levels(schedule, Grid(times))), increments(levels(schedule, Grid(times[::factor])))
    assert (len(short), len(long)) == (coarse * factor, coarse)
    for k, step in enumerate(long):
        assert torch.allclose(sum(short[factor * k : factor * (k + 1)]), step, atol=1e-9)


@pytest.mark.parametrize("steps", [1, 2, 7, 24, 97])
def test_a_step_costs_one_normal_number(steps: int) -> None:
    assert int(weights(VE(), VE().grid(steps)).abs().sum(0).gt(0).sum()) == len(_SEEN) == steps


def test_increments_over_several_steps_and_left_out_ones_are_those_of_the_path() -> None:
    visited = levels(VE(), VE().grid(12))
    whole = BrownianPath(Noise(5), 4, (3,), visited)
    each, some = [whole.increment(a, b) for a, b in itertools.pairwise(visited)], BrownianPath(Noise(5), 4, (3,), visited)
    assert torch.equal(some.increment(visited[1], visited[2]), each[1])
    v = [level.noise**-2 for level in visited[4:8]]
    long = sum(e * math.sqrt(b - a) for e, a, b in zip(each[4:7], v, v[1:], strict=False)) / math.sqrt(v[3] - v[0])
    assert torch.allclose(some.increment(visited[4], visited[7]), long, atol=1e-12)
    for now, then in ((4, 5), (6, 8), (9, 8)):
        with pytest.raises(orn.InputError, match="ask in the order of the run"):
            some.increment(visited[now], visited[then])


def test_a_path_in_float32_is_the_same_path() -> None:
    """Words are the same; the root of a logarithm near 0 loses half of the figures of float32."""
    visited = levels(Cosine(), Cosine().grid(30))
    paths = [BrownianPath(Noise(5), 40, (30,), visited, dtype) for dtype in (torch.float32, torch.float64)]
    for now, then in itertools.pairwise(visited):
        low, high = (path.increment(now, then) for path in paths)
        assert low.dtype == torch.float32
        assert float((low - high).abs().max()) < 1e-3
        assert float((low - high).square().mean().sqrt()) < 1e-5


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


def test_a_case_does_not_depend_on_its_batch() -> None:
    visited = levels(Cosine(), Cosine().grid(20))
    whole, part = BrownianPath(Noise(1), 9, (70_000,), visited), BrownianPath(Noise(1, first=4), 2, (70_000,), visited)
    for now, then in list(itertools.pairwise(visited))[:4]:
        assert torch.equal(whole.increment(now, then)[4:6], part.increment(now, then))


def test_a_cell_that_is_split_in_passes_is_the_cell_split_at_once() -> None:
    """A case has its own path whether its array is large enough for several passes or not."""
    visited, shape = levels(Cosine(), Cosine().grid(6)), (1 << 13,)
    large, small = (BrownianPath(Noise(3, first), cases, shape, visited) for first, cases in ((0, 10), (9, 1)))
    for now, then in itertools.pairwise(visited):
        assert torch.equal(large.increment(now, then)[9:], small.increment(now, then))
