"""Ancestral sampling with posterior draws: by exact recursion on Gaussian laws, by quadrature on mixtures."""

from __future__ import annotations

import math
from collections import deque
from itertools import pairwise

import numpy as np
import pytest
import scipy.stats
import torch
from steps import LAW, MEAN, SIZE, STRUCTURES, exact_law, implicit, laws_along, maps_along, step
from torch import Tensor

from kinds import BATCHES, CASES, ENDS_AT_ZERO, EVENT, SCHEDULES, normal
from ornstein.common.errors import InputError
from ornstein.covariance import Autoregressive, Dense, Diagonal
from ornstein.denoisers import Colored, Denoiser, Gaussian, Mixture, Posterior
from ornstein.process import Process
from ornstein.samplers import DDPM, Context, Exact, Level, Sampler, levels, sample
from ornstein.samplers.ancestral import Ancestral
from ornstein.schedules import VE, VP, Cosine, Discrete, RectifiedFlow, Schedule
from truth import spectrum_covariance

COLORS = Dense(spectrum_covariance((2.0, 1.0, 0.7, 0.4), 11))


def steps_of(schedule: Schedule, steps: int) -> int:
    return min(steps, schedule.steps) if isinstance(schedule, Discrete) else steps


def kinds(law: Gaussian) -> list[Ancestral]:
    return [Ancestral(), Ancestral("gaussian", reference=law), Ancestral("lanczos", iterations=SIZE)]


class Hidden(Denoiser):
    """Only the mean of a law: what a perfect network would be."""

    def __init__(self, law: Denoiser) -> None:
        self.law, self.event_shape = law, law.event_shape

    def __call__(self, x: Tensor, sigma: float | Tensor) -> Posterior:
        return Posterior(self.law(x, sigma).mean)


class Fixed:
    """A source that returns the given arrays: one for the path, others by number."""

    def __init__(self, increment: Tensor, fresh: list[Tensor]) -> None:
        self.path, self.others = increment, fresh

    def increment(self, now: Level, then: Level) -> Tensor:
        return self.path

    def fresh(self, step: int, use: int) -> Tensor:
        return self.others[use]


def one_step(
    sampler: Sampler,
    denoiser: Denoiser,
    schedule: Schedule,
    now: Level,
    then: Level,
    x: Tensor,
    z: Tensor,
    fresh: list[Tensor] | None = None,
) -> Tensor:
    context = Context(denoiser, Process(schedule), (now, then), 1, Fixed(z, fresh or []), deque())
    return sampler.step(context, x, now, then)


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize(("structure", "steps"), [("dense", 1), ("dense of rank 2", 1), *((structure, 5) for structure in STRUCTURES)])
def test_no_error_on_a_gaussian(name: str, structure: str, steps: int) -> None:
    """In one step and in five, at every time on the way, for every structure: the exact mean and covariance, without Monte Carlo."""
    law, schedule = Gaussian(MEAN, STRUCTURES[structure]), SCHEDULES[name]
    for sampler in kinds(law):
        for at, mean, cov in laws_along(sampler, law, schedule, schedule.grid(steps_of(schedule, steps))):
            expected_mean, expected = exact_law(law, schedule, at)
            scale = 1 + at.sigma**2
            assert torch.allclose(mean, expected_mean, rtol=0, atol=1e-10 * scale)
            assert torch.allclose(cov, expected, rtol=0, atol=1e-10 * scale)


