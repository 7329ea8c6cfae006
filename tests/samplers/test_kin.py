"""Errors that hide between the values that other tests take: half-way settings, last steps, clamped levels, and modes without variance."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import pairwise

import pytest
import torch
from steps import LAW, SIZE, SPECTRUM, Units, start_of, step
from torch import Tensor

from kinds import SCHEDULES
from ornstein.common.random import Noise
from ornstein.covariance import Dense, Diagonal
from ornstein.denoisers import Gaussian
from ornstein.samplers import (
    DDIM,
    DEIS,
    RK4,
    AdamsBashforth,
    Adaptive,
    Context,
    DPMSolver,
    Euler,
    Exact,
    Exponential,
    Heun,
    Level,
    Past,
    Sampler,
    StochasticHeun,
    Teleport,
    UniPC,
    encode,
    levels,
    run,
    walk,
)
from ornstein.samplers.restart import Restart
from ornstein.schedules import VE, VP, Cosine, Discrete, Grid, RectifiedFlow, Schedule
from truth import orthogonal, spectrum_covariance

THREE: dict[str, Schedule] = {"vp": VP(), "cosine": Cosine(), "rectified": RectifiedFlow()}
PAIR = torch.tensor([1.5, 0.3], dtype=torch.float64)


def between(schedule: Schedule) -> tuple[Level, Level]:
    now, then = levels(schedule, Grid(schedule.time(PAIR)))
    return now, then


@pytest.mark.parametrize("eta", [0.0, 0.3, 0.7, 1.0])
@pytest.mark.parametrize("schedule", THREE)
def test_ddim_mode_by_mode_at_any_eta(schedule: str, eta: float) -> None:
    """Eq. 12 in plain numbers: eta is its own square at 0 and 1 alone. eq. 16: c^2 = sigma_s^2 / sigma_t^2 (1 - abar_t / abar_s)."""
    now, then = between(THREE[schedule])
    map_, u = step(DDIM(eta), LAW, THREE[schedule], now, then), orthogonal(SIZE, 3)
    c = then.sigma / now.sigma * math.sqrt(now.sigma**2 - (now.alpha / then.alpha) ** 2 * then.sigma**2)
    for k, lam in enumerate(SPECTRUM):
        gain = now.alpha * lam / (now.alpha**2 * lam + now.sigma**2)
        slope = then.alpha * gain + math.sqrt(then.sigma**2 - (eta * c) ** 2) * (1 - now.alpha * gain) / now.sigma
        assert float(u[:, k] @ map_.slope @ u[:, k]) == pytest.approx(slope, rel=1e-10)
    assert torch.allclose(map_.spread, (eta * c) ** 2 * torch.eye(SIZE, dtype=torch.float64), atol=1e-12)


@pytest.mark.parametrize(("churn", "inflate"), [(0.5, 1.0), (1.0, 1.3), (0.3, 0.5)])
@pytest.mark.parametrize("schedule", THREE)
def test_churn_mode_by_mode_below_its_limit(schedule: str, churn: float, inflate: float) -> None:
    """Algorithm 2 in plain numbers, with gamma = churn / steps of a grid of one step."""
    now, then = between(THREE[schedule])
    map_, u = step(StochasticHeun(churn, inflate=inflate), LAW, THREE[schedule], now, then), orthogonal(SIZE, 3)
    gamma, low = min(churn, math.sqrt(2) - 1), then.noise
    high = now.noise * (1 + gamma)
    for k, lam in enumerate(SPECTRUM):
        e, ahead = high / (lam + high**2), low / (lam + low**2)
        factor = 1 + (low - high) / 2 * (e + ahead * (1 + (low - high) * e))
        assert float(u[:, k] @ map_.slope @ u[:, k]) == pytest.approx(factor * then.alpha / now.alpha, rel=1e-10)
        added = inflate**2 * (high**2 - now.noise**2) * (then.alpha * factor) ** 2
        assert float(u[:, k] @ map_.spread @ u[:, k]) == pytest.approx(added, rel=1e-9)


DETERMINISTIC: dict[str, Sampler] = {
    "ddim": DDIM(),
    "euler": Euler(),
    "heun": Heun(),
    "rk4": RK4(),
    "adaptive": Adaptive(1e-4),
    "adams-bashforth": AdamsBashforth(2),
    "deis": DEIS(2),
    "dpm++2m": DPMSolver(2),
    "unipc": UniPC(2),
    "heun-in-noise": StochasticHeun(0.0),
    "exact": Exact(),
}
FLAT = Gaussian(torch.tensor([1.0, -1.0, 0.5, 2.0]), Dense(spectrum_covariance((4.0, 1.0, 0.0, 0.0), 3)))


@pytest.mark.parametrize("method", [*DETERMINISTIC, "exponential", "teleport", "restart"])
@pytest.mark.filterwarnings("ignore:.*steps leave no")
def test_off_the_support_the_first_step_scales_like_the_signal(method: str) -> None:
    """From data to noise: a part of x_0 in a mode of variance 0 has no flow, and x_s = alpha_s x_0 there, whatever the method."""
    aware = {"exponential": Exponential(FLAT), "teleport": Teleport(Heun(), FLAT, 1e-9), "restart": Restart(DDIM(), 0.1, 1.0)}
    sampler, u = {**DETERMINISTIC, **aware}[method], orthogonal(SIZE, 3)
    x_0 = FLAT.mean() + u[:, 2:].T * torch.tensor([[1.0], [-3.0]], dtype=torch.float64)
    for name, schedule in SCHEDULES.items():
        then, now = levels(schedule, Grid(torch.tensor([0.5, 0.0], dtype=torch.float64)))
        assert then.alpha < 1 or isinstance(schedule, VE), name
        *_, last = walk(sampler, FLAT, schedule, [now, then], x_0, Noise())
        assert torch.allclose(last.x, then.alpha * x_0, atol=1e-12), name


@pytest.mark.parametrize("aware", [False, True])
def test_encoding_off_the_support_along_the_whole_flow(aware: bool) -> None:
    """After the first step the noise that a null mode has is what x / sigma is there, and grows as sigma does: exactly."""
    schedule, u = VP(), orthogonal(SIZE, 3)
    x_0 = FLAT.mean() + u[:, 2:3].T
    grid = Grid(torch.tensor([1.0, 0.6, 0.3, 0.1, 0.0], dtype=torch.float64))
    first, *_, last = levels(schedule, grid)[-2::-1]
    noise = encode(FLAT, x_0, Exponential(FLAT) if aware else Exact(), schedule, grid)
    off = (noise - last.alpha * FLAT.mean()) @ u[:, 2:]
    assert torch.allclose(off, first.alpha * last.sigma / first.sigma * torch.tensor([[1.0, 0.0]], dtype=torch.float64), atol=1e-10)


@dataclass(frozen=True)
class Counting(UniPC):
    """UniPC that writes down from which noise level it corrects."""

    corrected: list[float] = field(default_factory=list)

    def _again(self, x: Tensor, clean: Tensor, past: object, now: Level) -> Tensor:
        self.corrected.append(now.noise)
        return super()._again(x, clean, past, now)  # type: ignore[arg-type]  # whatever the step hands over


@pytest.mark.parametrize("order", [1, 2, 3])
def test_unipc_corrects_every_step_that_something_follows(order: int) -> None:
    """Not the first, which has no past, and not before the step to sigma = 0, which returns the denoised signal whatever x is."""
    schedule, sampler = VP(), Counting(order)
    visited = levels(schedule, schedule.grid(6))
    states = list(walk(sampler, LAW, schedule, visited, start_of(SIZE + 1), Noise()))
    assert sampler.corrected == [level.noise for level in visited[1:-2]]
    assert torch.equal(states[-1].x, visited[-1].alpha * LAW(states[-2].x / visited[-2].alpha, visited[-2].noise).mean)
    early = Counting(order)
    list(walk(early, LAW, schedule, visited[:-1], start_of(SIZE + 1), Noise()))
    assert early.corrected == [level.noise for level in visited[1:-2]]


@dataclass(frozen=True)
class Listening(Sampler):
    """Scales with the signal, and writes down the levels that it is asked to step between."""

    asked: list[tuple[float, float]] = field(default_factory=list)

    def step(self, context: Context, x: Tensor, now: Level, then: Level) -> Tensor:
        self.asked.append((now.noise, then.noise))
        context.past.appendleft(Past(now, x))
        return x * (then.alpha / now.alpha if now.alpha else 1.0)


@pytest.mark.parametrize("begin", [1.0, 0.6])
@pytest.mark.parametrize("name", SCHEDULES)
def test_a_restart_from_above_the_start_is_one_from_the_start(name: str, begin: float) -> None:
    """The descent is geometric from the level that the run began at: no step of length 0, and none above."""
    schedule = SCHEDULES[name]
    if isinstance(schedule, Discrete) and begin < 1:
        begin = round(begin * schedule.steps) / schedule.steps
    times = torch.cat(
        [torch.tensor([begin], dtype=torch.float64), schedule.time(torch.tensor([0.05], dtype=torch.float64)), torch.zeros(1)]
    )
    top = float(schedule.noise_level(begin))
    sampler = Restart(Listening(), low=0.1, high=1e3, steps=4)
    list(run(sampler, LAW, schedule, Grid(times), torch.ones(1, SIZE, dtype=torch.float64), Noise()))
    first = min(top, 1e3)
    ladder = [first * (0.05 / first) ** (i / 4) for i in range(5)]
    for got, expected in zip(sampler.inner.asked[1:5], pairwise(ladder), strict=True):  # type: ignore[attr-defined]
        assert got == pytest.approx(expected, rel=1e-6)
    source = Units(8)
    *_, last = run(Restart(Listening(), 0.1, 1e3, steps=4), LAW, schedule, Grid(times), start_of(source.rows), source)
    at = levels(schedule, Grid(times))[1]
    raised = math.sqrt(first**2 - at.noise**2)  # in data scale, where Listening changes nothing
    added = (last.x[1 + SIZE :].T @ last.x[1 + SIZE :]).diagonal().sqrt()
    assert torch.allclose(added, torch.full((SIZE,), raised, dtype=torch.float64), rtol=1e-6)


@pytest.mark.parametrize("noise", [0.0, 1e-6])
@pytest.mark.filterwarnings("ignore:.*steps leave no")
def test_a_mode_without_variance_counts_as_null_and_not_as_noise(noise: float) -> None:
    """Under VE nothing is scaled: x_0 off the support stays where it is at first, in the exact flow and in that of a reference."""
    law = Gaussian(torch.zeros(2), Diagonal(torch.tensor([1.0, noise])))
    x_0 = torch.tensor([[0.5, 2.0]], dtype=torch.float64)
    then, now = levels(VE(), Grid(torch.tensor([1e-3, 0.0], dtype=torch.float64)))
    for sampler in (Exact(), Exponential(law)):
        *_, last = walk(sampler, law, VE(), [now, then], x_0, Noise())
        grown = math.sqrt(1 + then.sigma**2)
        expected = 2.0 if noise == 0 else 2 * math.sqrt((noise + then.sigma**2) / noise)
        assert last.x.tolist()[0] == pytest.approx([0.5 * grown, expected], rel=1e-8)
