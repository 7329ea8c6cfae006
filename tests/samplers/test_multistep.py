"""Every multistep method: its order with an exact history and without, both directions, and the edges."""

from __future__ import annotations

import math

import pytest
import scipy.integrate
import torch
from seeded import (
    BOTH,
    CENTRE,
    MODES,
    POWERS,
    SPECTRA,
    THREE,
    Seeded,
    Silent,
    few_steps,
    map_error,
    map_of,
    slope_of,
    uniform_noise,
    window,
)
from steps import LAW, MEAN, SIZE
from torch import Tensor

from kinds import SCHEDULES
from ornstein.common.errors import InputError
from ornstein.common.random import Noise
from ornstein.covariance import Diagonal
from ornstein.denoisers import Denoiser, Gaussian, Mixture, Posterior
from ornstein.samplers import DDIM, Heun, Sampler, encode, run, sample
from ornstein.samplers.adams_bashforth import AdamsBashforth
from ornstein.samplers.deis import DEIS
from ornstein.samplers.dpm_solver import DPMSolver
from ornstein.samplers.dpm_solver_sde import DPMSolverSDE
from ornstein.samplers.multistep import exponential_moments, weights
from ornstein.samplers.unipc import UniPC
from ornstein.schedules import VP, Cosine, Discrete, Grid, RectifiedFlow

LONGEST: dict[str, Sampler] = {
    "ab-4": AdamsBashforth(4),
    **{f"deis-4-{v}": DEIS(4, v) for v in ("t", "noise", "log-noise")},
    "dpm-3": DPMSolver(3),
    **{f"unipc-3-{v}": UniPC(3, v) for v in ("bh1", "bh2")},
    "dpm-sde-3": DPMSolverSDE(3),
    "dpm-sde-3-half": DPMSolverSDE(3, 0.5, "exact"),
}


@pytest.mark.parametrize("schedule", THREE)
@pytest.mark.parametrize("method", POWERS)
def test_order_with_an_exact_history(method: str, schedule: str) -> None:
    """The slope of log error against log steps, and the exact flow in the limit: extrapolating two runs removes what is left."""
    (sampler, power), plan = POWERS[method], THREE[schedule]
    n = 40 if power < 4 else 80
    errors = [map_error(Seeded(sampler), plan, window(plan, m)) for m in (n, 2 * n)]
    for spectrum in SPECTRA.values():
        coarse, fine = (e[:, spectrum] for e in errors)
        assert abs(slope_of(coarse, fine) - power) < 0.2
        limit = (2**power * fine - coarse) / (2**power - 1)
        assert float(limit.abs().max()) < 0.2 * float(fine.abs().max())


@pytest.mark.parametrize("order", [3, 4])
@pytest.mark.parametrize("schedule", THREE)
def test_constant_weights_need_equal_steps_of_noise(order: int, schedule: str) -> None:
    """Adams-Bashforth has its order on a grid uniform in sigma / alpha, and power 2 elsewhere (in POWERS)."""
    plan, n = THREE[schedule], 60 * (order - 2)
    coarse, fine = (map_error(Seeded(AdamsBashforth(order)), plan, uniform_noise(plan, m))[:, SPECTRA["narrow"]] for m in (n, 2 * n))
    assert abs(slope_of(coarse, fine) - order) < 0.2


@pytest.mark.parametrize(("sampler", "power"), [(DEIS(4), 2), (DEIS(4, "t"), 2), (DPMSolver(3, "exact"), 2), (UniPC(3), 3)], ids=str)
def test_a_run_on_its_own_is_capped_by_its_first_step(sampler: Sampler, power: int) -> None:
    """Power 2 for the error of one step of order 1, 3 where that step is corrected; and a start with short steps removes the cap."""
    plan = RectifiedFlow()
    coarse, fine = (map_error(sampler, plan, window(plan, m)) for m in (80, 160))
    assert abs(slope_of(coarse, fine) - power) < 0.2
    times = window(plan, 160).times
    begin = times[0] + (times[1] - times[0]) * 2.0 ** torch.arange(-14, 0, dtype=torch.float64)
    refined = Grid(torch.cat([times[:1], begin, times[1:]]))
    assert float(map_error(sampler, plan, refined).abs().max()) < 0.12 * float(fine.abs().max())


@pytest.mark.parametrize("method", POWERS)
def test_there_and_back(method: str) -> None:
    """From data to noise and back: the error of both directions falls with the power of the method and of its warm-up."""
    sampler, power = POWERS[method]
    plan, power = Cosine(), min(power, 3 if "unipc" in method else 2)

    def error(steps: int) -> Tensor:
        grid = window(plan, steps)
        data = torch.tensor([[0.0], [1.0]], dtype=torch.float64).expand(2, len(MODES))
        *_, last = run(sampler, BOTH, plan, grid, encode(BOTH, data, sampler, plan, grid), Noise())
        return last.x / plan.alpha(grid.times[-1]) - data

    coarse, fine = error(40), error(80)
    assert abs(slope_of(coarse, fine) - power) < 0.25
    assert float(fine.abs().max()) < (0.05 if power == 1 else 1e-3)


