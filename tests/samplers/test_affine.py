"""The noise-free test of the deterministic samplers: on a Gaussian law each is an affine map, so its law at the end is exact.

Feed the zero vector and the unit vectors, read off the map, push the exact starting law through it, compare with the exact law.
"""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch
from steps import LAW, MEAN, SIZE, STRUCTURES, exact_law, final_error, implicit, laws_along, step

from kinds import SCHEDULES
from ornstein.common.errors import InputError
from ornstein.common.random import Noise
from ornstein.denoisers import Gaussian, Mixture
from ornstein.samplers import DDIM, Euler, Exact, Heun, Sampler, levels, run, sample
from ornstein.schedules import VE, VP, Cosine, Discrete, Grid, RectifiedFlow, Schedule

THREE = {"vp": VP(), "cosine": Cosine(), "rectified": RectifiedFlow()}
ODE: dict[str, tuple[Sampler, float, float]] = {"euler": (Euler(), 1, 0.15), "ddim": (DDIM(), 1, 0.15), "heun": (Heun(), 2, 0.2)}


def steps_of(schedule: Schedule, steps: int) -> int:
    return min(steps, schedule.steps) if isinstance(schedule, Discrete) else steps


@pytest.mark.parametrize("structure", STRUCTURES)
@pytest.mark.parametrize("steps", [1, 5])
def test_exact_flow_has_no_error(structure: str, steps: int) -> None:
    """On every schedule, in one step and in five, at every time on the way, for every structure, rank-deficient ones included."""
    law = Gaussian(MEAN, STRUCTURES[structure])
    for name, schedule in SCHEDULES.items():
        for at, mean, cov in laws_along(Exact(), law, schedule, schedule.grid(steps_of(schedule, steps))):
            expected_mean, expected = exact_law(law, schedule, at)
            scale = 1 + at.sigma**2
            assert torch.allclose(mean, expected_mean, rtol=0, atol=1e-10 * scale), (name, at)
            assert torch.allclose(cov, expected, rtol=0, atol=1e-10 * scale), (name, at)


def test_exact_flow_is_the_flow() -> None:
    """Not only the law: the path of each point is that of the ODE. A map with the right covariance may still rotate.

    dx/dt at a point, from the velocity of the closed-form denoiser, against a small exact step.
    """
    h = 1e-5
    for schedule in THREE.values():
        now, then = levels(schedule, Grid(torch.tensor([0.5 + h, 0.5 - h], dtype=torch.float64)))
        middle = levels(schedule, Grid(torch.tensor([0.5, 0.0], dtype=torch.float64)))[0]
        map_ = step(Exact(), LAW, schedule, now, then)
        for k in range(SIZE):
            x = torch.eye(SIZE, dtype=torch.float64)[k : k + 1]
            clean = LAW(x / middle.alpha, middle.noise).mean
            velocity = middle.alpha_rate * clean + middle.sigma_rate * (x - middle.alpha * clean) / middle.sigma
            moved = (x @ map_.slope.T + map_.shift - x) / (-2 * h)
            # x sits at t = 0.5 + h, half a step before the middle
            assert torch.allclose(moved, velocity, atol=2e-3)


@pytest.mark.parametrize("schedule", THREE)
@pytest.mark.parametrize("method", ODE)
def test_order(method: str, schedule: str) -> None:
    """The slope of log error against log steps, and the exact law in the limit.

    The error of an order-p method is c h^p + O(h^(p+1)), so extrapolating two runs removes it: what remains is far smaller
    than the finer error, for the mean and for the covariance. A method with the right order to a wrong limit fails this.
    """
    sampler, order, tolerance = ODE[method]
    plan = THREE[schedule]
    errors = [final_error(sampler, LAW, plan, n) for n in (64, 128, 256)]
    for which in (0, 1):
        size = [float(e[which].abs().max()) for e in errors]
        if which == 0 and max(size) < 1e-12:  # the mean of the law is carried on exactly where alpha is followed exactly
            continue
        slope = math.log2(size[1] / size[2])
        assert abs(slope - order) < tolerance, (size, slope)
        assert abs(math.log2(size[0] / size[2]) / 2 - order) < 2 * tolerance
        limit = (2**order * errors[2][which] - errors[1][which]) / (2**order - 1)
        assert float(limit.abs().max()) < 0.1 * size[2]
    assert float(errors[2][1].abs().max()) < (0.05 if order == 1 else 2e-4)


