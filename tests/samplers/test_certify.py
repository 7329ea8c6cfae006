"""The certificate against dense algebra, closed forms and the exact sampler; and what it refuses."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import ClassVar

import pytest
import torch
from steps import LAW, MEAN, SIZE, SPECTRUM, STRUCTURES, exact_law, implicit, laws_along
from torch import Tensor

from kinds import REFERENCED, SAMPLERS, SCHEDULES, normal
from ornstein.common.errors import InputError
from ornstein.covariance import Dense, Diagonal, LowRank, Spectral
from ornstein.denoisers import Gaussian
from ornstein.samplers import DDIM, DDPM, Context, Euler, Exact, Heun, Level, Sampler, levels, sample
from ornstein.samplers.certify import Certificate, certify
from ornstein.schedules import VE, VP, Cosine, Discrete, Grid, RectifiedFlow, Schedule
from truth import gaussian_w2, orthogonal, spectrum_covariance

AFFINE = sorted(set(SAMPLERS) - REFERENCED - {"adaptive"})
"""Samplers with fixed steps and no Gaussian of another event shape; those have tests of their own below."""


def steps_of(schedule: Schedule, steps: int) -> int:
    return min(steps, schedule.steps) if isinstance(schedule, Discrete) else steps


def same(a: Certificate, b: Certificate, atol: float = 1e-10) -> bool:
    """Whether both say the same of each mode, in whatever order the modes stand."""
    one, two = a.truth.argsort(stable=True), b.truth.argsort(stable=True)
    pairs = ((a.variance[one], b.variance[two]), (a.truth[one], b.truth[two]))
    return all(torch.allclose(x, y, rtol=1e-9, atol=atol) for x, y in pairs) and abs(a.mean_error - b.mean_error) < atol


@pytest.mark.filterwarnings("ignore:. steps leave no:UserWarning")
@pytest.mark.parametrize("method", AFFINE)
def test_it_is_the_law_that_dense_algebra_finds(method: str) -> None:
    """Mean and covariance at the end, from d x d maps of the start and of every array of noise, in signal coordinates."""
    sampler, operator = SAMPLERS[method], LAW.operator
    assert isinstance(operator, Dense)
    truth = operator.dense()
    for name, schedule in SCHEDULES.items():
        grid = schedule.grid(steps_of(schedule, 6))
        _, mean, cov = laws_along(sampler, LAW, schedule, grid)[-1]
        found = certify(sampler, grid, schedule, operator, LAW.mean())
        scale = float(schedule.sigma(1.0)) ** 2
        assert torch.allclose(operator.replace(found.variance).dense(), cov, rtol=0, atol=1e-11 * (1 + scale)), name
        assert torch.allclose(operator.unrotate(found.bias), mean - MEAN, rtol=0, atol=1e-11 * (1 + scale)), name
        assert found.mean_error == pytest.approx(float((mean - MEAN).norm()), abs=1e-11 * (1 + scale)), name
        assert found.covariance_error == pytest.approx(float((cov - truth).norm() / truth.norm()), abs=1e-10 * (1 + scale)), name
        assert found.w2 == pytest.approx(gaussian_w2(mean, cov, MEAN, truth), rel=1e-5, abs=1e-6), name
        assert found.relative_w2 == pytest.approx(found.w2 / math.sqrt(sum(SPECTRUM))), name


@pytest.mark.parametrize("structure", STRUCTURES)
@pytest.mark.parametrize("stochastic", [False, True])
@pytest.mark.parametrize("steps", [1, 4])
def test_the_exact_sampler_has_no_error(structure: str, stochastic: bool, steps: int) -> None:
    """For every structure, rank-deficient ones included, in one step or more, from zero and full terminal noise."""
    for schedule in (VP(), Cosine(), VE()):
        found = certify(Exact(stochastic), steps, schedule, STRUCTURES[structure], MEAN)
        assert (found.w2, found.mean_error, found.covariance_error) == pytest.approx((0, 0, 0), abs=1e-10)
        assert torch.allclose(found.ratio, torch.ones_like(found.ratio), atol=1e-10)
        assert found.calls == 0


@pytest.mark.parametrize("schedule", [Cosine(), VP(), VE(), RectifiedFlow()], ids=lambda s: type(s).__name__)
def test_ddim_shrinks_each_mode_by_the_cosines_of_its_angles(schedule: Schedule) -> None:
    """tan theta = n / sqrt(lambda); a step is the exact one times cos(theta_n - theta_s), that to sigma = 0 included."""
    lam = torch.tensor(SPECTRUM, dtype=torch.float64)
    found = certify(DDIM(), 7, schedule, lam)
    angles = torch.stack([torch.atan(schedule.noise_level(schedule.grid(7).times) / math.sqrt(v)) for v in SPECTRUM])
    ratio = torch.cos(angles.diff(dim=1)).prod(1)
    assert torch.allclose(found.ratio, ratio, atol=1e-12)
    assert found.w2 == pytest.approx(float((lam * (1 - ratio) ** 2).sum().sqrt()))
    assert found.worst(2).tolist() == (lam * (1 - ratio) ** 2).argsort(descending=True)[:2].tolist()


def test_one_step_from_pure_noise_is_a_point() -> None:
    """It returns E[x_0]: no spread at all, the right mean, and W2 = sqrt(tr Sigma)."""
    for sampler in (DDIM(), DDPM(), Euler(), Heun()):
        found = certify(sampler, 1, RectifiedFlow(), LAW.operator, MEAN)
        assert (found.relative_w2, found.covariance_error, found.mean_error) == pytest.approx((1, 1, 0))
        assert float(found.ratio.max()) == 0


def test_ancestral_steps_lose_what_is_left_of_the_noise() -> None:
    """DDPM by the recursion v' = slope^2 v + c^2 in the letters of Ho et al. (2020), eq. 7."""
    chain = Discrete.sigmoid(20)
    lam = torch.tensor(SPECTRUM, dtype=torch.float64)
    visited = levels(chain, chain.grid(5))
    v = visited[0].alpha ** 2 * lam + visited[0].sigma ** 2
    for now, then in pairwise(visited):
        abar, abar_s = now.alpha**2, then.alpha**2
        beta = 1 - abar / abar_s
        clean = math.sqrt(abar) * lam / (abar * lam + 1 - abar)
        slope = math.sqrt(abar_s) * beta / (1 - abar) * clean + math.sqrt(1 - beta) * (1 - abar_s) / (1 - abar)
        v = slope**2 * v + (1 - abar_s) / (1 - abar) * beta
    assert torch.allclose(certify(DDPM(), 5, chain, lam).variance, v, atol=1e-12)


