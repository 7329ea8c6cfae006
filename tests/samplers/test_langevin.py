"""Corrections: on a Gaussian they leave the law as it is, exactly; elsewhere their defect has a known order."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from steps import LAW, MEAN, SIZE, SPECTRUM, exact_law, final_error, laws_along, step
from torch import Tensor

from kinds import SCHEDULES
from ornstein.common.errors import InputError
from ornstein.common.random import Noise
from ornstein.covariance import Diagonal
from ornstein.denoisers import Gaussian, Mixture
from ornstein.process import Process
from ornstein.samplers import DDIM, Context, Exact, Keyed, Level, Sampler, levels, run
from ornstein.samplers.langevin import PredictorCorrector
from ornstein.samplers.stochastic_heun import StochasticHeun
from ornstein.schedules import VP, Cosine, Discrete, Grid, RectifiedFlow
from truth import orthogonal

THREE = {"vp": VP(), "cosine": Cosine(), "rectified": RectifiedFlow()}


class Rest(Sampler):
    """A predictor that does nothing: a step is then the corrections alone."""

    def step(self, context: Context, x: Tensor, now: Level, then: Level) -> Tensor:
        return x


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("ratio", [0.16, 1.0, 3.0])
def test_corrections_leave_the_exact_law(name: str, ratio: float) -> None:
    """At every level of every schedule, for small moves and large, with an exact predictor."""
    schedule = SCHEDULES[name]
    steps = min(5, schedule.steps) if isinstance(schedule, Discrete) else 5
    sampler = PredictorCorrector(Exact(), corrections=2, ratio=ratio)
    for at, mean, cov in laws_along(sampler, LAW, schedule, schedule.grid(steps)):
        expected_mean, expected = exact_law(LAW, schedule, at)
        assert torch.allclose(mean, expected_mean, rtol=0, atol=1e-10 * (1 + at.sigma))
        assert torch.allclose(cov, expected, rtol=0, atol=1e-10 * (1 + at.sigma**2))


def test_a_move_is_langevin_with_the_score_at_a_noisy_point() -> None:
    """Mode by mode: x' = x + 2 d z - 2 d^2 (x + d z) / (V + d^2), and at ratio 1 a mode of noise alone forgets all."""
    u, schedule = orthogonal(SIZE, 3), VP()
    now, then = levels(schedule, Grid(torch.tensor([0.6, 0.4], dtype=torch.float64)))
    for ratio in (0.16, 0.7):
        map_ = step(PredictorCorrector(Rest(), ratio=ratio), LAW, schedule, now, then)
        d = ratio * then.sigma
        v = then.alpha**2 * torch.tensor(SPECTRUM, dtype=torch.float64) + then.sigma**2
        assert torch.allclose(u.T @ map_.slope @ u, torch.diag(1 - 2 * d**2 / (v + d**2)), atol=1e-12)
        assert torch.allclose(u.T @ map_.noise @ u, torch.diag(2 * d - 2 * d**3 / (v + d**2)), atol=1e-12)
    nothing = Gaussian(MEAN, Diagonal(torch.zeros(SIZE)))
    map_ = step(PredictorCorrector(Rest(), ratio=1.0), nothing, schedule, now, then)
    assert float(map_.slope.abs().max()) < 1e-12
    assert torch.allclose(map_.spread, then.sigma**2 * torch.eye(SIZE, dtype=torch.float64), atol=1e-12)


def test_many_moves_settle_at_the_law() -> None:
    """From any start: the variance of each mode tends to V. Langevin's step of the same size tends to V / (1 - e / (2 V))."""
    schedule, u = VP(), orthogonal(SIZE, 3)
    now, then = levels(schedule, Grid(torch.tensor([0.6, 0.4], dtype=torch.float64)))
    v = then.alpha**2 * torch.tensor(SPECTRUM, dtype=torch.float64) + then.sigma**2
    map_ = step(PredictorCorrector(Rest(), corrections=1, ratio=0.4), LAW, schedule, now, then)
    cov, mean, langevin = 9 * torch.eye(SIZE, dtype=torch.float64), torch.zeros(SIZE, dtype=torch.float64), 9 * torch.ones_like(v)
    e = 2 * (0.4 * then.sigma) ** 2
    for _ in range(400):
        cov, mean = map_.slope @ cov @ map_.slope.T + map_.spread, map_.slope @ mean + map_.shift
        langevin = (1 - e / v) ** 2 * langevin + 2 * e
    assert torch.allclose(cov, u @ torch.diag(v) @ u.T, atol=1e-12)
    assert torch.allclose(mean, then.alpha * MEAN, atol=1e-12)
    assert torch.allclose(langevin, v / (1 - e / (2 * v)), atol=1e-12)
    assert float((langevin / v - 1).max()) > 0.1


