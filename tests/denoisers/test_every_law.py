"""The identities that hold for every law: Tweedie to second order, change of variables, the limits, exact draws."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from kinds import BATCHES, CASES, COLORS, EVENT, LAWS, MEAN, NO_DENSITY, ON_A_SUBSPACE, SIZE, colored, gaussian, normal
from ornstein.common.errors import InputError
from ornstein.covariance import Dense, Spectral
from ornstein.denoisers import Colored, Denoiser, Empirical, Gaussian, Law, Mixture, Particles
from ornstein.model.storage import decode_law, encode_law
from truth import orthogonal

X = 2 * normal(CASES, *EVENT, seed=20)
SIGMAS = (0.2, 1.0, 4.0)
COLORED = {f"{law}/{noise}": (law, noise) for law in ("gaussian", "mixture", "points", "kernel") for noise in COLORS}
STORED = {
    **{name: LAWS[name] for name in ("gaussian-low-rank", "gaussian-constrained", "mixture", "kernel-conditioned", "particles")},
    "gaussian-kronecker posterior": lambda: Gaussian(MEAN, gaussian_kronecker().posterior(0.7)),
    **{f"batch of {name}": BATCHES[name] for name in ("mixture", "kernel")},
}


def gaussian_kronecker() -> Spectral:
    operator = LAWS["gaussian-kronecker"]().covariance()
    assert isinstance(operator, Spectral)
    return operator


def stored(law: Law) -> Law:
    """The law after a way to the disk and back."""
    again = decode_law(*encode_law(law))
    assert isinstance(again, Law)
    return again


DENOISERS: dict[str, Callable[[], Law | Colored]] = {
    **LAWS,
    **{f"batch of {name}": make for name, make in BATCHES.items()},
    **{f"colored {name}": (lambda pair=pair: colored(*pair)) for name, pair in COLORED.items()},
    **{f"stored {name}": (lambda make=make: stored(make())) for name, make in STORED.items()},
}
every = pytest.mark.parametrize("name", DENOISERS)
every_sigma = pytest.mark.parametrize("sigma", SIGMAS)


def jacobian(denoiser: Denoiser, x: Tensor, sigma: float) -> Tensor:
    """d mean / d x of each case, (case, d, d): a case never depends on another."""
    full = torch.autograd.functional.jacobian(lambda v: denoiser(v.view(x.shape), sigma).mean.reshape(-1), x.reshape(-1))
    blocks = full.view(len(x), SIZE, len(x), SIZE)
    own = torch.stack([blocks[i, :, i] for i in range(len(x))])
    assert torch.allclose(blocks.abs().sum(), own.abs().sum())
    return own


def per_case(matrix: Tensor) -> Tensor:
    return matrix.expand(CASES, SIZE, SIZE)


@every
@every_sigma
def test_tweedie_second_order(name: str, sigma: float) -> None:
    """Cov[x_0 | x] = sigma^2 d E[x_0 | x] / dx, times N on the right where the noise has covariance N."""
    denoiser = DENOISERS[name]()
    expected = sigma**2 * jacobian(denoiser, X, sigma)
    if isinstance(denoiser, Colored):
        expected = expected @ denoiser.noise.dense()
    covariance = denoiser(X, sigma).covariance
    assert covariance is not None
    got = per_case(covariance.dense())
    assert torch.allclose(got, expected, rtol=1e-8, atol=1e-9)
    assert torch.allclose(got, got.mT, atol=1e-12)
    assert float(torch.linalg.eigvalsh(got).min()) > -1e-12
    assert torch.allclose(covariance.diagonal().expand(CASES, SIZE), got.diagonal(dim1=-2, dim2=-1), atol=1e-11)
    assert torch.allclose(covariance.trace().expand(CASES), got.diagonal(dim1=-2, dim2=-1).sum(-1), atol=1e-11)
    v = normal(CASES, SIZE, seed=21)
    assert torch.allclose(covariance @ v, (got @ v.unsqueeze(-1)).squeeze(-1), atol=1e-11)


@every
@every_sigma
def test_score_is_the_gradient_of_the_density(name: str, sigma: float) -> None:
    denoiser = DENOISERS[name]()
    gradient = torch.autograd.functional.jacobian(lambda v: denoiser.log_prob(v, sigma).sum(), X)
    assert torch.allclose(denoiser.score(X, sigma), gradient, rtol=1e-8, atol=1e-9)
    with pytest.raises(InputError, match="sigma is 0, but the score comes from the noise"):
        denoiser.score(X, 0.0)


@every
def test_sigma_per_case(name: str) -> None:
    """A noise level per case is the same as the cases one by one."""
    denoiser = DENOISERS[name]()
    sigmas = torch.tensor([0.3, 1.0, 2.5, math.inf], dtype=torch.float64)
    many = denoiser(X, sigmas)
    assert many.covariance is not None
    dense, level = per_case(many.covariance.dense()), denoiser.log_prob(X, sigmas)
    for i, sigma in enumerate(sigmas.tolist()):
        one = denoiser(X, sigma)
        assert one.covariance is not None
        assert torch.allclose(many.mean[i], one.mean[i], atol=1e-10)
        assert torch.allclose(dense[i], per_case(one.covariance.dense())[i], atol=1e-10)
        assert torch.allclose(level[i], denoiser.log_prob(X, sigma)[i], atol=1e-9)
    assert torch.allclose(denoiser.score(X, sigmas)[1], denoiser.score(X, 1.0)[1], atol=1e-10)


@every
def test_infinite_noise_gives_the_prior_back(name: str) -> None:
    denoiser = DENOISERS[name]()
    posterior = denoiser(X, math.inf)
    law = denoiser.inner if isinstance(denoiser, Colored) else denoiser
    assert isinstance(law, Law)
    assert posterior.covariance is not None
    mean, covariance = law.mean().expand(X.shape), law.covariance().dense()
    if isinstance(denoiser, Colored):
        root = denoiser.noise.sqrt().dense()
        mean, covariance = denoiser.color(mean), root @ covariance @ root
    assert torch.allclose(posterior.mean, mean, atol=1e-12)
    assert torch.allclose(per_case(posterior.covariance.dense()), per_case(covariance), atol=1e-11)
    assert torch.allclose(denoiser(X, 1e7).mean, mean, atol=1e-6)
    assert bool((denoiser.log_prob(X, math.inf) == -math.inf).all())


@every
def test_no_noise_returns_the_signal(name: str) -> None:
    """At sigma = 0 the denoiser keeps x where x can be a signal, returns the nearest point of a cloud, and is sure of it."""
    denoiser = DENOISERS[name]()
    law = denoiser.inner if isinstance(denoiser, Colored) else denoiser
    assert isinstance(law, Law)
    signals = law.sample(1 if law.batch_shape else CASES, seed=3).reshape(CASES, *EVENT)
    if isinstance(denoiser, Colored):
        signals = denoiser.color(signals)
    posterior = denoiser(signals, 0.0)
    assert torch.allclose(posterior.mean, signals, atol=1e-7)
    if isinstance(law, Empirical) and law.kernel is None and not isinstance(denoiser, Colored):
        assert torch.allclose(denoiser(signals + 0.01, 0.0).mean, signals, atol=1e-12)
    assert posterior.covariance is not None
    assert float(posterior.covariance.dense().abs().max()) < 1e-9


@every
def test_never_nan(name: str) -> None:
    denoiser = DENOISERS[name]()
    for sigma, size in itertools.product((0.0, 1e-150, 1e-8, 1e-3, 1e8, 1e150, math.inf), (0.0, 1.0, 1e6, 1e100)):
        posterior = denoiser(size * X, sigma)
        assert bool(torch.isfinite(posterior.mean).all()), (sigma, size, "mean")
        assert posterior.covariance is not None
        assert bool(torch.isfinite(posterior.covariance.dense()).all()), (sigma, size, "covariance")
        if sigma > 0 or name.removeprefix("stored ") not in NO_DENSITY | {
            "batch of points",
            "batch of particles",
            "colored points/dense",
            "colored points/kronecker",
        }:
            assert not bool(torch.isnan(denoiser.log_prob(size * X, sigma)).any()), (sigma, size, "log_prob")


@pytest.mark.parametrize("name", sorted(NO_DENSITY))
def test_no_density_without_noise(name: str) -> None:
    with pytest.raises(InputError, match="has no density at sigma = 0"):
        LAWS[name]().log_prob(X)


def test_types_and_shapes() -> None:
    for name, make in DENOISERS.items():
        posterior = make()(X.float(), 1.0)
        assert posterior.mean.dtype == torch.float32, name
        assert torch.allclose(posterior.mean.double(), make()(X.float().double(), 1.0).mean, atol=1e-5), name
    for make in LAWS.values():
        law = make()
        assert law.mean().shape == law.event_shape == EVENT
        assert law.log_prob(X, 1.0).shape == (CASES,)
        for wrong in (X.flatten(1), X[..., :2]):
            with pytest.raises(InputError, match=r"x has shape .*, but this law holds signals of shape \(case, 2, 3\)"):
                law(wrong, 1.0)


def transformed(law: Law, a: float, b: Tensor, move: Callable[[Tensor], Tensor], operator: Callable[[Spectral], Spectral]) -> Law:
    """The law of a U x_0 + b, built from its parts: ``move`` is U for signals, ``operator`` is U . U^T."""
    if isinstance(law, Gaussian):
        assert isinstance(law.operator, Spectral)
        return Gaussian(a * move(law.mean()) + b, operator(law.operator).scaled(a, 0.0))
    if isinstance(law, Mixture):
        parts = [transformed(c, a, b, move, operator) for c in law.components]
        return Mixture(law.weights, [p for p in parts if isinstance(p, Gaussian)])
    if isinstance(law, Particles):
        return Particles(a * move(law._event(law.points)) + b, law.log_weights)
    assert isinstance(law, Empirical)
    kernel = None if law.kernel is None else operator(law.kernel).scaled(a, 0.0)
    points = law.points + law._event(law.offset)
    return Empirical(a * move(points) + b, kernel, log_weights=law.cloud.log_weights)


SPECTRAL = sorted(set(LAWS) - {"gaussian-implicit"})


@pytest.mark.parametrize("name", SPECTRAL)
@given(
    exponent=st.floats(-6, 6), sign=st.sampled_from([1, -1]), shift=st.floats(-100, 100), sigma=st.floats(0.05, 20), seed=st.integers(0, 99)
)
def test_change_of_variables(name: str, exponent: float, sign: int, shift: float, sigma: float, seed: int) -> None:
    """log p(a x + b) = log p(x) - d log |a|, and the denoiser moves along; a from 1e-6 to 1e6."""
    law, a = LAWS[name](), sign * 10**exponent
    b = abs(a) * shift * normal(*EVENT, seed=seed)
    image = transformed(law, a, b, lambda x: x, lambda c: c)
    x = X + law.mean()
    there = a * x + b
    assert torch.allclose(image.log_prob(there, abs(a) * sigma), law.log_prob(x, sigma) - SIZE * math.log(abs(a)), rtol=1e-7, atol=1e-6)
    assert torch.allclose((image(there, abs(a) * sigma).mean - b) / a, law(x, sigma).mean, rtol=1e-7, atol=1e-6)
    if name not in NO_DENSITY | ON_A_SUBSPACE:
        assert torch.allclose(image.log_prob(there), law.log_prob(x) - SIZE * math.log(abs(a)), rtol=1e-7, atol=1e-6)


@pytest.mark.parametrize("name", SPECTRAL)
@given(seed=st.integers(0, 999))
def test_rotation(name: str, seed: int) -> None:
    """A rotated law at a rotated signal: the same density, the rotated denoised signal."""
    law, u = LAWS[name](), orthogonal(SIZE, seed)

    def move(x: Tensor) -> Tensor:
        return (x.flatten(-2) @ u.T).reshape(x.shape)

    def turn(c: Spectral) -> Spectral:
        return Dense(u @ c.dense() @ u.T)

    image = transformed(law, 1.0, torch.zeros(EVENT, dtype=torch.float64), move, turn)
    assert torch.allclose(image.log_prob(move(X), 0.7), law.log_prob(X, 0.7), atol=1e-8)
    assert torch.allclose(image(move(X), 0.7).mean, move(law(X, 0.7).mean), atol=1e-8)


@pytest.mark.parametrize("name", SPECTRAL)
def test_channel_order(name: str) -> None:
    law = LAWS[name]()
    swap = torch.eye(SIZE, dtype=torch.float64)[[3, 4, 5, 0, 1, 2]]
    nothing = torch.zeros(EVENT, dtype=torch.float64)
    image = transformed(law, 1.0, nothing, lambda x: x.flip(-2), lambda c: Dense(swap @ c.dense() @ swap.T))
    assert torch.allclose(image.log_prob(X.flip(-2), 0.7), law.log_prob(X, 0.7), atol=1e-9)
    assert torch.allclose(image(X.flip(-2), 0.7).mean, law(X, 0.7).mean.flip(-2), atol=1e-9)


def test_equal_signals_give_equal_answers() -> None:
    """One law for all cases, or the same law repeated per case: the same numbers."""
    law = gaussian()
    repeated = Gaussian(MEAN.expand(CASES, *EVENT), law.operator, EVENT)
    assert torch.allclose(law(X, 0.5).mean, repeated(X, 0.5).mean)
    assert torch.allclose(law.log_prob(X, 0.5), repeated.log_prob(X, 0.5))


@pytest.mark.parametrize("name", [*LAWS, *(f"batch of {kind}" for kind in BATCHES)])
def test_a_stored_law_is_the_same_law(name: str) -> None:
    """Number for number: moments, densities, denoised signals, covariances and draws."""
    law = LAWS[name]() if name in LAWS else BATCHES[name.removeprefix("batch of ")]()
    if name == "gaussian-implicit":
        with pytest.raises(InputError, match="implicit and cannot be saved"):
            stored(law)
        return
    again = stored(law)
    before, after = law(X, 0.7), again(X, 0.7)
    assert before.covariance is not None
    assert after.covariance is not None
    assert again.batch_shape == law.batch_shape
    assert torch.equal(again.mean(), law.mean())
    assert torch.equal(again.log_prob(X, 0.7), law.log_prob(X, 0.7))
    assert torch.equal(after.mean, before.mean)
    assert torch.equal(after.covariance.dense(), before.covariance.dense())
    assert torch.equal(again.covariance().dense(), law.covariance().dense())
    assert torch.equal(again.sample(3, seed=1), law.sample(3, seed=1))
