"""Draws from p(x_0 | x): their whole law, without Monte Carlo.

Given x a draw is a choice, made by one number of array 0, and an affine map of the normal numbers after it. The shares of the
choices are read off at the ends of their intervals, the affine maps with unit vectors, and both are compared with what exact
conditioning on the measurement x = x_0 + sigma z gives, which shares no code with the draws.
"""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

import ornstein.denoisers.cloud
from kinds import BATCHES, CASES, COLORS, EVENT, LAWS, MASK, MEAN, POINTS, SIZE, UNEVEN, gaussian, kernel, mixture, normal
from ornstein.common.errors import InputError
from ornstein.covariance import Autoregressive
from ornstein.denoisers import Colored, Denoiser, Empirical, Gaussian, Law, Mixture, Particles, Posterior
from ornstein.measurements import Mask
from truth import condition, denoise

ALL = Mask(torch.ones(EVENT, dtype=torch.bool))
X = normal(*EVENT, seed=20)
SIGMAS = (0.3, 1.0, 4.0)
KINDS = {name: type(make()) for name, make in LAWS.items()}
BAND = Gaussian(MEAN, Autoregressive(torch.full((SIZE, 1), -0.6), torch.linspace(0.5, 1.5, SIZE)))
GAUSSIANS = {**{name: make for name, make in LAWS.items() if KINDS[name] is Gaussian}, "autoregressive": lambda: BAND}
CHOICES = [name for name, kind in KINDS.items() if kind is not Gaussian]


def affine(law: Law | Colored, x: Tensor, sigma: float, choice: float | None = None) -> tuple[Tensor, Tensor]:
    """(mean (d,), factor (d, numbers)) of the draws given one x: x_0 = mean + factor xi, read off with unit vectors.

    ``choice`` is the uniform number of array 0, whose other entries are junk that must not matter.
    """
    asked: set[int] = set()
    arrays = 4
    rows = 1 + arrays * SIZE

    def white(k: int) -> Tensor:
        asked.add(k)
        z = torch.zeros(rows, SIZE, dtype=torch.float64)
        if choice is not None and k == 0:
            z[:] = 100
            z[:, 0] = float(torch.special.ndtri(torch.tensor(choice, dtype=torch.float64)))
        else:
            z[1 + k * SIZE : 1 + (k + 1) * SIZE] = torch.eye(SIZE)
        return z.reshape(rows, *EVENT)

    drawn = law.posterior_draw(x.expand(rows, *EVENT), sigma, white).flatten(1)
    assert max(asked) < arrays
    return drawn[0], (drawn[1:] - drawn[0]).T


@pytest.mark.parametrize("name", GAUSSIANS)
@pytest.mark.parametrize("sigma", SIGMAS)
def test_gaussian(name: str, sigma: float) -> None:
    law = GAUSSIANS[name]()
    mean, factor = affine(law, X, sigma)
    dense = law.covariance().dense()
    expected, cov = denoise(X.flatten().unsqueeze(0), law.mean().flatten(), dense, sigma)
    assert torch.allclose(mean, expected[0], atol=1e-10)
    assert torch.allclose(factor @ factor.T, cov, atol=1e-10)


@pytest.mark.parametrize("name", LAWS)
def test_without_knowledge_and_without_noise(name: str) -> None:
    """sigma = inf draws from the law itself, whatever x; sigma = 0 returns the signal."""
    law = LAWS[name]()
    signals = law.sample(3, seed=1)

    def white(k: int) -> Tensor:
        return normal(3, *EVENT, seed=50 + k)

    assert torch.allclose(law.posterior_draw(signals, 0.0, white), signals, atol=1e-7)
    far = law.posterior_draw(1e3 * X.expand(3, *EVENT), math.inf, white)
    assert torch.allclose(far, law.posterior_draw(signals, math.inf, white), atol=1e-9)
    if isinstance(law, Gaussian):
        mean, factor = affine(law, X, math.inf)
        assert torch.allclose(mean, law.mean().flatten(), atol=1e-12)
        assert torch.allclose(factor @ factor.T, law.covariance().dense(), atol=1e-11)


