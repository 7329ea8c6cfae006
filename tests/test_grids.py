"""Grids: the formulas they are named for, every schedule, and the spectral grid measured exactly against all others."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.optimize
import torch
from torch import Tensor

from kinds import ENDS_AT_ZERO, SCHEDULES
from ornstein.common.errors import InputError
from ornstein.samplers import DDIM, Heun, Sampler
from ornstein.samplers.certify import certify
from ornstein.schedules import VE, VP, Cosine, Discrete, Grid, RectifiedFlow, Schedule, grids, karras, log_snr, spectral, uniform

POWER = torch.arange(1, 101, dtype=torch.float64) ** -2.0
FEW = torch.tensor([10.0, 5.0, 3.0, 2.0, 1.0] + [0.01] * 95, dtype=torch.float64)
NARROW = torch.cat([torch.linspace(3, 0.5, 10, dtype=torch.float64), torch.zeros(90, dtype=torch.float64)])
SPECTRA = {"power": POWER, "few strong modes and a floor": FEW, "rank-deficient": NARROW}
ALL = {
    "uniform": uniform,
    "karras": karras,
    "log-snr": log_snr,
    "spectral": lambda schedule, steps: spectral(schedule, steps, POWER),
    "spectral, order 2": lambda schedule, steps: spectral(schedule, steps, POWER, 2),
}


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("name", SCHEDULES)
def test_every_grid_on_every_schedule(name: str, kind: str) -> None:
    """Right length, falling times, from where it should start to data. A ``Grid`` refuses times that do not fall."""
    schedule = SCHEDULES[name]
    begins_at_80 = kind in ("karras", "log-snr") and name in ENDS_AT_ZERO
    begin = float(schedule.time(80.0)) if begins_at_80 else 1
    for steps in (1, 2, 3, 5, 50, 400):
        grid = ALL[kind](schedule, steps)
        assert len(grid) == steps
        assert float(grid.times[-1]) == 0, steps
        assert float(grid.times[0]) == begin, steps
        assert bool(torch.isfinite(certify(DDIM(), grid, schedule, POWER).variance).all()), steps


def test_uniform() -> None:
    assert uniform(VP(), 4).times.tolist() == [1, 0.75, 0.5, 0.25, 0]


def test_karras_is_equation_5() -> None:
    """On any schedule the same levels, in data scale; VE's own grid is this one."""
    wanted = [(80 ** (1 / 7) + i / 9 * (0.002 ** (1 / 7) - 80 ** (1 / 7))) ** 7 for i in range(10)] + [0]
    for schedule in (VE(), Cosine(), RectifiedFlow()):
        assert torch.allclose(schedule.noise_level(karras(schedule, 10).times), torch.tensor(wanted, dtype=torch.float64), rtol=1e-10)
    assert torch.equal(VE(20.0, 0.01, 3.0).grid(9).times, karras(VE(20.0, 0.01, 3.0), 9, rho=3, low=0.01).times)
    levels = VP().noise_level(karras(VP(), 5, rho=1, low=1, high=9).times)
    assert torch.allclose(levels, torch.tensor([9, 7, 5, 3, 1, 0], dtype=torch.float64))


def test_log_snr_has_one_ratio() -> None:
    for schedule in (VP(), Cosine(), Discrete.sigmoid()):
        snr = schedule.log_snr(log_snr(schedule, 8, low=0.1, high=2.0).times)
        assert torch.allclose(snr[:-1].diff(), torch.full((7,), 2 * math.log(20) / 7, dtype=torch.float64))
        assert float(snr[-1]) == math.inf
    assert float(VP().noise_level(log_snr(VP(), 8).times[-2])) == pytest.approx(0.002)


@pytest.mark.parametrize("schedule", [Cosine(), RectifiedFlow(), VE()], ids=lambda s: type(s).__name__)
@pytest.mark.parametrize("variance", [1.0, 0.01])
@pytest.mark.parametrize("steps", [2, 10, 50])
def test_one_mode_wants_equal_steps_of_its_angle(schedule: Schedule, variance: float, steps: int) -> None:
    """tan theta = n / sqrt(lambda). The ratio of the best grid is cos(theta_T / steps)^steps, which no other can exceed."""
    lam = torch.full((7,), variance, dtype=torch.float64)
    grid = spectral(schedule, steps, lam)
    theta = torch.atan(schedule.noise_level(grid.times) / math.sqrt(variance))
    assert torch.allclose(theta.diff(), -theta[0] / steps, rtol=0.05)
    best = math.cos(float(theta[0]) / steps) ** steps
    assert float(certify(DDIM(), grid, schedule, lam).ratio[0]) == pytest.approx(best, abs=2e-4)


def w2_of_ddim(levels: Tensor, lam: Tensor) -> Tensor:
    """The relative W2 of DDIM through these noise levels, by its closed form, ready for a gradient."""
    lam = lam[lam > 0]
    theta = torch.atan2(levels, lam.sqrt()[:, None])
    ratio = torch.cos(theta.diff(dim=1)).prod(1)
    return ((lam * (1 - ratio) ** 2).sum() / lam.sum()).sqrt()