def test_the_covariance_may_be_an_operator_a_matrix_or_its_eigenvalues() -> None:
    matrix = spectrum_covariance(SPECTRUM, 3)
    all_three = [certify(Heun(), 5, VP(), given) for given in (Dense(matrix), matrix, torch.tensor(SPECTRUM, dtype=torch.float64))]
    assert same(all_three[0], all_three[1])
    assert same(all_three[0], all_three[2])
    products = implicit().operator
    assert same(certify(Heun(), 5, VP(), products), certify(Heun(), 5, VP(), products.dense()))


def test_a_shared_floor_counts_as_often_as_it_occurs() -> None:
    """Low rank and a floor: k > d coordinates, the floor in d - r directions. Its dense twin says the same."""
    thin = LowRank(orthogonal(6, 5)[:, :2], torch.tensor([4.0, 1.0]), 0.05)
    mean = normal(6, seed=3)
    for sampler in (Euler(), DDPM()):
        a, b = certify(sampler, 5, VP(), thin, mean), certify(sampler, 5, VP(), thin.dense(), mean)
        assert (a.w2, a.covariance_error, a.mean_error) == pytest.approx((b.w2, b.covariance_error, b.mean_error))
    assert float(a.multiplicity.sum()) == pytest.approx(6)


def test_a_grid_may_start_late_and_stop_early() -> None:
    """The exact law at its first time goes in, and what comes out is compared with the law at its last."""
    grid = Grid(torch.tensor([0.8, 0.5, 0.3], dtype=torch.float64))
    assert certify(Exact(), grid, VP(), LAW.operator, MEAN).w2 < 1e-12
    last = levels(VP(), grid)[-1]
    found = certify(DDIM(), [0.8, 0.5, 0.3], VP(), LAW.operator, MEAN)
    at, mean, cov = laws_along(DDIM(), LAW, VP(), grid)[-1]
    assert at == last
    assert found.w2 == pytest.approx(gaussian_w2(mean, cov, *exact_law(LAW, VP(), last)), rel=1e-5)
    assert found.w2 > 0.01


