"""The loop: where it starts, what a sample depends on, and what happens at the edges."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from kinds import (
    BATCHES,
    CASES,
    ENDS_AT_ZERO,
    EVENT,
    LAWS,
    MEAN,
    ONLY_GAUSSIAN,
    REFERENCED,
    SAMPLERS,
    SCHEDULES,
    Broken,
    colored,
    gaussian,
    mixture,
    normal,
)
from ornstein.common.errors import InputError
from ornstein.common.random import Noise
from ornstein.covariance import Diagonal
from ornstein.denoisers import Denoiser, Gaussian, Law, Posterior
from ornstein.samplers import DDIM, DDPM, Euler, Exact, Heun, Sampler, base, run, sample, start
from ornstein.schedules import VP, Cosine, Discrete, Grid, RectifiedFlow

pytestmark = pytest.mark.filterwarnings("ignore:. steps leave no:UserWarning")

SMALL = Gaussian(torch.tensor([1.0, -2.0, 0.5]), Diagonal(torch.tensor([2.0, 0.1, 0.0])))


@pytest.fixture(scope="module")
def narrow() -> tuple[Law, Tensor]:
    """A law with null modes, and what lies off its support."""
    law = LAWS["gaussian-narrow"]()
    return law, torch.linalg.eigh(law.covariance().dense()).eigenvectors[:, :3]


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("method", SAMPLERS)
def test_finite_everywhere(narrow: tuple[Law, Tensor], name: str, method: str) -> None:
    """Every sampler on every schedule, ends with zero signal included, in few steps and many; null modes end at their mean."""
    schedule, (law, off) = SCHEDULES[name], narrow
    for steps in (1, 2, 3, 5, 10, 50):
        x = sample(law, SAMPLERS[method], schedule, min(steps, schedule.steps) if isinstance(schedule, Discrete) else steps, 3, seed=1)
        assert x.shape == (3, *EVENT), steps
        assert bool(torch.isfinite(x).all()), steps
        if method not in REFERENCED:
            assert float(((x - law.mean()).flatten(1) @ off).abs().max()) < 1e-12, steps


@pytest.mark.parametrize("method", ["ddpm", "ddim", "ddim-half", "euler", "heun"])
@pytest.mark.parametrize("name", sorted(set(LAWS) | {"colored"}))
def test_every_law_with_every_sampler(name: str, method: str) -> None:
    denoiser = colored("mixture", "dense") if name == "colored" else LAWS[name]()
    x = sample(denoiser, SAMPLERS[method], Cosine(), 4, 3, seed=1)
    assert x.shape == (3, *EVENT)
    assert bool(torch.isfinite(x).all())


@pytest.mark.parametrize("name", sorted(BATCHES))
def test_a_batch_of_laws_runs_together(name: str) -> None:
    """One run for many posteriors: x (draw, case, *event); 60 steps bring each near its own mean.

    Mean of 400 draws against 6 standard errors, plus 3 % of the deviation for the discretisation.
    """
    law = BATCHES[name]()
    x = sample(law, DDIM(), Cosine(), 60, 400, seed=2)
    assert x.shape == (400, CASES, *EVENT)
    deviation = law.covariance().diagonal().expand(CASES, -1).sqrt().reshape(CASES, *EVENT)
    assert bool(((x.mean(0) - law.mean()).abs() <= (6 / 20 + 0.03) * deviation + 1e-9).all())


@pytest.mark.parametrize("method", SAMPLERS)
def test_sample_i_is_the_same_in_any_batch(method: str) -> None:
    law, sampler = (gaussian() if method in ONLY_GAUSSIAN else mixture()), SAMPLERS[method]
    schedule = VP()
    many = sample(law, sampler, schedule, 3, 1500, seed=4)
    assert torch.allclose(sample(law, sampler, schedule, 3, 1, seed=4), many[:1], atol=1e-10)
    assert torch.allclose(sample(law, sampler, schedule, 3, 64, seed=4), many[:64], atol=1e-10)
    for first in (1, 700, 1100):
        assert torch.allclose(sample(law, sampler, schedule, 3, 5, seed=4, first=first), many[first : first + 5], atol=1e-10)
    assert not torch.allclose(sample(law, sampler, schedule, 3, 64, seed=5), many[:64], atol=1e-2)
    # no two cases share their noise, across the batches of the loop either
    assert float(torch.cdist(many[:40].flatten(1), many[1000:1100].flatten(1)).min()) > 1e-6


class Units(Noise):
    """Noise 0 for the first case, and the unit vectors for the others."""

    def normal(self, cases: int, shape: tuple[int, ...], stream: int = 0) -> Tensor:
        size = math.prod(shape)
        return torch.cat([torch.zeros(1, size), torch.eye(size)]).to(torch.float64).reshape(cases, *shape)


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("t", [1.0, 0.6])
def test_runs_start_from_the_exact_law(name: str, t: float) -> None:
    """x_T ~ N(alpha mu, alpha^2 Sigma + sigma^2 I), with its mean and covariance read off from unit vectors for the noise."""
    schedule, law = SCHEDULES[name], gaussian()
    x = start(law, schedule, t, Units(), 7).flatten(1)
    alpha, sigma = float(schedule.alpha(t)), float(schedule.sigma(t))
    factor = x[1:] - x[0]
    expected = alpha**2 * law.covariance().dense() + sigma**2 * torch.eye(6, dtype=torch.float64)
    assert torch.allclose(x[0], alpha * MEAN.flatten(), atol=1e-12)
    assert torch.allclose(factor.T @ factor, expected, rtol=1e-12, atol=1e-11)


@pytest.mark.parametrize("t", [1.0, 0.6])
def test_unknown_laws_start_from_a_reference(t: float) -> None:
    """A denoiser that knows no law starts where the Gaussian with its moments would: same draws, to the bit."""
    reference = gaussian()
    assert torch.equal(start(Learned(), VP(), t, Noise(4), 6, reference), start(reference, VP(), t, Noise(4), 6))
    assert torch.equal(start(Learned(), Cosine(), 1.0, Noise(4), 6, reference), Noise(4).normal(6, EVENT))
    drawn = sample(Learned(), Heun(), VP(), [t, 0.5 * t, 0.1, 0.0], 3, seed=4, reference=reference)
    assert torch.allclose(drawn, sample(reference, Heun(), VP(), [t, 0.5 * t, 0.1, 0.0], 3, seed=4), atol=1e-4)


def test_one_step_from_the_start_of_the_schedule_or_of_a_grid() -> None:
    """At alpha_T > 0 the start carries the law: on VP the exact flow of one step has the mean of the law, not of the noise."""
    x = sample(SMALL, Exact(), Discrete.sigmoid(10), 1, 500, seed=3)
    assert float((x.mean(0) - SMALL.mean())[:2].abs().max()) < 6 * math.sqrt(2 / 500)
    grid = Grid(torch.tensor([0.5, 0.2, 0.0], dtype=torch.float64))
    for sampler in (Exact(), Exact(stochastic=True)):
        y = sample(SMALL, sampler, VP(), grid, 500, seed=3)
        variance = SMALL.covariance().diagonal()
        assert bool(((y.mean(0) - SMALL.mean()).abs() <= 6 * (variance / 500).sqrt() + 1e-12).all())
        assert bool(((y.var(0) - variance).abs() <= 6 * variance * math.sqrt(2 / 500) + 1e-12).all())  # 6 standard errors: 1e-8


@pytest.mark.parametrize("method", ["exact", "exact-stochastic", "ddpm", "ddim", "ddim-half", "euler", "heun"])
@pytest.mark.parametrize("name", ["gaussian-narrow", "gaussian-constrained"])
def test_null_modes_end_on_the_support(name: str, method: str) -> None:
    law = LAWS[name]()
    x = sample(law, SAMPLERS[method], VP(), 4, 20, seed=6)
    eigenvalues, basis = torch.linalg.eigh(law.covariance().dense())
    off = basis[:, eigenvalues < 1e-9]
    assert float(((x - law.mean()).flatten(1) @ off).abs().max()) < 1e-12
    assert bool(torch.isfinite(law.log_prob(x)).all())


@pytest.mark.parametrize("sampler", [DDPM(), DDIM(), Euler(), Heun()], ids=lambda s: type(s).__name__)
def test_nan_from_a_denoiser_is_named(sampler: Sampler) -> None:
    """The step and the noise level at which it happened; not a tensor of NaN ten steps later."""
    schedule, below = RectifiedFlow(), 1.5
    grid = schedule.grid(4)  # sigma = inf, 3, 1, 1/3
    with pytest.raises(InputError, match=r"the denoiser returned NaN or infinite values at step [23] \(sigma = [13]\)"):
        sample(Broken(below), sampler, schedule, grid, 2)
    with pytest.raises(InputError, match=r"at step 1 \(sigma = inf\)"):
        list(run(sampler, Broken(math.inf), schedule, grid, normal(2, *EVENT), Noise(0)))


class Learned(Denoiser):
    """Stands for a network: knows no law, works in float32, counts its calls."""

    event_shape = EVENT

    def __init__(self) -> None:
        self.calls: list[float] = []

    def __call__(self, x: Tensor, sigma: float | Tensor) -> Posterior:
        self.calls.append(float(sigma))
        return Posterior(gaussian()(x.float(), sigma).mean.to(x.dtype))


@pytest.mark.parametrize(("sampler", "calls"), [(Euler(), 5), (DDIM(), 5), (DDPM(), 5), (Heun(), 9)], ids=lambda v: str(v))
def test_denoiser_calls(sampler: Sampler, calls: int) -> None:
    """One a step; Heun two, but for the last. Levels fall, and each is sigma_t / alpha_t of the grid."""
    denoiser = Learned()
    x = sample(denoiser, sampler, Cosine(), 5, 2)
    assert len(denoiser.calls) == calls
    levels = Cosine().noise_level(Cosine().grid(5).times)
    assert denoiser.calls[0] == math.inf
    assert all(a >= b for a, b in zip(denoiser.calls, denoiser.calls[1:], strict=False))
    assert torch.allclose(torch.tensor(sorted(set(denoiser.calls))), levels[:-1].flip(0).float())
    assert bool(torch.isfinite(x).all())


@pytest.mark.parametrize("name", sorted(ENDS_AT_ZERO))
def test_unknown_laws_start_from_noise(name: str) -> None:
    schedule = SCHEDULES[name]
    x = start(Learned(), schedule, 1.0, Noise(3), 5)
    assert torch.allclose(x, float(schedule.sigma(1.0)) * Noise(3).normal(5, EVENT))


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: sample(SMALL, DDIM(), VP(), 0, 1), "steps is 0, but must be a whole number of at least 1"),
        (lambda: sample(SMALL, DDIM(), VP(), -1, 1), "steps is -1"),
        (lambda: sample(SMALL, DDIM(), VP(), "ten", 1), "steps is 'ten'"),  # type: ignore[arg-type]
        (lambda: sample(SMALL, DDIM(), VP(), 5, 0), "cases is 0, but must be"),
        (lambda: sample(SMALL, DDIM(), Discrete.sigmoid(10), 11, 1), "steps is 11, .* at most 10"),
        (lambda: sample(mixture(), Exact(), VP(), 2, 1), "needs a Gaussian law .* but the denoiser is Mixture: use DDIM or Heun"),
    ],
)
def test_bad_input(call: object, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        call()  # type: ignore[operator]


def test_a_run_on_a_cpu_keeps_the_memory_of_its_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(base, "keep_freed", lambda: asked.append("kept"))
    law = Gaussian(torch.zeros(4, dtype=torch.float64), Diagonal(torch.ones(4, dtype=torch.float64)))
    sample(law, DDIM(), VP(), 3, 2)
    assert asked