@pytest.mark.parametrize("name", SPECTRA)
@pytest.mark.parametrize(("steps", "tolerance"), [(5, 0.03), (10, 0.005), (20, 0.002)])
def test_no_other_grid_is_much_better_for_ddim(name: str, steps: int, tolerance: float) -> None:
    """Against the optimum over all levels, found numerically from this grid on: within 3 % at 5 steps, 0.5 % at 10, 0.2 % at 20."""
    lam, schedule = SPECTRA[name], VE()
    levels = schedule.noise_level(spectral(schedule, steps, lam).times)

    def loss(log_levels: np.ndarray) -> tuple[float, np.ndarray]:
        free = torch.tensor(log_levels, dtype=torch.float64, requires_grad=True)
        value = w2_of_ddim(torch.cat([levels[:1], free.exp(), levels[-1:]]), lam)
        value.backward()
        assert free.grad is not None
        return float(value.detach()), free.grad.numpy()

    found = scipy.optimize.minimize(loss, levels[1:-1].log().numpy(), jac=True, method="L-BFGS-B", options={"maxiter": 500})
    mine = float(w2_of_ddim(levels, lam))
    assert certify(DDIM(), spectral(schedule, steps, lam), schedule, lam).relative_w2 == pytest.approx(mine)
    assert found.fun <= mine <= (1 + tolerance) * found.fun


@pytest.mark.parametrize("schedule", [VE(), Cosine(), RectifiedFlow()], ids=lambda s: type(s).__name__)
@pytest.mark.parametrize("sampler", [DDIM(), Heun()], ids=lambda s: type(s).__name__)
@pytest.mark.parametrize("name", SPECTRA)
def test_it_has_the_least_error_of_all_grids(name: str, sampler: Sampler, schedule: Schedule) -> None:
    lam = SPECTRA[name]
    for steps in (5, 10, 20, 50):
        others = (schedule.grid(steps), uniform(schedule, steps), karras(schedule, steps), log_snr(schedule, steps))
        best = min(certify(sampler, grid, schedule, lam).w2 for grid in others)
        assert certify(sampler, spectral(schedule, steps, lam, sampler.order), schedule, lam).w2 < best


def test_levels_scale_with_the_data() -> None:
    for order in (1, 2):
        for lam in (POWER, FEW, NARROW):
            one = VE(80.0).noise_level(spectral(VE(80.0), 12, lam, order).times)
            three = VE(240.0).noise_level(spectral(VE(240.0), 12, 9 * lam, order).times)
            assert torch.allclose(three, 3 * one, rtol=1e-8 if order == 1 else 1e-4)  # Heun's error is a difference of numbers near 1
    flow = RectifiedFlow()
    one, three = (flow.noise_level(spectral(flow, 12, c**2 * POWER).times) for c in (1, 3))
    assert torch.allclose(three, 3 * one, rtol=1e-8)


@pytest.mark.parametrize("steps", [2, 5, 50])
def test_a_method_without_error_still_gets_a_grid(steps: int) -> None:
    """White data of variance 1 on a variance-preserving schedule do not move at all under the flow, and Heun sees it: only its last
    step, which returns the denoised signal, has an error, so the grid makes that one short."""
    for schedule in (VP(), Cosine(0.0), Discrete.sigmoid()):
        grid = spectral(schedule, steps, torch.ones(3), 2)
        assert certify(Heun(), grid, schedule, torch.ones(3)).relative_w2 < 1e-4


def test_null_modes_do_not_matter_and_repeated_ones_count() -> None:
    for order in (1, 2):
        full = spectral(VP(), 9, torch.tensor([2.0, 0.5, 0.1]), order, torch.tensor([1.0, 3.0, 0.0])).times
        assert torch.allclose(spectral(VP(), 9, torch.tensor([0.5, 0.0, 2.0, 0.5, 0.5, 0.0]), order).times, full, rtol=1e-10)
        assert not torch.allclose(spectral(VP(), 9, torch.tensor([2.0, 0.5]), order).times, full, rtol=1e-3)


def test_many_eigenvalues_are_summed_up() -> None:
    """More than 64 distinct ones stand on 64 nodes: the same levels to 1 % as without that, 1000 of them over eight decades."""
    lam = torch.logspace(2, -6, 1000, dtype=torch.float64)
    found = VE().noise_level(spectral(VE(), 10, lam).times)
    nodes, weight = grids._nodes(lam, None)
    assert len(nodes) == 64
    assert float(weight.sum()) == pytest.approx(1000)
    grids_nodes, grids._NODES = grids._NODES, 1000
    try:
        full = VE().noise_level(spectral(VE(), 10, lam).times)
    finally:
        grids._NODES = grids_nodes
    assert torch.allclose(found, full, rtol=0.04)
    assert certify(DDIM(), Grid(VE().time(found)), VE(), lam).w2 < 1.001 * certify(DDIM(), Grid(VE().time(full)), VE(), lam).w2


ONE = torch.ones(3)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: uniform(VP(), 0), "steps is 0"),
        (lambda: karras(VP(), -1), "steps is -1"),
        (lambda: karras(VP(), 5, rho=0), "rho is 0"),
        (lambda: karras(VE(), 5, high=81), "high is 81, but the noise of this schedule ends at 80"),
        (lambda: karras(VE(), 5, low=2, high=1), "low is 2, but must be below high = 1"),
        (lambda: log_snr(VE(), 5, low=0), "low is 0, but must be above 0"),
        (lambda: log_snr(VE(), 2.5), "steps is 2.5"),  # type: ignore[arg-type]
        (lambda: spectral(VP(), 5, ONE, 3), "order is 3, but must be a whole number of at least 1 and at most 2"),
        (lambda: spectral(VP(), 5, 0 * ONE), "eigenvalues has no entry above 0"),
        (lambda: spectral(VP(), 5, -ONE), "eigenvalues has a negative entry -1"),
        (lambda: spectral(VP(), 5, ONE, 1, ONE[:2]), "multiplicity must hold 3 numbers"),
        (lambda: spectral(VP(), 1, -ONE), "eigenvalues has a negative entry -1"),
    ],
)
def test_bad_input(call: object, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        call()  # type: ignore[operator]
