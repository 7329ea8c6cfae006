"""The adaptive flow: its pair, its error against the tolerance, and that no case sees another."""

from __future__ import annotations

import math

import pytest
import torch
from steps import LAW, SIZE, exact_law, laws_along, step
from torch import Tensor

from kinds import BATCHES, CASES, SCHEDULES, kernel, mixture, normal
from ornstein.common.errors import InputError, RunError
from ornstein.common.random import Noise
from ornstein.denoisers import Denoiser, Posterior
from ornstein.samplers import Exact, Sampler, encode, levels, run, start
from ornstein.samplers.adaptive import Adaptive
from ornstein.samplers.rk4 import RK4
from ornstein.schedules import VE, VP, Cosine, Discrete, Grid, RectifiedFlow, Schedule

THREE = {"vp": VP(), "cosine": Cosine(), "rectified": RectifiedFlow()}
ONE = 1e9
"""A tolerance that every step passes: each interval of a fine grid is then one step of the pair, an affine map."""


def flow(sampler: Sampler, law: Denoiser, schedule: Schedule, times: list[float] | Tensor, x: Tensor) -> Tensor:
    return list(run(sampler, law, schedule, Grid(torch.as_tensor(times, dtype=torch.float64)), x, Noise(0)))[-1].x


def distance(x: Tensor, exact: Tensor) -> Tensor:
    """Root mean square error of each case, relative to the case."""
    return ((x - exact).square().flatten(1).mean(1) / exact.square().flatten(1).mean(1)).sqrt()


@pytest.mark.parametrize("schedule", THREE)
def test_the_pair_has_order_three(schedule: str) -> None:
    plan, errors = THREE[schedule], []
    for n in (40, 80):
        at, mean, cov = laws_along(Adaptive(ONE), LAW, plan, Grid(0.05 + 0.95 * plan.grid(n).times))[-1]
        expected_mean, expected = exact_law(LAW, plan, at)
        assert float((mean - expected_mean).abs().max()) < 1e-5
        errors.append(cov - expected)
    coarse, fine = (float(e.abs().max()) for e in errors)
    assert abs(math.log2(coarse / fine) - 3) < 0.2
    assert float((8 * errors[1] - errors[0]).abs().max()) / 7 < 0.15 * fine


def test_one_step_is_the_tableau() -> None:
    """Bogacki and Shampine's third-order stages in the angle, written out with dense matrices: dr/dtheta = (cos r - D) / sin."""
    schedule, cov, eye = RectifiedFlow(), LAW.covariance().dense(), torch.eye(SIZE, dtype=torch.float64)
    now, then = levels(schedule, Grid(torch.tensor([0.6, 0.3], dtype=torch.float64)))
    begin, end = math.atan(now.noise), math.atan(then.noise)

    def field(theta: float) -> Tensor:
        """D = cov (cov + tan^2)^-1 r / cos, for a centred law."""
        gain = cov @ torch.linalg.inv(cov + math.tan(theta) ** 2 * eye) / math.cos(theta)
        return (math.cos(theta) * eye - gain) / math.sin(theta)

    h = end - begin
    k1 = field(begin)
    k2 = field(begin + h / 2) @ (eye + h / 2 * k1)
    k3 = field(begin + 3 * h / 4) @ (eye + 3 * h / 4 * k2)
    expected = (eye + h * (2 * k1 + 3 * k2 + 4 * k3) / 9) * math.hypot(then.alpha, then.sigma) / math.hypot(now.alpha, now.sigma)
    assert torch.allclose(step(Adaptive(ONE), LAW, schedule, now, then).slope, expected, atol=1e-12)