@pytest.mark.parametrize(
    "method", ["ab-4", "deis-4-t", "deis-4-noise", "deis-4-log-noise", "dpm-2", "dpm-3-exact", "unipc-2-bh2", "unipc-3-bh1"]
)
def test_paths_on_a_mixture(method: str) -> None:
    """Where the flow is not linear: against extrapolated runs of Heun from the same points."""
    sampler, plan = POWERS[method][0], RectifiedFlow()
    x, reference = _mixture_paths()
    coarse, fine = (list(run(sampler, MIXTURE, plan, window(plan, n, 6.0, 0.2), x, Noise()))[-1].x - reference for n in (40, 80))
    assert slope_of(coarse, fine) > 1.5
    assert float(fine.abs().max()) < 4e-3


MIXTURE = Mixture(
    torch.tensor([0.4, 0.6]),
    [
        Gaussian(torch.tensor([-1.0, 0.5]), Diagonal(torch.tensor([0.3, 0.1]))),
        Gaussian(torch.tensor([1.5, 0.0]), Diagonal(torch.tensor([0.2, 0.4]))),
    ],
)
_PATHS: list[Tensor] = []


def _mixture_paths() -> tuple[Tensor, Tensor]:
    """Starts at sigma / alpha = 6 and their ends at 0.2, computed once."""
    if not _PATHS:
        plan = RectifiedFlow()
        x = Noise(7).normal(12, (2,)) * 6 / 7
        short, long = (list(run(Heun(), MIXTURE, plan, window(plan, n, 6.0, 0.2), x, Noise()))[-1].x for n in (120, 240))
        _PATHS.extend([x, (4 * long - short) / 3])
    return _PATHS[0], _PATHS[1]


SMALL = Gaussian(torch.tensor([1.0, -2.0, 0.5]), Diagonal(torch.tensor([2.0, 0.1, 0.0])))


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("method", LONGEST)
def test_finite_everywhere(method: str, name: str) -> None:
    """In few steps and many, from zero signal and to it; and the mode without variance ends at its mean."""
    sampler, schedule = LONGEST[method], SCHEDULES[name]
    for steps in (1, 2, 3, 5, 10, 50):
        grid = schedule.grid(min(steps, schedule.steps) if isinstance(schedule, Discrete) else steps)
        with few_steps():
            noise = float(schedule.sigma(1.0)) * Noise(2).normal(2, (3,))
            x = list(run(sampler, SMALL, schedule, grid, noise, Silent(2, 3)))[-1].x
            assert bool(torch.isfinite(x).all())
            assert torch.allclose(x[:, 2], torch.full((2,), 0.5, dtype=torch.float64), atol=1e-12)
            if sampler.deterministic:
                assert bool(torch.isfinite(encode(SMALL, x, sampler, schedule, grid)).all())


@pytest.mark.parametrize("sampler", LONGEST.values(), ids=LONGEST)
def test_from_pure_noise_the_first_step_is_of_order_one(sampler: Sampler) -> None:
    """log (alpha / sigma) is -inf there, and no polynomial reaches it; nor does the history of a later step go back to it."""
    plan, silent = RectifiedFlow(), Silent(2, len(MODES))
    grid = plan.grid(6)
    x = torch.tensor([[0.0], [1.0]], dtype=torch.float64).expand(2, len(MODES))
    states = [s.x for s in run(sampler, BOTH, plan, grid, x, silent)]
    kept = 0.0 if isinstance(sampler, DPMSolverSDE) and sampler.eta else 1.0
    t = float(grid.times[1])
    assert torch.allclose(states[1], (1 - t) * CENTRE + kept * t * x, atol=1e-14)
    *_, later = run(sampler, BOTH, plan, Grid(grid.times[1:]), states[1], silent)
    assert torch.allclose(states[-1], later.x, atol=1e-12)


@pytest.mark.parametrize("sampler", [*LONGEST.values(), UniPC(1)], ids=[*LONGEST, "unipc-1"])
def test_one_call_a_step_and_the_last_returns_it(sampler: Sampler) -> None:
    """The step to sigma = 0 returns the denoised signal of the point before it, whatever the method knows of earlier steps."""
    seen: list[tuple[Tensor, float, Tensor]] = []

    class Listen(Denoiser):
        event_shape = (SIZE,)

        def __call__(self, x: Tensor, sigma: float | Tensor) -> Posterior:
            mean = LAW(x, sigma).mean
            seen.append((x, float(sigma), mean))
            return Posterior(mean)

    plan = VP()
    grid = plan.grid(7)
    states = list(run(sampler, Listen(), plan, grid, Noise(4).normal(2, (SIZE,)), Silent(2, SIZE)))
    assert len(seen) == sampler.calls(7) == 7
    assert torch.equal(states[-1].x, plan.alpha(0.0) * seen[-1][2])
    for state, (x, sigma, _) in zip(states, seen, strict=False):
        assert torch.allclose(x, state.x / plan.alpha(state.t), atol=1e-14)
        assert math.isclose(sigma, float(plan.noise_level(state.t)), rel_tol=1e-12)


