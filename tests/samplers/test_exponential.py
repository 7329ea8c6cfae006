"""The covariance-aware integrator: exact on its reference, of its order on any other law, DDIM where there is no covariance.

On a Gaussian law other than the reference a run is still an affine map, read off without noise and compared with the exact one.
"""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from steps import LAW, MEAN, SIZE, STRUCTURES, exact_law, implicit, laws_along, step

from kinds import EVENT, FULL, SCHEDULES, kernel, mixture, normal
from kinds import MEAN as EVENT_MEAN
from ornstein.common.errors import InputError
from ornstein.common.random import Noise
from ornstein.covariance import Dense, Diagonal
from ornstein.denoisers import Gaussian
from ornstein.samplers import DDIM, encode, levels, run, sample, walk
from ornstein.samplers.exponential import Exponential, typical
from ornstein.samplers.quadrature import slopes
from ornstein.schedules import VE, VP, Discrete, Grid, RectifiedFlow, Schedule
from truth import spectrum_covariance

OTHER = Gaussian(MEAN + 0.5, Dense(spectrum_covariance((2.0, 1.5, 0.2, 0.1), 8)))
"""A reference whose eigenvectors, eigenvalues and mean are all wrong for LAW."""
GEOMETRIC = torch.tensor([20.0, 0.15], dtype=torch.float64)


def steps_of(schedule: Schedule, steps: int) -> int:
    return min(steps, schedule.steps) if isinstance(schedule, Discrete) else steps


@pytest.mark.parametrize("structure", STRUCTURES)
@pytest.mark.parametrize(("order", "corrector", "steps"), [(1, False, 1), (3, False, 5), (2, True, 4)])
@pytest.mark.filterwarnings("ignore:.*steps leave no")
def test_no_error_on_the_reference(structure: str, order: int, corrector: bool, steps: int) -> None:
    """On every schedule, at every time, for null modes, bases with more coordinates than entries, and a start without signal."""
    law = Gaussian(MEAN, STRUCTURES[structure])
    sampler = Exponential(law, order, corrector)
    for name, schedule in SCHEDULES.items():
        for at, mean, cov in laws_along(sampler, law, schedule, schedule.grid(steps_of(schedule, steps))):
            expected_mean, expected = exact_law(law, schedule, at)
            scale = 1 + at.sigma**2
            assert torch.allclose(mean, expected_mean, rtol=0, atol=1e-10 * scale), (name, at)
            assert torch.allclose(cov, expected, rtol=0, atol=1e-10 * scale), (name, at)


@pytest.mark.parametrize("structure", STRUCTURES)
def test_no_error_upwards(structure: str) -> None:
    """From nearly clean data to noise, alpha = 0 included: the coordinates grow by sqrt(V_s / V_t)."""
    law, schedule = Gaussian(MEAN, STRUCTURES[structure]), RectifiedFlow()
    visited = levels(schedule, Grid(torch.tensor([1.0, 0.7, 0.4, 0.02], dtype=torch.float64)))[::-1]
    x = normal(3, SIZE, seed=5)
    *_, last = walk(Exponential(law, 2), law, schedule, visited, x, Noise())
    lam, operator = law.operator.eigenvalues, STRUCTURES[structure]
    w = operator.rotate(x - visited[0].alpha * MEAN) / (visited[0].alpha ** 2 * lam + visited[0].sigma ** 2).sqrt()
    assert torch.allclose(last.x, operator.unrotate(w), atol=1e-10)