@pytest.mark.parametrize("name", SCHEDULES)
def test_the_error_is_in_proportion_to_the_tolerance(name: str) -> None:
    """Against the closed-form flow, from the start of the schedule, alpha = 0 included: below the tolerance as a
    root mean square over the cases, and at most three times it for each.

    And the number of rounds grows like the cube root of 1 / tolerance, as it must with an estimate of order 3.
    """
    schedule, last = SCHEDULES[name], float(SCHEDULES[name].time(0.05))
    x = start(LAW, schedule, 1.0, Noise(1), 32)
    exact = flow(Exact(), LAW, schedule, [1.0, last], x)
    errors, calls = [], []
    for tolerance in (1e-2, 1e-3, 1e-4, 1e-5, 1e-6):
        spent: list[int] = []
        sampler = Adaptive(tolerance, report=lambda step, calls, spent=spent: spent.append(calls))
        error = distance(flow(sampler, LAW, schedule, [1.0, last], x), exact)
        errors.append(float(error.square().mean().sqrt()))
        assert errors[-1] < tolerance
        assert float(error.max()) < 3 * tolerance
        calls.append(sum(spent))
    assert 1e3 < errors[0] / errors[-1] < 1e5
    assert errors[-2] / errors[-1] > 5
    assert 1.7 < calls[-1] / calls[-2] < 2.5
    assert calls[1] <= 55


@pytest.mark.parametrize("law", [mixture, kernel], ids=["mixture", "kernel"])
def test_paths_of_other_laws(law: object) -> None:
    """Against 80 steps of RK4 on the same way."""
    target = law()  # type: ignore[operator]
    schedule, last = RectifiedFlow(), 0.05
    x = start(target, schedule, 0.98, Noise(2), 4)
    reference = flow(RK4(), target, schedule, torch.linspace(0.98, last, 81, dtype=torch.float64), x)
    for tolerance in (1e-3, 1e-5):
        assert float(distance(flow(Adaptive(tolerance), target, schedule, [0.98, last], x), reference).max()) < 20 * tolerance


@pytest.mark.parametrize("schedule", [Cosine(), VE()], ids=["cosine", "ve"])
def test_cases_do_not_see_each_other(schedule: Schedule) -> None:
    """A case among easy ones and among hard ones: the same bits, although the rounds differ."""
    x = start(LAW, schedule, 1.0, Noise(3), 8)
    hard = x * torch.tensor([1.0, *[200.0] * 7], dtype=torch.float64)[:, None]
    rounds: list[list[int]] = [[], []]
    ends = [
        flow(Adaptive(1e-4, report=lambda step, calls, r=r: r.append(calls)), LAW, schedule, [1.0, 0.01, 0.0], begin)
        for begin, r in zip((x, hard), rounds, strict=True)
    ]
    assert torch.equal(ends[0][0], ends[1][0])
    assert not torch.equal(ends[0][1], ends[1][1])
    order = torch.tensor([5, 3, 0, 1, 7, 6, 2, 4])
    assert torch.equal(flow(Adaptive(1e-4), LAW, schedule, [1.0, 0.01, 0.0], x[order]), ends[0][order])


class Counted(Denoiser):
    """Counts its calls, and whether each case came with a level of its own."""

    event_shape = (SIZE,)

    def __init__(self) -> None:
        self.levels: list[Tensor] = []

    def __call__(self, x: Tensor, sigma: float | Tensor) -> Posterior:
        self.levels.append(torch.as_tensor(sigma))
        return Posterior(LAW(x, sigma).mean)


def test_calls_are_reported() -> None:
    """After every interval: 1 + 3 a round, 1 for the last; and cases do have their own levels."""
    denoiser, told = Counted(), []
    x = start(LAW, VP(), 1.0, Noise(3), 4) * torch.tensor([1.0, 10.0, 100.0, 0.1], dtype=torch.float64)[:, None]
    flow(Adaptive(1e-4, report=lambda step, calls: told.append((step, calls))), denoiser, VP(), [1.0, 0.5, 0.01, 0.0], x)
    assert [step for step, _ in told] == [1, 2, 3]
    assert [calls % 3 for _, calls in told] == [1, 1, 1]
    assert told[2][1] == 1
    assert sum(calls for _, calls in told) == len(denoiser.levels)
    assert any(level.ndim and len(set(level.tolist())) == 4 for level in denoiser.levels)
    assert Adaptive().calls(3) == 9
    easy: list[int] = []
    flow(Adaptive(ONE, report=lambda step, calls: easy.append(calls)), LAW, VP(), [1.0, 0.5, 0.2, 0.0], x)
    assert sum(easy) == 9