@pytest.mark.parametrize("method", ODE)
def test_karras_grid_converges(method: str) -> None:
    """VE with Karras' grid: the last step from sigma_min leaves an error of order sigma_min^2 / lambda that no grid removes."""
    sampler, order, _ = ODE[method]
    schedule = VE(sigma_max=20.0, sigma_min=0.002)
    coarse, fine = (float(final_error(sampler, LAW, schedule, n)[1].abs().max()) for n in (128, 256))
    assert abs(math.log2(coarse / fine) - order) < 0.2
    assert fine < (0.05 if order == 1 else 1e-3)


def test_euler_is_ddim_on_a_straight_line() -> None:
    """Under rectified flow, and under VE, alpha and sigma are linear in t: the two methods are one."""
    for schedule in (RectifiedFlow(), VE(sigma_max=20.0)):
        for now, then in pairwise(levels(schedule, schedule.grid(7))):
            a, b = step(Euler(), LAW, schedule, now, then), step(DDIM(), LAW, schedule, now, then)
            assert torch.allclose(a.slope, b.slope, atol=1e-12)
            assert torch.allclose(a.shift, b.shift, atol=1e-12)


def test_heun_is_two_evaluations_of_the_velocity() -> None:
    """One step against the trapezoidal rule written out with dense matrices."""
    schedule, cov = VP(), LAW.covariance().dense()
    now, then = levels(schedule, Grid(torch.tensor([0.6, 0.4], dtype=torch.float64)))
    eye = torch.eye(SIZE, dtype=torch.float64)

    def field(at: object) -> torch.Tensor:
        """The matrix of dx/dt for a centred law: alpha' G/alpha + sigma'/sigma (I - G), G the gain."""
        gain = cov @ torch.linalg.inv(cov + at.noise**2 * eye)  # type: ignore[attr-defined]
        return at.alpha_rate / at.alpha * gain + at.sigma_rate / at.sigma * (eye - gain)  # type: ignore[attr-defined]

    h = then.t - now.t
    expected = eye + h / 2 * (field(now) + field(then) @ (eye + h * field(now)))
    assert torch.allclose(step(Heun(), LAW, schedule, now, then).slope, expected, atol=1e-12)
    assert torch.allclose(step(Euler(), LAW, schedule, now, then).slope, eye + h * field(now), atol=1e-12)


@pytest.mark.parametrize("method", ODE)
def test_one_step_from_pure_noise_is_the_mean(method: str) -> None:
    """With zero terminal SNR the noise says nothing, so a single step returns E[x_0] whatever it was."""
    now, then = levels(Cosine(), Cosine().grid(1))
    map_ = step(ODE[method][0], LAW, Cosine(), now, then)
    assert float(map_.slope.abs().max()) == 0
    assert torch.allclose(map_.shift, MEAN, atol=1e-15)


def test_exact_needs_a_gaussian_with_a_basis() -> None:
    mixture = Mixture(torch.ones(1), [LAW])
    for law in (mixture, implicit()):
        with pytest.raises(InputError, match="sampler Exact needs a Gaussian law with a known eigenbasis"):
            sample(law, Exact(), Cosine(), 3, 2)
        assert bool(torch.isfinite(sample(law, Heun(), Cosine(), 3, 2)).all())


def test_the_loop_is_the_composition_of_its_steps() -> None:
    """What ``run`` yields is what the steps give one after the other, with the times of the grid."""
    grid = VP().grid(4)
    x = torch.eye(SIZE, dtype=torch.float64)
    states = list(run(Heun(), LAW, VP(), grid, x, Noise(0)))
    assert [s.step for s in states] == [0, 1, 2, 3, 4]
    assert [s.t for s in states] == grid.times.tolist()
    assert torch.equal(states[0].x, x)
    for before, after, (now, then) in zip(states[:-1], states[1:], pairwise(levels(VP(), grid)), strict=True):
        map_ = step(Heun(), LAW, VP(), now, then)
        assert torch.allclose(after.x, before.x @ map_.slope.T + map_.shift, atol=1e-12)


def test_a_grid_may_stop_early() -> None:
    """A grid from t = 0.8 to 0.3 carries the law at 0.8 to the law at 0.3."""
    grid = Grid(torch.tensor([0.8, 0.5, 0.3], dtype=torch.float64))
    for at, mean, cov in laws_along(Exact(), LAW, VP(), grid):
        expected_mean, expected = exact_law(LAW, VP(), at)
        assert torch.allclose(mean, expected_mean, atol=1e-12)
        assert torch.allclose(cov, expected, atol=1e-12)