@pytest.mark.parametrize("schedule", [VP(), VE(20.0), RectifiedFlow()], ids=lambda s: type(s).__name__)
@pytest.mark.parametrize(("order", "corrector", "power"), [(1, False, 1), (2, False, 2), (1, True, 2), (2, True, 3), (3, False, 3)])
def test_order(schedule: Schedule, order: int, corrector: bool, power: int) -> None:
    """The slope of log error against log steps on a law that is not the reference, from sigma / alpha = 20 to 0.15, in log n.

    The first step has order 1 whatever follows: its error of its length squared caps the plain method at 2, and corrected at 3.
    """
    sampler = Exponential(OTHER, order, corrector)
    start = levels(schedule, Grid(schedule.time(GEOMETRIC)))[0]
    errors = []
    for n in (64, 128):
        ramp = torch.linspace(0, 1, n + 1, dtype=torch.float64)
        times = schedule.time(GEOMETRIC[0] * (GEOMETRIC[1] / GEOMETRIC[0]) ** ramp)
        x = start.sigma * torch.cat([torch.zeros(1, SIZE), torch.eye(SIZE)]).to(torch.float64)
        *_, last = run(sampler, LAW, schedule, Grid(times), x, Noise())
        end = levels(schedule, Grid(times))[-1]
        grown = LAW.operator.scaled(end.alpha, end.sigma).map(torch.sqrt) @ (
            LAW.operator.scaled(start.alpha, start.sigma).map(lambda lam: lam.rsqrt()) @ (x - start.alpha * MEAN)
        )
        errors.append(float((last.x / end.alpha - MEAN - grown / end.alpha).abs().max()))
    assert abs(math.log2(errors[0] / errors[1]) - power) < 0.25, errors
    assert errors[1] < (0.05 if power == 1 else 3e-3)


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("n", [1, 2, 3, 5, 10, 50])
@pytest.mark.filterwarnings("ignore:.*steps leave no")
def test_finite_on_every_grid(name: str, n: int) -> None:
    """Up and down, on every schedule, with a reference that is wrong and one with null modes."""
    schedule = SCHEDULES[name]
    n = steps_of(schedule, n)
    for reference in (OTHER, Gaussian(MEAN, Diagonal(torch.tensor([0.0, 0.0, 2.0, 0.0])))):
        x = sample(LAW, Exponential(reference, 3), schedule, n, 3)
        assert bool(torch.isfinite(x).all())
        assert bool(torch.isfinite(encode(LAW, x, Exponential(reference, 3), schedule, n)).all())


@pytest.mark.parametrize("order", [1, 2, 3])
def test_without_covariance_it_is_ddim_and_adams_in_log_snr(order: int) -> None:
    """lambda = 0: the polynomial in log n through the denoised signals, integrated against d(1 / n) by an independent rule."""
    nothing = Gaussian(torch.zeros(SIZE, dtype=torch.float64), Diagonal(torch.zeros(SIZE)))
    schedule, n = VE(20.0), [8.0, 3.0, 1.5, 0.7]
    x = [normal(2, SIZE, seed=6) * 8]
    clean: list[torch.Tensor] = []
    for k, (now, then) in enumerate(pairwise(n)):
        clean.insert(0, LAW(x[-1], now).mean)
        used = clean[:order]
        nodes = [math.log(v) for v in n[k::-1][:order]]
        moved = x[-1] * then / now
        for j, value in enumerate(used):

            def density(m: float, j: int = j, nodes: list[float] = nodes) -> float:
                return math.prod((math.log(m) - q) / (nodes[j] - q) for i, q in enumerate(nodes) if i != j) / m**2

            moved = moved + then * quad(density, then, now, epsabs=1e-13)[0] * value
        x.append(moved)
    times = schedule.time(torch.tensor(n, dtype=torch.float64))
    *_, last = run(Exponential(nothing, order, corrector=False), LAW, schedule, Grid(times), x[0], Noise())
    assert torch.allclose(last.x, x[-1], atol=1e-10)
    now, then = levels(schedule, Grid(times[:2]))
    a, b = step(Exponential(nothing, order), LAW, schedule, now, then), step(DDIM(), LAW, schedule, now, then)
    assert torch.allclose(a.slope, b.slope, atol=1e-12)
    assert torch.allclose(a.shift, b.shift, atol=1e-12)