@pytest.mark.parametrize("name", SCHEDULES)
def test_no_error_without_a_basis(name: str) -> None:
    """Covariances that exist only through products, or through a band: the noise of x_0 and that of the bridge are apart."""
    weights = torch.tensor([[0.0, 0.0], [-0.5, 0.0], [-0.6, 0.2], [-0.3, -0.1]], dtype=torch.float64)
    band = Gaussian(MEAN, Autoregressive(weights, torch.tensor([1.0, 0.5, 2.0, 0.3])))
    schedule = SCHEDULES[name]
    for law in (implicit(), band):
        for sampler in kinds(law):
            for at, mean, cov in laws_along(sampler, law, schedule, schedule.grid(steps_of(schedule, 3))):
                expected_mean, expected = exact_law(law, schedule, at)
                scale = 1 + at.sigma**2
                assert torch.allclose(mean, expected_mean, rtol=0, atol=1e-10 * scale)
                assert torch.allclose(cov, expected, rtol=0, atol=1e-10 * scale)


@pytest.mark.parametrize("name", SCHEDULES)
def test_no_error_with_correlated_noise(name: str) -> None:
    """x_t = alpha x_0 + sigma L z of a Gaussian: alpha mu and alpha^2 Sigma + sigma^2 N, whichever way x_0 is drawn."""
    schedule, denoiser = SCHEDULES[name], Colored.of(LAW, COLORS)
    visited = levels(schedule, schedule.grid(steps_of(schedule, 3)))

    def law_at(at: Level) -> Tensor:
        return at.alpha**2 * LAW.covariance().dense() + at.sigma**2 * COLORS.dense()

    for sampler in (Ancestral(), Ancestral("gaussian", reference=denoiser), Ancestral("lanczos", iterations=SIZE)):
        maps = maps_along(sampler, denoiser, schedule, schedule.grid(len(visited) - 1))  # type: ignore[arg-type]  # any denoiser runs
        for at, m in zip(visited, maps, strict=True):
            cov = m.slope @ law_at(visited[0]) @ m.slope.T + m.spread
            mean = m.slope @ (visited[0].alpha * MEAN) + m.shift
            assert torch.allclose(mean, at.alpha * MEAN, rtol=0, atol=1e-9 * (1 + at.sigma**2))
            assert torch.allclose(cov, law_at(at), rtol=0, atol=1e-9 * (1 + at.sigma**2))


@pytest.mark.parametrize("name", SCHEDULES)
def test_the_gaussian_posterior_is_the_exact_transition(name: str) -> None:
    """Path by path, with the same noise: (b^2 C + c^2 I)^(1/2) z is the noise of the transition in closed form."""
    schedule, twin = SCHEDULES[name], Exact(stochastic=True)
    for now, then in pairwise(levels(schedule, schedule.grid(steps_of(schedule, 4)))):
        expected = step(twin, LAW, schedule, now, then)
        for sampler in (Ancestral("gaussian", reference=LAW), Ancestral("lanczos", iterations=SIZE)):
            got = step(sampler, LAW, schedule, now, then)
            for a, b in zip(got, expected, strict=True):
                assert torch.allclose(a, b, rtol=0, atol=1e-10 * (1 + now.sigma))


LINE = Mixture(
    torch.tensor([0.3, 0.5, 0.2]),
    [Gaussian(torch.tensor([m]), Diagonal(torch.tensor([v]))) for m, v in ((-2.0, 0.05), (0.5, 0.3), (2.5, 0.1))],
)


def density(at: Level, x: Tensor) -> Tensor:
    """p_t of LINE on points (n,)."""
    parts = [(at.alpha * c.mean(), (at.alpha**2 * c.covariance().diagonal() + at.sigma**2).sqrt()) for c in LINE.components]
    return sum(
        (w * torch.exp(-0.5 * ((x - m) / s) ** 2) / (s * math.sqrt(2 * math.pi)) for w, (m, s) in zip(LINE.weights, parts, strict=True)),
        x * 0,
    )


def below(x: Tensor) -> Tensor:
    """The distribution function of LINE."""
    parts = ((w, c.mean(), c.covariance().diagonal().sqrt()) for w, c in zip(LINE.weights, LINE.components, strict=True))
    return sum((w * torch.special.ndtr((x - m) / s) for w, m, s in parts), torch.zeros_like(x))