def parts(law: Law, x: Tensor, sigma: float) -> list[tuple[float, Tensor, Tensor]]:
    """(share, mean, covariance) of each choice, by exact conditioning on x."""
    known = law.condition(ALL, x.flatten(), sigma).law
    if isinstance(known, Mixture):
        rows = [(c.mean().flatten(), c.covariance().dense()) for c in known.components]
    elif isinstance(known, Particles):
        rows = [(p, torch.zeros(SIZE, SIZE, dtype=torch.float64)) for p in known.points]
    else:
        assert isinstance(known, Empirical)
        nothing = torch.zeros(SIZE, SIZE, dtype=torch.float64)
        within = nothing if known.kernel is None else known.kernel.dense()
        rows = [(p.flatten(), within) for p in known.points + known._event(known.offset)]
    return [(w, *row) for w, row in zip(known.weights.tolist(), rows, strict=True)]


@pytest.mark.parametrize("name", CHOICES)
@pytest.mark.parametrize("sigma", SIGMAS)
def test_choices(name: str, sigma: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each component or point holds exactly its share of the unit interval, and is drawn from with its own posterior."""
    law, reached, seen = LAWS[name](), 0.0, 0.0
    monkeypatch.setattr(ornstein.denoisers.cloud, "_CHUNK_NUMBERS", 1)
    for share, mean, cov in parts(law, X, sigma):
        reached += share
        if share < 1e-4:
            continue
        for u in (reached - share + 1e-9, reached - share / 2, reached - 1e-9):
            got, factor = affine(law, X, sigma, u)
            assert torch.allclose(got, mean, atol=1e-8), (share, u)
            assert torch.allclose(factor @ factor.T, cov, atol=1e-9)
        seen += share
    assert seen > 0.99
    assert abs(reached - 1) < 1e-10


def test_points_in_many_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """1000 points, 64 at a time, and all at once: the same choice for each of many numbers, which is that of the sorted weights."""
    points, sigma, cases = 2 * normal(1000, *EVENT, seed=3), 2.5, 200
    x, z = normal(cases, *EVENT, seed=4), normal(cases, *EVENT, seed=5)
    z[0, 0, 0], z[1, 0, 0] = 9.0, -9.0  # u is 1, or next to 0
    weights = torch.softmax(-0.5 * torch.cdist(x.flatten(1), points.flatten(1)) ** 2 / sigma**2, -1)
    u = torch.special.ndtr(z[:, 0, 0])
    expected = points[(weights.cumsum(-1) < u.unsqueeze(-1)).sum(-1).clamp_max(999)]
    whole = Empirical(points).posterior_draw(x, sigma, lambda k: z)
    monkeypatch.setattr(ornstein.denoisers.cloud, "_CHUNK_NUMBERS", 1)
    pieces = Empirical(points).posterior_draw(x, sigma, lambda k: z)
    assert torch.allclose(pieces, whole, atol=1e-12)
    assert torch.allclose(whole, expected, atol=1e-12)


def test_a_choice_without_weight_is_never_made() -> None:
    """Weight 0 at either end, and numbers at both ends of the interval. Nine ninths add up to 1 - 3e-16, below the number 1."""
    weights = torch.tensor([0.0, *[1.0] * 9, 0.0], dtype=torch.float64) / 9
    law = Mixture(weights, [Gaussian(torch.full(EVENT, float(k)), gaussian().operator.scaled(1e-6, 0.0)) for k in range(11)])
    bare = Empirical(torch.arange(11.0).view(11, 1, 1).expand(11, *EVENT), log_weights=weights.log())
    for one in (law, bare):
        for z, number in ((-40.0, 1), (-7.0, 1), (0.0, 5), (7.0, 9), (40.0, 9)):
            drawn = one.posterior_draw(X.expand(1, *EVENT), math.inf, lambda k, z=z: torch.full((1, *EVENT), z if k == 0 else 0.0))
            assert round(float(drawn.mean())) == number


@pytest.mark.parametrize("name", sorted(BATCHES))
def test_a_batch_of_laws_draws_case_by_case(name: str) -> None:
    """x (draw, case, *event) with one law per case is each law with its own x and its own numbers."""
    law, draws = BATCHES[name](), 7
    singles = {
        "gaussian": lambda y: gaussian().condition(MASK, y, 0.5).law,
        "gaussian-constrained": lambda y: gaussian().condition(MASK, y).law,
        "mixture": lambda y: mixture().condition(MASK, y, 0.5).law,
        "points": lambda y: Empirical(POINTS).condition(MASK, y, 0.8).law,
        "particles": lambda y: Particles(POINTS + y.sum(), UNEVEN),
        "kernel": lambda y: kernel().condition(MASK, y, 0.5).law,
    }
    x = 2 * normal(draws, CASES, *EVENT, seed=1)

    def white(k: int) -> Tensor:
        return normal(draws, CASES, *EVENT, seed=30 + k)

    for sigma in (0.5, torch.tensor([0.2, 0.5, 1.0, math.inf], dtype=torch.float64)):
        together = law.posterior_draw(x, sigma, white)
        assert together.shape == x.shape
        for i, y in enumerate(normal(CASES, 3, seed=10)):
            level = float(torch.as_tensor(sigma).expand(CASES)[i])
            alone = singles[name](y).posterior_draw(x[:, i], level, lambda k, i=i: white(k)[:, i])
            assert torch.allclose(alone, together[:, i], atol=1e-8)


@pytest.mark.parametrize("name", [*LAWS, "colored"])
def test_a_level_per_case_and_types(name: str) -> None:
    """A noise level per case is the cases one by one; float32 comes back as float32; nothing is ever NaN."""
    law = Colored.of(mixture(), COLORS["dense"]) if name == "colored" else LAWS[name]()
    x, sigmas = 2 * normal(4, *EVENT, seed=2), torch.tensor([0.3, 1.0, 2.5, math.inf], dtype=torch.float64)

    def white(k: int) -> Tensor:
        return normal(4, *EVENT, seed=40 + k)

    many = law.posterior_draw(x, sigmas, white)
    for i, sigma in enumerate(sigmas.tolist()):
        one = law.posterior_draw(x[i : i + 1], sigma, lambda k, i=i: white(k)[i : i + 1])
        assert torch.allclose(one[0], many[i], atol=1e-10)
    narrow = law.posterior_draw(x.float(), 1.0, lambda k: white(k).float())
    assert narrow.dtype == torch.float32
    assert torch.allclose(narrow.double(), law.posterior_draw(x.float().double(), 1.0, lambda k: white(k).float()), atol=1e-5)
    for sigma in (0.0, 1e-150, 1e-3, 1e8, math.inf):
        for size in (0.0, 1.0, 1e6, 1e100):
            assert bool(torch.isfinite(law.posterior_draw(size * x, sigma, white)).all()), (sigma, size)


@pytest.mark.parametrize("noise", COLORS)
def test_correlated_noise(noise: str) -> None:
    """x = x_0 + sigma L z is a measurement of all entries with noise of covariance sigma^2 N."""
    law, n = gaussian(), COLORS[noise].dense()
    for sigma in SIGMAS:
        mean, factor = affine(Colored.of(law, COLORS[noise]), X, sigma)
        expected, cov, _ = condition(
            law.mean().flatten(), law.covariance().dense(), torch.eye(SIZE, dtype=torch.float64), X.flatten(), sigma**2 * n
        )
        assert torch.allclose(mean, expected, atol=1e-10)
        assert torch.allclose(factor @ factor.T, cov, atol=1e-10)


class Shrink(Denoiser):
    event_shape = EVENT

    def __call__(self, x: Tensor, sigma: float | Tensor) -> Posterior:
        return Posterior(0.5 * x)


def test_bad_input() -> None:
    with pytest.raises(InputError, match="posterior_draw needs an analytic law inside, but this one is Shrink"):
        Colored(Shrink(), COLORS["dense"]).posterior_draw(X.expand(1, *EVENT), 1.0, lambda k: X.expand(1, *EVENT))
    with pytest.raises(InputError, match="x has shape"):
        gaussian().posterior_draw(X.flatten().unsqueeze(0), 1.0, lambda k: X.expand(1, *EVENT))