def test_the_calls_are_those_that_were_made() -> None:
    assert [certify(s, 5, Cosine(), LAW.operator).calls for s in (DDIM(), Heun(), DDPM(), Exact())] == [5, 9, 5, 0]


@dataclass(frozen=True)
class Twice(Sampler):
    """Leaves x alone, and adds the path of a whole step less that of its two halves, which is nothing."""

    def step(self, context: Context, x: Tensor, now: Level, then: Level) -> Tensor:
        if then.sigma == 0:
            return then.alpha * context.clean(x, now)
        middle = context.at((now.t + then.t) / 2)
        clock = {level: (level.alpha / level.sigma) ** 2 for level in (now, middle, then)}
        parts = [math.sqrt(clock[b] - clock[a]) * context.increment(a, b) for a, b in ((now, then), (now, middle), (middle, then))]
        return x + parts[0] - parts[1] - parts[2] + 0.1 * context.fresh() - 0.1 * context.fresh()


def test_overlapping_increments_are_one_path() -> None:
    """Were the whole and its halves independent, the samples would spread more than without noise."""
    schedule = VE(sigma_max=5.0)
    loud = certify(Twice(), Grid(torch.tensor([1.0, 0.6, 0.2, 0.0])), schedule, LAW.operator)
    last = levels(schedule, Grid(torch.tensor([0.2, 0.0])))[0]
    gain = loud.eigenvalues / (loud.eigenvalues + last.sigma**2)
    assert torch.allclose(loud.variance, gain**2 * (loud.eigenvalues + 25), rtol=1e-10)


@dataclass(frozen=True)
class Bent(DDIM):
    """DDIM, with entries that are not affine in x."""

    def step(self, context: Context, x: Tensor, now: Level, then: Level) -> Tensor:
        return super().step(context, x + 0.01 * x**2, now, then)


@dataclass(frozen=True)
class Mixed(DDIM):
    """DDIM, with a rotation that mixes neighbouring modes: affine, but not mode by mode."""

    def step(self, context: Context, x: Tensor, now: Level, then: Level) -> Tensor:
        return super().step(context, 0.9 * x + 0.1 * x.roll(1, -1), now, then)


@dataclass(frozen=True)
class Scaled(DDIM):
    """DDIM, with a size that depends on the norm of the case, so that a start and its multiples agree, but not sums."""

    def step(self, context: Context, x: Tensor, now: Level, then: Level) -> Tensor:
        share = x.abs().amax(-1, keepdim=True) / x.norm(dim=-1, keepdim=True).clamp_min(1e-30)
        return super().step(context, x * (1 + 0.01 * share), now, then)


@dataclass(frozen=True)
class Own(DDIM):
    """DDIM, with a noise level of its own for every case."""

    def step(self, context: Context, x: Tensor, now: Level, then: Level) -> Tensor:
        clean = context.denoiser(x / now.alpha, torch.full((len(x),), now.noise)).mean
        return then.alpha * clean + (then.sigma / now.sigma) * (x - now.alpha * clean)


@pytest.mark.parametrize("sampler", [Bent(), Mixed(), Scaled(), Own()], ids=lambda s: type(s).__name__)
def test_what_is_not_affine_in_each_mode_is_refused(sampler: Sampler) -> None:
    with pytest.raises(
        InputError, match=rf"sampler is {type(sampler).__name__}.*, whose result is not an affine function of each eigenmode"
    ):
        certify(sampler, 5, VP(), LAW.operator)