def line(at: Level, points: int) -> Tensor:
    """Points that hold all of p_t."""
    reach = 4.5 * at.alpha + 8 * at.sigma
    return torch.linspace(-reach, reach, points, dtype=torch.float64)


@pytest.mark.parametrize("schedule", [VP(), Cosine(), RectifiedFlow(), VE(20.0, 0.1), Discrete.sigmoid()], ids=lambda s: type(s).__name__)
def test_posterior_draws_keep_every_marginal_of_a_mixture(schedule: Schedule) -> None:
    """p_s = integral of p_t times the kernel of one step, for long steps: by quadrature, not by Monte Carlo.

    The kernel is read off the sampler: with the choice held fixed, x_s is affine in its two noises.
    """
    for now, then in pairwise(levels(schedule, schedule.grid(4))):
        x, to = line(now, 3001), line(then, 41) if then.sigma > 0 else torch.linspace(-4.5, 4.5, 41, dtype=torch.float64)
        y = x / now.alpha if now.alpha > 0 else 0 * x
        shares = LINE.responsibilities(y.view(-1, 1), now.noise)
        middle = torch.special.ndtri(shares.cumsum(-1) - shares / 2)
        kernel = torch.zeros(len(x), len(to), dtype=torch.float64)
        for k in range(3):
            column, choice = x.view(-1, 1), middle[:, k : k + 1]
            still = torch.zeros_like(column)
            moves = [
                one_step(Ancestral(), LINE, schedule, now, then, column, still + z, [choice, still + xi])[:, 0]
                for z, xi in ((0, 0), (1, 0), (0, 1))
            ]
            centre = moves[0]
            width = torch.hypot(moves[1] - centre, moves[2] - centre)
            z = (to - centre.unsqueeze(-1)) / width.unsqueeze(-1)
            part = shares[:, k : k + 1] * torch.exp(-0.5 * z**2) / (width.unsqueeze(-1) * math.sqrt(2 * math.pi))
            kernel += torch.where(shares[:, k : k + 1] > 1e-15, part, 0)  # below it the middle of its share is not a number
        got = torch.trapezoid(density(now, x).unsqueeze(-1) * kernel, x, dim=0)
        assert torch.allclose(got, density(then, to), rtol=0, atol=1e-9)


def distance(sampler: Sampler, denoiser: Denoiser, schedule: Schedule, steps: int, points: int = 601) -> float:
    """The 1-Wasserstein distance at t = 0 from LINE, by quadrature of the kernels of all steps: each is normal, read off with z = 0, 1."""
    visited = levels(schedule, schedule.grid(steps))
    x = line(visited[0], points)
    p = density(visited[0], x)
    for now, then in pairwise(visited):
        zero = torch.zeros_like(x).view(-1, 1)
        centre = one_step(sampler, denoiser, schedule, now, then, x.view(-1, 1), zero)
        width = one_step(sampler, denoiser, schedule, now, then, x.view(-1, 1), zero + 1) - centre
        mass = p * (x[1] - x[0])
        if then.sigma == 0:
            to = torch.linspace(-6, 6, 4001, dtype=torch.float64)
            got = mass @ torch.special.ndtr((to - centre) / width.clamp_min(1e-12))
            return float(torch.trapezoid((got - below(to)).abs(), to))
        to = line(then, points)
        p = mass @ (torch.exp(-0.5 * ((to - centre) / width) ** 2) / (width * math.sqrt(2 * math.pi)))
        x = to
    raise AssertionError