@pytest.mark.parametrize("sampler", LONGEST.values(), ids=LONGEST)
def test_cases_keep_to_themselves_and_to_their_type(sampler: Sampler) -> None:
    x = Noise(3).normal(5, (2,))
    plan = VP()
    together = list(run(sampler, MIXTURE, plan, plan.grid(6), x, Noise(1)))[-1].x
    for i in (0, 3):
        alone = list(run(sampler, MIXTURE, plan, plan.grid(6), x[i : i + 1], Noise(1, i)))[-1].x
        assert torch.allclose(alone, together[i : i + 1], rtol=0, atol=1e-12)
    single = list(run(sampler, MIXTURE, plan, plan.grid(6), x.float(), Noise(1)))[-1].x
    assert single.dtype == torch.float32
    assert torch.allclose(single.double(), together, atol=2e-4)


@pytest.mark.parametrize(
    ("sampler", "enough"), [(AdamsBashforth(4), 4), (DEIS(3), 3), (DPMSolver(3), 3), (DPMSolverSDE(2), 2), (UniPC(3), 4)]
)
def test_a_lower_order_is_said(sampler: Sampler, enough: int) -> None:
    with pytest.warns(UserWarning, match=f"{enough - 1} steps leave no {enough - 1} to look back to"):
        sample(SMALL, sampler, VP(), enough - 1, 1)
    sample(SMALL, sampler, VP(), enough, 1)


def test_the_first_order_is_ddim() -> None:
    """Without history each deterministic method takes a DDIM step."""
    for plan in THREE.values():
        expected = map_of(DDIM(), plan, window(plan, 1))
        for sampler, _ in POWERS.values():
            with few_steps():
                assert torch.allclose(map_of(sampler, plan, window(plan, 1)), expected, atol=1e-14)


@pytest.mark.parametrize("h", [1e-9, -1e-6, 1e-3, 0.3, -0.99, 0.999999, 1.0, -1.7, 4.0, 12.0, -8.0])
def test_moments_are_integrals(h: float) -> None:
    """Against adaptive quadrature, on both sides of the change from series to recursion."""
    for k, moment in enumerate(exponential_moments(h, 5)):
        expected, _ = scipy.integrate.quad(lambda s, k=k: math.exp(-h * (1 - s)) * s**k, 0, 1, epsabs=0, epsrel=1e-13)
        assert math.isclose(moment, h * expected, rel_tol=1e-12)


def test_weights_integrate_polynomials() -> None:
    """Through 0 and K places, exactly up to degree K, at places on either side."""
    places, moments = [1.0, -0.7, -2.5], [0.3, 0.2, 0.7]
    for count in (1, 2, 3):
        got = weights(places[:count], moments)
        for power in range(1, count + 1):
            assert math.isclose(sum(w * s**power for w, s in zip(got, places, strict=False)), moments[power - 1], rel_tol=1e-12)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: AdamsBashforth(5), "order is 5, but must be a whole number of at least 1 and at most 4"),
        (lambda: AdamsBashforth(0), "order is 0"),
        (lambda: DEIS(2.5), "order is 2.5, but must be a whole number"),  # type: ignore[arg-type]
        (lambda: DEIS(3, "rho"), "variable is 'rho', but must be one of log-noise, noise, t"),
        (lambda: DPMSolver(1), "order is 1, but must be a whole number of at least 2 and at most 3"),
        (lambda: DPMSolver(2, "midpoint"), "integral is 'midpoint', but must be one of exact, published"),
        (lambda: DPMSolverSDE(4), "order is 4"),
        (lambda: DPMSolverSDE(2, -1.0), "eta is -1, but must be at least 0"),
        (lambda: DPMSolverSDE(2, math.nan), "eta is nan, but must be finite"),
        (lambda: UniPC(4), "order is 4, but must be a whole number of at least 1 and at most 3"),
        (lambda: UniPC(2, "bh3"), "variant is 'bh3', but must be one of bh1, bh2; did you mean"),
        (lambda: encode(SMALL, MEAN[None, :3], DPMSolverSDE(2), VP(), 4), "only a deterministic one can run from data to noise"),
    ],
)
def test_bad_input(call: object, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        call()  # type: ignore[operator]