@dataclass(frozen=True)
class Referred(Sampler):
    """DDIM with the denoiser of a reference that it holds in signal coordinates, and exact noise of that reference's posterior."""

    reference: Gaussian
    bound: ClassVar[bool] = True

    def step(self, context: Context, x: Tensor, now: Level, then: Level) -> Tensor:
        clean = self.reference(x / now.alpha, now.noise).mean
        moved = then.alpha * clean + (then.sigma / now.sigma) * (x - now.alpha * clean)
        spread = self.reference.covariance().posterior(now.noise)
        assert isinstance(spread, Spectral)
        return moved + 0.1 * spread.color(context.increment(now, then).flatten(1)).reshape(x.shape)


@dataclass(frozen=True)
class Known(Sampler):
    """The same with the denoiser of the run."""

    def step(self, context: Context, x: Tensor, now: Level, then: Level) -> Tensor:
        assert isinstance(context.denoiser, Gaussian)
        return Referred(context.denoiser).step(context, x, now, then)


@pytest.mark.parametrize("structure", ["dense", "low-rank", "stationary", "dense of rank 2", "low-rank without a floor"])
def test_a_reference_in_signal_coordinates(structure: str) -> None:
    """Signals of shape (2, 2) there, coordinates of the eigenbasis here: the same law."""
    basis, mean = STRUCTURES[structure], MEAN.reshape(2, 2)
    a = certify(Referred(Gaussian(mean, basis)), 5, VP(), basis, mean)
    b = certify(Known(), 5, VP(), Dense(basis.dense()), mean)
    assert same(a, b)
    other = Gaussian(mean, Dense(spectrum_covariance(SPECTRUM, 9)))
    with pytest.raises(InputError, match="with a reference in the eigenbasis of the covariance"):
        certify(Referred(other), 5, VP(), basis, mean)


def test_null_modes() -> None:
    """Where the truth has no spread, samples without any are right, and any others infinitely wrong."""
    found = certify(DDIM(), 5, VP(), torch.tensor([1.0, 0.0]))
    assert (float(found.ratio[1]), float(found.variance[1])) == (1, 0)
    noisy = replace(found, variance=torch.tensor([1.0, 0.5], dtype=torch.float64))
    assert math.isinf(float(noisy.ratio[1]))
    point = certify(DDIM(), 5, VP(), torch.zeros(SIZE))
    assert (point.w2, point.relative_w2, point.covariance_error) == (0, 0, 0)
    assert replace(point, variance=torch.ones(SIZE, dtype=torch.float64)).relative_w2 == math.inf


def test_bad_input() -> None:
    per_case = STRUCTURES["dense"].scaled(torch.ones(3), 0.0)
    cases = [
        (lambda: certify(DDIM(), 0, VP(), torch.ones(2)), "steps is 0"),
        (lambda: certify(DDIM(), 5, VP(), torch.ones(2, 3)), "must be square"),
        (lambda: certify(DDIM(), 5, VP(), torch.tensor([1.0, -1.0])), "negative entry"),
        (lambda: certify(DDIM(), 5, VP(), torch.ones(1, 1, 1)), "covariance has 3 axes"),
        (lambda: certify(DDIM(), 5, VP(), torch.ones(4), torch.ones(3)), "mean has shape .3,., but the covariance is of signals with 4"),
        (lambda: certify(DDIM(), 5, VP(), per_case), "covariance holds .3,. matrices"),
        (lambda: certify(DDIM(), 5, VP(), torch.ones(4)).worst(0), "count is 0"),
    ]
    for call, sentence in cases:
        with pytest.raises(InputError, match=sentence):
            call()


def test_samples_have_the_law_that_is_certified() -> None:
    """Not the certificate but the sampler: 1000 draws of DDPM with 5 steps; a false alarm at 5 standard errors in 4 modes, 2e-6."""
    found = certify(DDPM(), 5, VP(), torch.tensor(SPECTRUM))
    x = sample(Gaussian(torch.zeros(SIZE), Diagonal(torch.tensor(SPECTRUM))), DDPM(), VP(), 5, 1000, seed=1)
    assert bool(((x.var(0) - found.variance).abs() <= 5 * found.variance * math.sqrt(2 / 1000)).all())