def test_how_much_closer_than_the_mean_alone() -> None:
    """1-Wasserstein distance from a mixture of three at 5, 10 and 20 steps: DDPM, a reference Gaussian, the denoiser's own covariance.

    The reference leaves the order 1 of DDPM and gains a factor; with its own covariance two moments of every step are right, and
    the distance falls faster: by 2.8 and 3.1 where DDPM halves.
    """
    schedule = Cosine()
    reference = Gaussian(LINE.mean(), Diagonal(LINE.covariance().diagonal()))
    got = {
        n: [distance(a, LINE, schedule, n) for a in (DDPM(), Ancestral("gaussian", reference=reference), Ancestral("lanczos"))]
        for n in (5, 10, 20)
    }
    for n, gains in ((5, (2.5, 6.5)), (10, (2.5, 10.0)), (20, (2.5, 16.0))):
        plain, matched, own = got[n]
        assert plain > gains[0] * matched
        assert plain > gains[1] * own
    assert got[5][0] < 0.4
    assert 1.8 < got[10][0] / got[20][0] < 2.2
    assert got[5][2] / got[10][2] > 2.7
    assert got[10][2] / got[20][2] > 3.0


PLANE = Mixture(
    torch.tensor([0.5, 0.3, 0.2]),
    [
        Gaussian(torch.tensor(m), Dense(spectrum_covariance(v, seed)))
        for seed, (m, v) in enumerate((([0.0, 0.0], (0.5, 0.1)), ([3.0, 1.0], (0.3, 0.2)), ([-1.0, 2.5], (0.1, 0.05))))
    ],
)


@pytest.mark.parametrize("steps", [1, 2, 4])
def test_samples_of_a_mixture_follow_its_law_in_any_number_of_steps(steps: int) -> None:
    """3000 samples through the whole loop, with its own noise: Kolmogorov-Smirnov along three directions.

    The threshold 1e-6 is the false-alarm rate a direction. Arrays of noise used twice would show here.
    """
    x = sample(PLANE, Ancestral(), Cosine(), steps, 3000, seed=3)
    for direction in torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, -2.0]], dtype=torch.float64):
        centres = torch.stack([c.mean() @ direction for c in PLANE.components])
        widths = torch.stack([(direction @ (c.covariance() @ direction)).sqrt() for c in PLANE.components])

        def cdf(v: np.ndarray, centres: Tensor = centres, widths: Tensor = widths) -> np.ndarray:
            return np.asarray((PLANE.weights * torch.special.ndtr((torch.as_tensor(v).unsqueeze(-1) - centres) / widths)).sum(-1))

        assert scipy.stats.kstest((x @ direction).numpy(), cdf).pvalue > 1e-6


@pytest.mark.parametrize("name", sorted(BATCHES))
def test_a_batch_of_laws_has_no_error_either(name: str) -> None:
    """x (draw, case, *event) in three steps: mean and variance of 600 draws within 6 standard errors (24 entries: 1e-7 a law)."""
    law, n = BATCHES[name](), 600
    x = sample(law, Ancestral(), RectifiedFlow(), 3, n, seed=2)
    assert x.shape == (n, CASES, *EVENT)
    variance = law.covariance().diagonal().expand(CASES, -1).reshape(CASES, *EVENT)
    squares = (x - law.mean()) ** 2
    assert bool(((x.mean(0) - law.mean()).abs() <= 6 * (variance / n).sqrt() + 1e-9).all())
    assert bool(((squares.mean(0) - variance).abs() <= 6 * squares.std(0) / math.sqrt(n) + 1e-9).all())


@pytest.mark.parametrize("schedule", [VP(), VE(20.0, 0.02), Discrete.sigmoid()], ids=lambda s: type(s).__name__)
def test_the_jacobian_of_a_denoiser_is_the_covariance_of_its_law(schedule: Schedule) -> None:
    """One step with backward passes through the mean alone, against the same step with the covariance in closed form."""
    x, z = normal(6, 2, seed=1), normal(6, 2, seed=2)
    for now, then in pairwise(levels(schedule, schedule.grid(4))):
        args = (schedule, now, then, (1 + now.sigma) * x, z)
        got, expected = (one_step(Ancestral("lanczos"), d, *args) for d in (Hidden(PLANE), PLANE))
        assert torch.allclose(got, expected, rtol=0, atol=1e-9)
        with torch.inference_mode():
            assert torch.equal(one_step(Ancestral("lanczos"), Hidden(PLANE), *args), got)