@pytest.mark.parametrize("schedule", THREE)
def test_there_and_back(schedule: str) -> None:
    """From data to noise, to alpha = 0 where there is one, and to data again."""
    plan, x_0 = THREE[schedule], normal(3, SIZE, seed=2)
    grid = Grid(torch.tensor([1.0, 0.5, 0.05], dtype=torch.float64))
    for tolerance in (1e-3, 1e-6):
        noise = encode(LAW, x_0, Adaptive(tolerance), plan, grid)
        back = list(run(Adaptive(tolerance), LAW, plan, grid, noise, Noise(0)))[-1].x / float(plan.alpha(0.05))
        assert float(distance(back, x_0).max()) < 10 * tolerance


@pytest.mark.parametrize("name", sorted(BATCHES))
def test_a_batch_of_laws(name: str) -> None:
    """x (draw, case, *event): a level for every draw of every law. Against RK4."""
    law = BATCHES[name]()
    x = start(law, Cosine(), 0.9, Noise(4), 3)
    together = flow(Adaptive(1e-3), law, Cosine(), [0.9, 0.1, 0.0], x)
    assert together.shape == (3, CASES, *law.event_shape)
    reference = flow(RK4(), law, Cosine(), [*torch.linspace(0.9, 0.1, 25).tolist(), 0.0], x)
    assert float((together - reference).square().mean().sqrt() / reference.square().mean().sqrt()) < 1e-2


def test_single_precision() -> None:
    x = start(LAW, Cosine(), 1.0, Noise(5), 4)
    a, b = (flow(Adaptive(1e-4), LAW, Cosine(), [1.0, 0.05, 0.0], x.to(dtype)) for dtype in (torch.float32, torch.float64))
    assert a.dtype == torch.float32
    assert torch.allclose(a.double(), b, atol=1e-3)


class Rough(Denoiser):
    """A denoiser that is not continuous, or not a number below a level."""

    event_shape = (2,)

    def __init__(self, below: float) -> None:
        self.below = below

    def __call__(self, x: Tensor, sigma: float | Tensor) -> Posterior:
        level = torch.as_tensor(sigma, dtype=x.dtype).expand(len(x))[:, None]
        return Posterior(torch.where(level < self.below, torch.nan, 0.5) + 0 * x)


def test_no_end_is_an_error_that_names_the_step() -> None:
    with pytest.raises(RunError, match=r"from sigma = 72 to 0.16 at step 2: after 3 rounds a case is at sigma = 72; raise tolerance"):
        flow(Adaptive(1e-6, rounds=3), LAW, VE(sigma_max=80.0), [1.0, 0.9, 0.002], normal(3, SIZE) * 80)


def test_nan_is_named() -> None:
    with pytest.raises(InputError, match=r"NaN or infinite values at step 2 \(sigma = 1\)"):
        flow(Adaptive(), Rough(0.5), RectifiedFlow(), [1.0, 0.5, 0.1, 0.0], normal(3, 2))


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: Adaptive(0.0), "tolerance is 0, but must be above 0"),
        (lambda: Adaptive(rounds=0), "rounds is 0, but must be a whole number"),
    ],
)
def test_bad_input(call: object, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        call()  # type: ignore[operator]


def test_chains_of_steps_are_schedules_like_others() -> None:
    """The kinks of a chain are invisible in the angle: the flow between two levels is that of any schedule."""
    chain, smooth = Discrete.sigmoid(), VP()
    x = normal(4, SIZE, seed=7)
    ends = []
    for schedule in (chain, smooth):
        times = schedule.time(torch.tensor([2.0, 0.3], dtype=torch.float64))
        alpha = schedule.alpha(times)
        ends.append(flow(Adaptive(1e-4), LAW, schedule, times, alpha[0] * x) / alpha[1])
    assert torch.allclose(*ends, atol=1e-10)