def test_weights_are_the_integrals_of_their_polynomials() -> None:
    """Every mode, null ones included, against adaptive quadrature; and a start at alpha = 0."""
    lam, c = torch.tensor([4.0, 0.3, 1e-4, 0.0], dtype=torch.float64), 0.7
    schedule = RectifiedFlow()
    n = torch.tensor([9.0, 4.0, 2.0, 0.5, 0.02], dtype=torch.float64)
    visited = levels(schedule, Grid(torch.cat([torch.ones(1, dtype=torch.float64), schedule.time(n)])))
    for nodes, now, then in (
        (visited[2:5], visited[4], visited[5]),
        (visited[3:1:-1], visited[2], visited[3]),
        (visited[:1], *visited[:2]),
    ):
        found = slopes(lam, torch.tensor(c, dtype=torch.float64), nodes, now, then)
        for j, node in enumerate(nodes):
            for k, value in enumerate(lam.tolist()):

                def density(v: float, j: int = j, value: float = value, nodes: list[object] = nodes) -> float:
                    places = [p.half for p in nodes]  # type: ignore[attr-defined]  # levels, whose type the tests do not import
                    poly = math.prod((math.log(v) - q) / (places[j] - q) for i, q in enumerate(places) if i != j)
                    return poly / math.sqrt((1 + c * v * v) * (1 + value * v * v))

                begin = 0.0 if now.alpha == 0 else 1 / now.noise
                expected = quad(density, begin, 1 / then.noise, epsabs=1e-13, limit=200)[0] * math.hypot(1.0, math.sqrt(c) / node.noise)
                assert float(found[j][k]) == pytest.approx(expected, rel=1e-8)


def test_the_last_step() -> None:
    """x_0 = mu + g w + r / (1 + g): the denoised signal where the noise hides a mode, half of the residual where it does not."""
    reference = Gaussian(torch.zeros(2, dtype=torch.float64), Diagonal(torch.tensor([4.0, 0.0])))
    law = Gaussian(torch.zeros(2, dtype=torch.float64), Diagonal(torch.tensor([1.0, 1.0])))
    now, then = levels(VE(20.0), Grid(torch.tensor([0.1, 0.0], dtype=torch.float64)))  # n = 2
    x = torch.tensor([[1.0, 1.0]], dtype=torch.float64)
    *_, last = walk(Exponential(reference, 1, corrector=False), law, VE(20.0), (now, then), x, Noise())
    g, clean = math.sqrt(0.5), 1 / 5
    assert torch.allclose(last.x, torch.tensor([[g + (clean - 0.5) / (1 + g), clean]], dtype=torch.float64), atol=1e-12)


@pytest.mark.parametrize("law", [mixture, kernel])
def test_any_denoiser_and_any_event_shape(law: object) -> None:
    """On laws that are not Gaussian it converges to the flow of another method, and does not couple cases or change float32."""
    denoiser = law()  # type: ignore[operator]
    reference = Gaussian(EVENT_MEAN, FULL)
    schedule = VE(40.0, 0.02)
    truth = sample(denoiser, DDIM(), schedule, 40, 4)
    fine = [sample(denoiser, Exponential(reference, 2), schedule, n, 4) for n in (30, 60, 120)]
    assert fine[0].shape == (4, *EVENT)
    steps = [float((a - b).norm()) for a, b in pairwise(fine)]
    assert steps[1] < 0.3 * steps[0]
    assert float((fine[-1] - truth).norm()) < 0.3 * float(truth.norm())
    alone = sample(denoiser, Exponential(reference, 2), schedule, 30, 1, first=2)
    assert torch.equal(alone[0], fine[0][2])
    single = sample(denoiser, Exponential(reference, 2), schedule, 30, 4, dtype=torch.float32)
    assert single.dtype == torch.float32
    assert torch.allclose(single.to(torch.float64), fine[0], atol=1e-3)


def test_weights_are_computed_once_per_step() -> None:
    sampler = Exponential(OTHER, 2)
    first = sample(LAW, sampler, VP(), 6, 2)
    known = dict(sampler._weights)
    assert torch.equal(sample(LAW, sampler, VP(), 6, 2), first)
    assert sampler._weights.keys() == known.keys()
    assert all(a is b for key in known for a, b in zip(sampler._weights[key], known[key], strict=True))
    assert float(typical(OTHER)) == pytest.approx(np.mean([2.0, 1.5, 0.2, 0.1]))


def test_what_it_refuses() -> None:
    with pytest.raises(InputError, match="order is 4"):
        Exponential(LAW, 4)
    for reference in (implicit(), mixture()):
        with pytest.raises(InputError, match="must be one Gaussian law whose covariance has a known eigenbasis"):
            Exponential(reference)  # type: ignore[arg-type]  # a mixture, as someone might pass it