class Network(Denoiser):
    """A small network with a symmetric Jacobian: D(x) = (x + W^T tanh(W x + b)) / 2, the gradient of a convex potential."""

    event_shape = (2, 3)

    def __init__(self, dtype: torch.dtype) -> None:
        self.layer = torch.nn.Linear(6, 9, dtype=dtype)
        with torch.no_grad():
            self.layer.weight.copy_(0.3 * normal(9, 6, seed=5))
            self.layer.bias.copy_(normal(9, seed=6))
        self.calls = 0

    def __call__(self, x: Tensor, sigma: float | Tensor) -> Posterior:
        self.calls += 1
        hidden = torch.tanh(self.layer(x.flatten(1)))
        return Posterior(0.5 * (x + (hidden @ self.layer.weight).reshape(x.shape)))

    def jacobian(self, x: Tensor) -> Tensor:
        slope = 1 - torch.tanh(self.layer(x.flatten(1))) ** 2
        return 0.5 * (torch.eye(6, dtype=x.dtype) + self.layer.weight.T @ (slope.unsqueeze(-1) * self.layer.weight)).detach()


def test_a_network_takes_its_noise_from_its_own_jacobian() -> None:
    """x_s - a x_t - b D = (b^2 sigma^2 J + c^2 I)^(1/2) z with a dense root, all iterations; fewer come near. One call a step."""
    schedule, net = Cosine(), Network(torch.float64)
    x, z = normal(5, 2, 3, seed=7), normal(5, 2, 3, seed=8)
    for now, then in list(pairwise(levels(schedule, schedule.grid(5))))[1:]:
        noisy, clean, deviation = (float(v) for v in Process(schedule).bridge(then.t, now.t))
        lam, u = torch.linalg.eigh(net.jacobian(x / now.alpha))
        root = u @ ((clean**2 * now.noise**2 * lam + deviation**2).sqrt().unsqueeze(-1) * u.mT)
        spread = (root @ z.flatten(1).unsqueeze(-1)).reshape(x.shape)
        expected = noisy * x + clean * net(x / now.alpha, now.noise).mean.detach() + spread
        net.calls = 0
        errors = []
        for iterations in (1, 2, 4, 6, 9):
            got = one_step(Ancestral("lanczos", iterations=iterations), net, schedule, now, then, x, z)
            assert not got.requires_grad
            errors.append(float((got - expected).norm() / spread.norm()))
        assert net.calls == 5
        assert errors[0] > 2 * errors[1] > 4 * errors[2]
        assert errors[2] < 1e-3
        assert max(errors[3:]) < 1e-12


