"""Restarts: the law is unchanged where the steps are exact; otherwise mode by mode, and by what the inner method is asked to do."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import pairwise

import pytest
import torch
from steps import LAW, SIZE, SPECTRUM, exact_law, final_error, laws_along, step
from torch import Tensor

from kinds import SCHEDULES
from ornstein.common.errors import InputError
from ornstein.common.random import Noise
from ornstein.samplers import DDIM, Context, Exact, Level, Past, Sampler, levels, run, start
from ornstein.samplers.restart import Restart
from ornstein.schedules import VE, VP, Cosine, Discrete, Grid, RectifiedFlow, Schedule
from truth import orthogonal

THREE = {"vp": VP(), "cosine": Cosine(), "rectified": RectifiedFlow()}


@pytest.mark.parametrize("stochastic", [False, True])
@pytest.mark.parametrize("name", SCHEDULES)
def test_exact_descents_leave_the_exact_law(name: str, stochastic: bool) -> None:
    """At every level, whatever the schedule; the way up is the forward process."""
    schedule = SCHEDULES[name]
    steps = min(8, schedule.steps) if isinstance(schedule, Discrete) else 8
    sampler = Restart(Exact(stochastic), low=0.8, high=3.0, times=2, steps=3)
    reached = []
    for at, mean, cov in laws_along(sampler, LAW, schedule, schedule.grid(steps)):
        expected_mean, expected = exact_law(LAW, schedule, at)
        assert torch.allclose(mean, expected_mean, rtol=0, atol=1e-10 * (1 + at.sigma))
        assert torch.allclose(cov, expected, rtol=0, atol=1e-10 * (1 + at.sigma**2))
        reached.append(at.noise)
    assert any(0 < n <= 0.8 for n in reached)  # the law of a run that restarted


@dataclass(frozen=True)
class Listening(Sampler):
    """Shrinks towards data like the schedule, and writes down what it is asked to do."""

    asked: list[tuple[float, float, int, int, int]] = field(default_factory=list)
    noise: list[Tensor] = field(default_factory=list)
    reach: int = 2

    @property
    def memory(self) -> int:
        return self.reach

    def step(self, context: Context, x: Tensor, now: Level, then: Level) -> Tensor:
        self.asked.append((now.noise, then.noise, context.step, len(context.levels), len(context.past)))
        assert context.levels[context.step - 1] is now
        context.past.appendleft(Past(now, x))
        self.noise.append(context.increment(now, then))
        self.noise.append(context.fresh(1))
        return x * (then.alpha / now.alpha if now.alpha else 1.0)


def heard(sampler: Restart, schedule: Schedule, grid: Grid) -> Listening:
    list(run(sampler, LAW, schedule, grid, start(LAW, schedule, float(grid.times[0]), Noise(1), 3), Noise(1)))
    assert isinstance(sampler.inner, Listening)
    return sampler.inner


def test_what_the_inner_method_is_asked_to_do() -> None:
    """Once, at the first level at or below ``low``: up to ``high``, down in equal ratios to that level, with an empty past."""
    schedule = VE(sigma_max=10.0)
    grid = Grid(torch.tensor([1.0, 0.5, 0.2, 0.1, 0.05, 0.0], dtype=torch.float64))
    asked = heard(Restart(Listening(), low=1.0, high=8.0, times=2, steps=3), schedule, grid).asked
    down = [(8.0, 4.0, 1, 4, 0), (4.0, 2.0, 2, 4, 1), (2.0, 1.0, 3, 4, 2)]
    outer = [(10.0, 5.0, 1, 6, 0), (5.0, 2.0, 2, 6, 1), (2.0, 1.0, 3, 6, 2), (1.0, 0.5, 4, 6, 2), (0.5, 0.0, 5, 6, 2)]
    for got, expected in zip(asked, outer[:3] + 2 * down + outer[3:], strict=True):
        assert got == pytest.approx(expected, rel=1e-12)


def test_the_run_looks_back_to_the_last_descent() -> None:
    """Not to signals of before the restart, which the new noise made stale."""
    seen: list[float] = []

    class Looking(Listening):
        def step(self, context: Context, x: Tensor, now: Level, then: Level) -> Tensor:
            if now.noise < 1.1 and len(context.levels) == 6:
                seen.extend(p.at.noise for p in context.past)
            return super().step(context, x, now, then)

    grid = Grid(torch.tensor([1.0, 0.5, 0.2, 0.1, 0.05, 0.0], dtype=torch.float64))
    heard(Restart(Looking(), low=1.0, high=8.0, steps=3), VE(sigma_max=10.0), grid)
    assert seen == pytest.approx([2.0, 4.0, 1.0, 2.0])


@pytest.mark.parametrize(
    ("times", "low", "restarts"),
    [
        ([1.0, 0.5, 0.2, 0.0], 1.0, 0),  # from 2 straight to 0
        ([0.08, 0.05, 0.0], 1.0, 0),  # starts below
        ([1.0, 0.1], 1.0, 1),  # stops at the level
        ([1.0, 0.01, 0.0], 1.0, 1),  # jumps over it
    ],
)
def test_when_a_run_restarts(times: list[float], low: float, restarts: int) -> None:
    grid = Grid(torch.tensor(times, dtype=torch.float64))
    asked = heard(Restart(Listening(reach=0), low=low, high=8.0, steps=4), VE(sigma_max=10.0), grid).asked
    assert len(asked) == len(grid) + 4 * restarts


@pytest.mark.parametrize("name", SCHEDULES)
def test_it_never_goes_above_its_start(name: str) -> None:
    schedule = SCHEDULES[name]
    grid = schedule.grid(min(8, schedule.steps) if isinstance(schedule, Discrete) else 8)
    low = 0.9
    asked = heard(Restart(Listening(reach=0), low=low, high=1e4, steps=6), schedule, grid).asked
    assert len(asked) == len(grid) + 6
    first = float(schedule.noise_level(1.0))
    assert max(before for before, _, _, count, _ in asked if count == 7) == pytest.approx(min(first, 1e4), rel=1e-6)


def test_no_array_of_noise_is_used_twice() -> None:
    """Neither by the descents among themselves, nor by the run, nor by a restart within a restart at the same step."""
    inner = Listening()
    sampler = Restart(Restart(inner, low=0.5, high=2.0, times=2, steps=2), low=0.4, high=0.45, times=2, steps=2)
    grid = Grid(torch.tensor([1.0, 0.5, 0.2, 0.03, 0.0], dtype=torch.float64))
    list(run(sampler, LAW, VE(sigma_max=10.0), grid, torch.zeros(1, SIZE, dtype=torch.float64), Noise(3)))
    arrays = torch.cat(inner.noise)
    assert len(arrays) == 2 * (4 + 4 + 4)
    assert float((torch.cdist(arrays, arrays) + 9 * torch.eye(len(arrays))).min()) > 1e-3


@pytest.mark.parametrize("schedule", THREE)
def test_the_recursion_mode_by_mode(schedule: str) -> None:
    """In data scale, up by the forward process, y -> y + sqrt(h^2 - n^2) z, and down by DDIM, y -> y (lam + n s) / (lam + n^2)."""
    plan, u = THREE[schedule], orthogonal(SIZE, 3)
    now, then = levels(plan, Grid(plan.time(torch.tensor([1.5, 0.3], dtype=torch.float64))))
    sampler = Restart(DDIM(), low=0.5, high=1.2, times=2, steps=3)
    map_ = step(sampler, LAW, plan, now, then)
    ladder = [1.2 * (0.3 / 1.2) ** (i / 3) for i in range(4)]
    for k, lam in enumerate(SPECTRUM):

        def down(n: float, s: float, lam: float = lam) -> float:
            return (lam + n * s) / (lam + n**2)

        descent = math.prod(down(n, s) for n, s in pairwise(ladder))
        slope, variance = down(1.5, 0.3), 0.0
        for _ in range(2):
            slope, variance = slope * descent, (variance + 1.2**2 - 0.3**2) * descent**2
        assert float(u[:, k] @ map_.slope @ u[:, k]) == pytest.approx(slope * then.alpha / now.alpha, rel=1e-9)
        assert float(u[:, k] @ map_.spread @ u[:, k]) == pytest.approx(variance * then.alpha**2, rel=1e-9)


@pytest.mark.parametrize("schedule", THREE)
def test_restarts_forget_the_first_descent(schedule: str) -> None:
    """A rough run with a careful restart ends nearer to the law than without; twice as careful, nearer still."""
    plan = THREE[schedule]
    plain, once, careful = (
        float(final_error(sampler, LAW, plan, 12)[1].abs().max())
        for sampler in (DDIM(), Restart(DDIM(), 0.4, 4.0, 2, 20), Restart(DDIM(), 0.4, 4.0, 2, 60))
    )
    assert once < 0.7 * plain
    assert careful < once


def test_its_face_is_that_of_the_inner_method() -> None:
    sampler = Restart(Listening(), 0.1, 1.0)
    assert (sampler.order, sampler.memory, sampler.deterministic, sampler.bound) == (1, 2, False, False)

    class Holding(DDIM):
        bound = True

    assert Restart(Holding(), 0.1, 1.0).bound


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: Restart(DDIM(), 1.0, 1.0), "high is 1, but must be above low = 1: a restart goes up"),
        (lambda: Restart(DDIM(), 0.0, 1.0), "low is 0, but must be above 0"),
        (lambda: Restart(DDIM(), 0.1, 1.0, times=0), "times is 0"),
        (lambda: Restart(DDIM(), 0.1, 1.0, times=10**9), "times is 1000000000, but must be .* at most 1000000"),
        (lambda: Restart(DDIM(), 0.1, 1.0, steps=0), "steps is 0"),
    ],
)
def test_bad_input(call: object, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        call()  # type: ignore[operator]
