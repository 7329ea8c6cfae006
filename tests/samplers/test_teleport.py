"""Teleport: the closed-form flow above a level, another method below; and how the level is found."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch
from steps import LAW, MEAN, STRUCTURES, Affine, step

from kinds import SCHEDULES, mixture
from ornstein.common.errors import InputError
from ornstein.common.random import Noise
from ornstein.covariance import Diagonal
from ornstein.denoisers import Denoiser, Gaussian, Law, Mixture, Posterior
from ornstein.denoisers.matched import matched
from ornstein.samplers import DDIM, Exact, Heun, levels, run, sample, start, walk
from ornstein.samplers.exponential import Exponential, deviation, flow
from ornstein.samplers.teleport import Teleport, landing, residual, teleport_level
from ornstein.schedules import VE, VP, Cosine, Grid, RectifiedFlow


class Network(Denoiser):
    """A law of which only the denoiser is known, and whose calls are counted."""

    def __init__(self, law: Law) -> None:
        self.law, self.event_shape, self.calls = law, law.event_shape, 0

    def __call__(self, x: torch.Tensor, sigma: float | torch.Tensor) -> Posterior:
        self.calls += 1
        return Posterior(self.law(x, sigma).mean)


def close(a: Affine, b: Affine) -> bool:
    return torch.allclose(a.slope, b.slope, atol=1e-12) and torch.allclose(a.shift, b.shift, atol=1e-12)


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("structure", STRUCTURES)
def test_above_the_level_the_step_is_exact_and_below_it_the_inner_one(name: str, structure: str) -> None:
    schedule, law = SCHEDULES[name], Gaussian(MEAN, STRUCTURES[structure])
    visited = levels(schedule, Grid(torch.tensor([1.0, 0.75, 0.5, 0.25, 0.0], dtype=torch.float64)))
    for k, level in enumerate(visited[1:-1], start=1):
        teleport = Teleport(DDIM(), law, level.noise)
        for j, (now, then) in enumerate(pairwise(visited)):
            assert close(step(teleport, law, schedule, now, then), step(Exact() if j < k else DDIM(), law, schedule, now, then))
            if then.sigma > 0 and now.alpha > 0:
                assert close(step(teleport, law, schedule, then, now), step(Exact() if j < k else DDIM(), law, schedule, then, now))


def test_the_jump_costs_no_call() -> None:
    """On the grid of ``landing``: one call a step but for the jump, which is the flow of the reference."""
    schedule, reference = RectifiedFlow(), matched(mixture())
    grid = Grid(schedule.time(torch.tensor([4.0, 2.0, 1.0, 0.3, 0.0], dtype=torch.float64)))
    landed = landing(grid)
    assert landed.times.tolist() == [1.0, *grid.times.tolist()]
    assert landing(landed) is landed
    for inner in (DDIM(), Heun(), Exponential(reference)):
        network = Network(mixture())
        teleport = Teleport(inner, reference, 4.0)
        x = sample(network, teleport, schedule, landed, 3)
        assert network.calls == teleport.calls(len(landed)) == inner.calls(len(grid))
        assert (teleport.order, teleport.memory, teleport.deterministic) == (inner.order, inner.memory, True)
        start = Noise(0).normal(3, network.event_shape)
        now, then = levels(schedule, landed)[:2]
        *_, last = run(inner, mixture(), schedule, grid, flow(reference, start, now, then), Noise(0))
        assert torch.allclose(x, last.x, atol=1e-12)


LEVELS = (6.0, 2.0, 0.7, 0.2)


def test_residual_against_the_closed_form() -> None:
    """Two Gaussians with one basis: E (D - D_G)^2 = (g_1 - g_2)^2 (lambda + n^2) in each mode.

    The square averages 4000 x 3 squares of normal numbers, dominated by one mode: a relative deviation of sqrt(2 / 4000) = 0.022,
    half of that for its root. The bound of 6 of them is passed by chance once in 5e8.
    """
    lam, other = torch.tensor([3.0, 1.0, 0.2], dtype=torch.float64), torch.tensor([1.0, 1.0, 0.6], dtype=torch.float64)
    zero = torch.zeros(3, dtype=torch.float64)
    found = residual(Gaussian(zero, Diagonal(lam)), Gaussian(zero, Diagonal(other)), VE(), LEVELS, cases=4000)
    for n, value in zip(LEVELS, found.tolist(), strict=True):
        apart = (lam / (lam + n**2) - other / (other + n**2)).square() * (lam + n**2)
        assert value == pytest.approx(math.sqrt(float(apart.mean() / other.mean())), rel=0.066)


@pytest.mark.parametrize("schedule", [VE(), VP(), Cosine()], ids=lambda s: type(s).__name__)
def test_residual_of_a_network_is_that_of_its_law(schedule: VE) -> None:
    """The pilot path carries the law to every level; 400 cases against the same number of exact draws, to 20 %."""
    law = mixture()
    exact = residual(law, matched(law), schedule, LEVELS, cases=400)
    found = residual(Network(law), matched(law), schedule, LEVELS, cases=400, seed=1)
    assert torch.allclose(found, exact, rtol=0.2)
    assert float(residual(Network(LAW), LAW, schedule, LEVELS, cases=4).max()) < 1e-12


def pair(apart: float) -> Mixture:
    """Two narrow modes at +-apart in the first of two directions."""
    part = Diagonal(torch.tensor([0.3, 0.3]))
    return Mixture(torch.ones(2), [Gaussian(torch.tensor([s * apart, 0.0], dtype=torch.float64), part) for s in (-1, 1)])


def bias(law: Law, x: torch.Tensor, n: float) -> float:
    """What a jump from x at t = 1 to noise n does to x_0, with 60 steps, relative to the deviation of the law."""
    reference = matched(law)
    below = torch.logspace(math.log10(n), -3, 40, dtype=torch.float64)
    above = torch.logspace(math.log10(80), math.log10(n), 20, dtype=torch.float64)[:-1]
    visited = levels(VE(), Grid(torch.cat([above, below, torch.zeros(1, dtype=torch.float64)]) / 80))
    *_, through = walk(Exponential(reference), law, VE(), visited, x, Noise())
    *_, jumped = walk(Exponential(reference), law, VE(), visited[19:], flow(reference, x, visited[0], visited[19]), Noise())
    return float((through.x - jumped.x).square().mean().sqrt()) / deviation(reference)


@pytest.mark.parametrize("law", [mixture(), pair(0.5), pair(3.0)], ids=["mixture", "near", "apart"])
@pytest.mark.parametrize("tolerance", [0.02, 0.002])
def test_the_level_keeps_its_tolerance(law: Law, tolerance: float) -> None:
    """On fresh cases, with an accurate solver, the jump moves x_0 by no more than twice the tolerance, and lower would not do."""
    level = teleport_level(law, matched(law), VE(), tolerance=tolerance)
    assert 0.1 < level < 80
    x = 80 * Noise(7).normal(128, law.event_shape) + law.mean()
    assert bias(law, x, level) < 2 * tolerance
    assert bias(law, x, level / 3) > tolerance


def test_paths_that_change_their_mode_are_counted() -> None:
    """Three modes: at the level that the first guess finds, 5.3, some of the pilots cross a border, so the next higher one is taken."""
    part = Diagonal(torch.tensor([0.05, 0.05]))
    places = torch.tensor([[3.0, 0.0], [-3.0, 0.0], [0.0, 4.0]], dtype=torch.float64)
    law = Mixture(torch.tensor([0.5, 0.3, 0.2]), [Gaussian(place, part) for place in places])
    level = teleport_level(law, matched(law), VE(), tolerance=0.02)
    x = start(law, VE(), 1.0, Noise(0), 512)
    assert bias(law, x, level) < 0.02
    assert bias(law, x, level / 1.4) > 0.02


def test_separate_modes_ask_for_a_higher_level() -> None:
    near, apart = (teleport_level(law, matched(law), VE()) / deviation(matched(law)) for law in (pair(0.5), pair(3.0)))
    assert apart > 1.5 * near
    assert teleport_level(pair(3.0), matched(pair(3.0)), VE(sigma_max=4.0), tolerance=1e-6) == math.inf


def test_the_reference_itself_is_jumped_to_the_end() -> None:
    network = Network(LAW)
    assert teleport_level(network, LAW, Cosine(), cases=8) < 0.02
    assert network.calls < 100


def test_what_it_refuses() -> None:
    with pytest.raises(InputError, match="level is -1"):
        Teleport(DDIM(), LAW, -1.0)
    with pytest.raises(InputError, match="known eigenbasis"):
        Teleport(DDIM(), mixture(), 1.0)  # type: ignore[arg-type]  # a mixture, as someone might pass it
    for noise in ([], [1.0, 2.0], [1.0, 0.0]):
        with pytest.raises(InputError, match="from high to low"):
            residual(LAW, LAW, VE(), noise)