def test_the_defect_on_a_mixture_falls_like_ratio_to_the_sixth() -> None:
    """E f(x') - E f(x) for one move of a skewed law in one dimension, by quadrature over x and z: no Monte Carlo.

    Halving ``ratio`` divides it by 2^6; the plain Langevin step of the same size has 2^4.
    """
    law = Mixture(
        torch.tensor([0.3, 0.7]),
        [Gaussian(torch.tensor([-1.5]), Diagonal(torch.tensor([0.1]))), Gaussian(torch.tensor([0.8]), Diagonal(torch.tensor([0.3])))],
    )
    schedule = RectifiedFlow()
    now, then = levels(schedule, Grid(torch.tensor([0.45, 0.4], dtype=torch.float64)))
    x = torch.linspace(-6, 6, 1201, dtype=torch.float64)
    density = (law.log_prob((x / then.alpha)[:, None], then.noise)).exp() / then.alpha
    nodes, weights = (torch.from_numpy(a) for a in np.polynomial.hermite_e.hermegauss(40))
    points = x.repeat_interleave(len(nodes))[:, None]

    class Nodes:
        def increment(self, now: Level, then: Level) -> Tensor:
            raise AssertionError

        def fresh(self, step: int, use: int) -> Tensor:
            return nodes.repeat(len(x))[:, None]

    def defect(moved: Tensor) -> float:
        after = (torch.cos(2 * moved + 1).reshape(len(x), -1) * weights).sum(-1) / weights.sum()
        return float((density * (after - torch.cos(2 * x + 1))).sum() * (x[1] - x[0]))

    context = Context(law, Process(schedule), (now, then), 1, Nodes(), None)  # type: ignore[arg-type]
    moves, plain = [], []
    for ratio in (0.2, 0.1):
        moves.append(defect(PredictorCorrector(Rest(), ratio=ratio).step(context, points, now, then)))
        d = ratio * then.sigma
        score = (then.alpha * context.clean(points, then) - points) / then.sigma**2
        plain.append(defect(points + 2 * d**2 * score + 2 * d * nodes.repeat(len(x))[:, None]))
    assert abs(math.log2(moves[0] / moves[1]) - 6) < 0.3
    assert abs(math.log2(plain[0] / plain[1]) - 4) < 0.3
    assert abs(moves[0]) < 0.1 * abs(plain[0])


@pytest.mark.parametrize("schedule", THREE)
def test_with_ddim_the_law_has_the_order_of_the_predictor(schedule: str) -> None:
    """No bias stays: the exact law in the limit. And with few steps the corrections make the error smaller."""
    plan, sampler = THREE[schedule], PredictorCorrector(DDIM(), corrections=1, ratio=0.5)
    errors = []
    for n in (64, 128):
        mean, cov = final_error(sampler, LAW, plan, n)
        assert float(mean.abs().max()) < 1e-10
        errors.append(cov)
    coarse, fine = (float(e.abs().max()) for e in errors)
    assert coarse / fine > 1.8
    assert fine < 0.6 * float(final_error(DDIM(), LAW, plan, 128)[1].abs().max())


def test_no_correction_at_the_end() -> None:
    now, then = levels(VP(), VP().grid(1))
    assert step(PredictorCorrector(DDIM()), LAW, VP(), now, then).noise.numel() == 0


def test_every_correction_has_noise_of_its_own() -> None:
    """Also apart from the array that a predictor with noise asks for."""
    drawn: list[Tensor] = []

    class Listening(Keyed):
        def fresh(self, step: int, use: int) -> Tensor:
            drawn.append(super().fresh(step, use))
            return drawn[-1]

        def increment(self, now: Level, then: Level) -> Tensor:
            drawn.append(super().increment(now, then))
            return drawn[-1]

    x, visited = torch.zeros(1, SIZE, dtype=torch.float64), levels(VP(), VP().grid(3))
    list(run(PredictorCorrector(StochasticHeun(), corrections=3), LAW, VP(), VP().grid(3), x, Listening(Noise(2), visited, x)))
    arrays = torch.cat(drawn)
    assert len(arrays) == 3 + 2 * 3
    assert float((torch.cdist(arrays, arrays) + 9 * torch.eye(len(arrays))).min()) > 1e-3


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: PredictorCorrector(DDIM(), corrections=0), "corrections is 0, but must be a whole number of at least 1 and at most 32"),
        (lambda: PredictorCorrector(DDIM(), ratio=0.0), "ratio is 0, but must be above 0"),
    ],
)
def test_bad_input(call: object, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        call()  # type: ignore[operator]
