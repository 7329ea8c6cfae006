"""Schedules: their ends, their inverses and their rates, and grids that mean exactly what they list."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch
from torch import Tensor

from kinds import ENDS_AT_ZERO, SCHEDULES
from ornstein.common.errors import InputError
from ornstein.schedules import VE, VP, Cosine, Discrete, Grid, RectifiedFlow, Schedule

TIMES = torch.linspace(0, 1, 101, dtype=torch.float64)
# away from the ends, and from the joints of the short chains, where a rate jumps
INSIDE = torch.linspace(0.02, 0.98, 49, dtype=torch.float64) + 1e-3 / 7
TINY = torch.tensor([1e-12, 1e-9, 1e-6, 1e-3], dtype=torch.float64)
every = pytest.mark.parametrize("name", SCHEDULES)


def close(a: Tensor, b: Tensor | float, tolerance: float) -> bool:
    return bool(torch.allclose(a, torch.as_tensor(b, dtype=a.dtype), rtol=0, atol=tolerance))


@every
def test_ends(name: str) -> None:
    schedule = SCHEDULES[name]
    assert (float(schedule.alpha(0.0)), float(schedule.sigma(0.0))) == (1, 0)
    alpha, sigma = schedule.alpha(TIMES), schedule.sigma(TIMES)
    assert bool(torch.isfinite(alpha).all())
    assert bool(torch.isfinite(sigma).all())
    assert alpha.dtype == sigma.dtype == torch.float64
    assert (float(alpha[-1]) == 0) == (name in ENDS_AT_ZERO)
    if name in ENDS_AT_ZERO:
        assert float(schedule.noise_level(1.0)) == math.inf
        assert float(schedule.log_snr(1.0)) == -math.inf
        assert float(schedule.time(math.inf)) == 1
        assert float(schedule.time_of_log_snr(-math.inf)) == 1
    assert float(schedule.log_snr(0.0)) == math.inf
    assert float(schedule.time_of_log_snr(math.inf)) == 0
    assert bool((schedule.noise_level(TIMES).diff() > 0).all())
    assert float(schedule.alpha(0.25)) == float(schedule.alpha(torch.tensor([0.25], dtype=torch.float64))[0])


@every
def test_inverses(name: str) -> None:
    schedule = SCHEDULES[name]
    assert close(schedule.time(schedule.noise_level(TIMES)), TIMES, 1e-13)
    assert close(schedule.time_of_log_snr(schedule.log_snr(TIMES)), TIMES, 1e-13)
    # near the data the *relative* error counts: 6 digits of t = 1e-12 (the shifted cosine starts from a turned angle)
    assert close(schedule.time(schedule.noise_level(TINY)) / TINY, 1.0, 1e-6)
    assert close(schedule.log_snr(INSIDE), 2 * (schedule.alpha(INSIDE) / schedule.sigma(INSIDE)).log(), 1e-12)


@every
def test_rates(name: str) -> None:
    schedule, h = SCHEDULES[name], 1e-6
    fall, rise = schedule.rates(INSIDE)
    for rate, curve in ((fall, schedule.alpha), (rise, schedule.sigma)):
        slope = (curve(INSIDE + h) - curve(INSIDE - h)) / (2 * h)
        assert bool(((rate - slope).abs() <= 1e-7 * (1 + rate.abs())).all())


@pytest.mark.parametrize("name", sorted(set(SCHEDULES) - {"ve", "rectified"}))
def test_variance_is_preserved(name: str) -> None:
    schedule = SCHEDULES[name]
    times = torch.cat([TINY, TIMES])
    assert close(schedule.alpha(times) ** 2 + schedule.sigma(times) ** 2, 1.0, 1e-15)


def test_stable_at_the_data_end() -> None:
    """At t = 1e-12 the difference 1 - alpha^2 has lost every digit; sigma has not."""
    t = 1e-12
    assert close(VP().sigma(t) ** 2 / (0.1 * t), 1.0, 1e-10)  # B(t) = beta_min t
    first = 0.5 * math.pi * 0.008 / 1.008
    speed = 0.5 * math.pi - first
    assert close(Cosine().sigma(t) ** 2 / (2 * math.tan(first) * speed * t), 1.0, 1e-9)  # d cos^2(theta) / cos^2(theta_0)
    assert close(Cosine(0.0).sigma(t) / (0.5 * math.pi * t), 1.0, 1e-12)
    chain = Discrete.from_betas([1e-9, 0.5])
    assert close(chain.sigma(0.5) ** 2 / 1e-9, 1.0, 1e-6)


def test_definitions() -> None:
    t = INSIDE
    beta = 0.1 + 19.9 * t
    fine = torch.linspace(0, 1, 2001, dtype=torch.float64)
    assert close(VP().alpha(1.0).log(), -0.5 * torch.trapezoid(0.1 + 19.9 * fine, fine), 1e-9)
    assert close(-2 * VP().rates(t)[0] / VP().alpha(t), beta, 1e-12)
    shifted = torch.cos((t + 0.008) / 1.008 * math.pi / 2) / math.cos(0.008 / 1.008 * math.pi / 2)  # Nichol and Dhariwal, eq. 17
    assert close(Cosine().alpha(t), shifted, 1e-14)
    assert close(RectifiedFlow().alpha(t) + RectifiedFlow().sigma(t), 1.0, 1e-15)
    assert close(VE(sigma_max=7.0).sigma(t), 7 * t, 1e-15)
    assert close(VE().alpha(t), 1.0, 0)


def test_chain_is_its_recursion() -> None:
    """abar_t = prod (1 - beta_s), the tutorial's definition, multiplied out step by step."""
    beta = 0.1 / (1 + torch.exp(-torch.linspace(-6, 6, 100, dtype=torch.float64)))
    for betas, chain in ((beta, Discrete.sigmoid()), (torch.tensor([0.1, 0.2, 0.5, 1.0], dtype=torch.float64), SCHEDULES["betas-to-zero"])):
        abar = 1.0
        for step, b in enumerate(betas.tolist(), start=1):
            abar *= 1 - b
            assert float(chain.alpha(step / len(betas)) ** 2) == pytest.approx(abar, abs=1e-14)
            assert float(chain.sigma(step / len(betas)) ** 2) == pytest.approx(1 - abar, abs=1e-14)
    exact = torch.cumprod(1 - beta, 0)
    assert close(Discrete.sigmoid().alpha(TIMES[1:]) ** 2, exact, 1e-14)
    listed = Discrete(tuple(exact.tolist()))
    assert close(listed.alpha(TIMES), Discrete.sigmoid().alpha(TIMES), 1e-14)
    assert listed.steps == 100