def test_cases_do_not_meet() -> None:
    """Each case alone gives what it gives among others, also beside one whose noise lies along a single direction."""
    schedule, net = VP(), Network(torch.float64)
    now, then = levels(schedule, schedule.grid(3))[:2]
    x, z = normal(4, 2, 3, seed=7), normal(4, 2, 3, seed=8)
    z[1] = 0
    for denoiser in (net, Hidden(Gaussian(torch.zeros(2, 3), Diagonal(torch.tensor([1.0, 1.0, 1.0, 1.0, 2.0, 0.0]))))):
        together = one_step(Ancestral("lanczos"), denoiser, schedule, now, then, x, z)
        for i in range(4):
            alone = one_step(Ancestral("lanczos"), denoiser, schedule, now, then, x[i : i + 1], z[i : i + 1])
            assert torch.allclose(alone[0], together[i], rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", ["exact", "gaussian", "lanczos"])
def test_types_are_kept(kind: str) -> None:
    """A run in float32 stays there, near the same run in float64."""
    law = Gaussian(MEAN.reshape(2, 2), Diagonal(torch.tensor([2.0, 1.0, 0.5, 0.1])))
    sampler = Ancestral(kind, reference=None if kind == "exact" else law)  # type: ignore[arg-type]  # a str of the list
    for denoiser in (law, Mixture(torch.ones(1), [law]), Colored.of(law, Dense(COLORS.dense()))):
        method = Ancestral(kind, reference=denoiser) if kind == "gaussian" and isinstance(denoiser, Colored) else sampler  # type: ignore[arg-type]
        if isinstance(denoiser, Colored) and kind == "lanczos":
            method = Ancestral(kind)  # type: ignore[arg-type]
        wide, narrow = (sample(denoiser, method, VP(), 4, 5, seed=1, dtype=dtype) for dtype in (torch.float64, torch.float32))
        assert narrow.dtype == torch.float32
        assert torch.allclose(narrow.double(), wide, atol=1e-4)


def test_a_network_in_float32_from_zero_signal() -> None:
    """At alpha = 0 the reference stands in for the Jacobian, which says nothing there; without it the call is refused."""
    law = Gaussian(torch.zeros(2, 3), Diagonal(torch.ones(6)))
    net = Network(torch.float32)
    for name in sorted(ENDS_AT_ZERO):
        x = sample(net, Ancestral("lanczos", reference=law), SCHEDULES[name], 3, 4, dtype=torch.float32)
        assert x.dtype == torch.float32
        assert bool(torch.isfinite(x).all())
        with pytest.raises(InputError, match=r"at sigma = inf the Jacobian of a denoiser says nothing .*: pass reference="):
            sample(net, Ancestral("lanczos"), SCHEDULES[name], 3, 4, dtype=torch.float32)
    now, then = levels(Cosine(), Cosine().grid(3))[:2]
    x, z = normal(4, 2, 3, seed=1), normal(4, 2, 3, seed=2)
    got = one_step(Ancestral("lanczos", reference=law), Hidden(law), Cosine(), now, then, x, z)
    assert torch.allclose(got, math.hypot(then.alpha, then.sigma) * z, atol=1e-12)


def test_the_denoiser_is_called_once_a_step() -> None:
    net = Network(torch.float64)
    for sampler in (Ancestral("lanczos"), Ancestral("gaussian", reference=Gaussian(torch.zeros(2, 3), Diagonal(torch.ones(6))))):
        net.calls = 0
        sample(net, sampler, VP(), 5, 3)
        assert net.calls == sampler.calls(5) == 5
        assert not sampler.deterministic


class Frozen(Denoiser):
    """A network that was wrapped for inference only."""

    event_shape = (2, 3)

    def __call__(self, x: Tensor, sigma: float | Tensor) -> Posterior:
        with torch.no_grad():
            return Posterior(0.5 * x)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: Ancestral("gauss"), "posterior is 'gauss', but must be one of exact, gaussian, lanczos; did you mean 'gaussian'"),
        (lambda: Ancestral("gaussian"), "posterior is 'gaussian', which needs a reference"),
        (lambda: Ancestral("exact", reference=LAW), "posterior is 'exact', which takes no reference"),
        (lambda: Ancestral("gaussian", reference=PLANE), "reference is a Mixture, but must be a Gaussian"),
        (lambda: Ancestral("lanczos", iterations=0), "iterations is 0, but must be a whole number of at least 1"),
        (
            lambda: sample(Network(torch.float64), Ancestral(), VP(), 2, 1),
            "needs an analytic law, but the denoiser is Network: use 'gaussian'",
        ),
        (lambda: sample(Frozen(), Ancestral("lanczos"), VP(), 2, 1), "cannot be differentiated: take torch.no_grad"),
        (lambda: sample(Colored.of(LAW, COLORS), Ancestral("gaussian", reference=LAW), VP(), 2, 1), "pass both Colored by one noise"),
        (lambda: sample(LAW, Ancestral("gaussian", reference=Colored.of(LAW, COLORS)), VP(), 2, 1), "pass both Colored by one noise"),
    ],
)
def test_bad_input(call: object, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        call()  # type: ignore[operator]