@every
@pytest.mark.parametrize("steps", [1, 2, 3, 50])
def test_own_grid(name: str, steps: int) -> None:
    schedule = SCHEDULES[name]
    if isinstance(schedule, Discrete) and steps > schedule.steps:
        with pytest.raises(InputError, match=f"steps is {steps}, but must be .* at most {schedule.steps}"):
            schedule.grid(steps)
        return
    grid = schedule.grid(steps)
    assert len(grid) == steps
    assert (float(grid.times[0]), float(grid.times[-1])) == (1, 0)


def _check_previous(schedule: Schedule, steps: int) -> None:
    grid = schedule.grid(steps)
    times = grid.times.tolist()
    assert len(grid) == steps
    assert all(a > b for a, b in pairwise(times))
    assert times[-1] == 0
    assert list(grid) == list(pairwise(times))
    visited = range(steps) if steps <= 64 or steps % 100 == 0 else (0, 1, steps // 2, steps - 1)
    for i in visited:
        assert grid.previous(times[i]) == times[i + 1]


@pytest.mark.parametrize("schedule", [VP(), Cosine(), RectifiedFlow(), VE()], ids=lambda s: type(s).__name__)
def test_previous_is_the_next_of_the_list(schedule: Schedule) -> None:
    """For every length from 1 to 1000. Times that strictly decrease match once, so a few entries of the long grids speak for all."""
    for steps in range(1, 1001):
        _check_previous(schedule, steps)


def test_chain_grid_visits_steps_of_the_chain() -> None:
    chain = Discrete(tuple(torch.linspace(0.999, 0, 1000, dtype=torch.float64).tolist()))
    for steps in range(1, 1001):
        _check_previous(chain, steps)
        index = chain.grid(steps).times * 1000
        assert close(index, index.round(), 1e-10)
    assert close(chain.grid(1000).times, torch.arange(1000, -1, -1, dtype=torch.float64) / 1000, 1e-15)


def test_karras() -> None:
    """Karras et al. (2022), eq. 5: sigma_i for i = 0 ... n - 1, then 0."""
    schedule, n = VE(sigma_max=80.0, sigma_min=0.002, rho=7.0), 18
    levels = [(80 ** (1 / 7) + i / (n - 1) * (0.002 ** (1 / 7) - 80 ** (1 / 7))) ** 7 for i in range(n)] + [0.0]
    assert close(schedule.sigma(schedule.grid(n).times), torch.tensor(levels, dtype=torch.float64), 1e-12)
    assert schedule.grid(1).times.tolist() == [1, 0]


def test_vp_and_cosine_grids() -> None:
    assert close(VP().grid(10).times, torch.linspace(1, 0, 11, dtype=torch.float64) ** 2, 1e-15)
    grid = Cosine().grid(12).times
    angle = torch.atan(Cosine().noise_level(grid))
    assert close(angle.diff(), -math.pi / 24, 1e-12)


GRID = Grid(torch.tensor([1.0, 0.5, 0.0]))


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: VP().alpha(1.5), "t is 1.5, but time runs from 0"),
        (lambda: Cosine().sigma(-0.1), "t is -0.1"),
        (lambda: RectifiedFlow().alpha(math.nan), "t is nan"),
        (lambda: VP(beta_min=0.0), "beta_min is 0, but must be above 0"),
        (lambda: VP(beta_min=2.0, beta_max=1.0), "beta_max is 1, but must be at least beta_min = 2"),
        (lambda: Cosine(-1.0), "s is -1, but must be at least 0"),
        (lambda: VE(sigma_max=1.0, sigma_min=1.0), "sigma_min is 1, but must be below sigma_max = 1"),
        (lambda: VE(rho=0.0), "rho is 0"),
        (lambda: Discrete(()), "abar is empty"),
        (lambda: Discrete((0.9, 0.9)), "abar is not decreasing at step 2"),
        (lambda: Discrete((1.0, 0.9)), "abar is not decreasing at step 1"),
        (lambda: Discrete((0.5, 0.9)), "abar is not decreasing at step 2"),
        (lambda: Discrete((1.5, 0.9)), "must lie in"),
        (lambda: Discrete((0.9, math.nan)), "abar holds 1 NaN value, first at index"),
        (lambda: Discrete.from_betas([0.1, 0.0]), "betas must be a non-empty list of numbers in"),
        (lambda: Discrete.from_betas([]), "betas must be a non-empty list"),
        (lambda: Discrete.from_betas([0.1, 1.2]), "betas must be"),
        (lambda: Discrete.sigmoid(0), "steps is 0"),
        (lambda: VP().grid(0), "steps is 0, but must be a whole number of at least 1"),
        (lambda: Cosine().grid(-1), "steps is -1"),
        (lambda: RectifiedFlow().grid("ten"), "steps is 'ten'"),  # type: ignore[arg-type]
        (lambda: VE().grid(2.5), "steps is 2.5"),  # type: ignore[arg-type]
        (lambda: Discrete.sigmoid().grid(101), "at most 100"),
        (lambda: Grid(torch.tensor([1.0])), "at least a start and an end"),
        (lambda: Grid(torch.tensor([1.0, 0.5, 0.5])), "times must decrease .* after entry 1"),
        (lambda: Grid(torch.tensor([0.0, 1.0])), "times must decrease"),
        (lambda: Grid(torch.tensor([1.1, 0.0])), "must lie in"),
        (lambda: GRID.previous(0.3), "t is 0.3, but must be one of the grid's times"),
        (lambda: GRID.previous(0.0), "before its end"),
    ],
)
def test_bad_input(call: object, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        call()  # type: ignore[operator]
