"""Correlated forward noise: a change of coordinates, against dense algebra in the original ones."""

from __future__ import annotations

import math

import pytest
import torch

from kinds import COLORS, EVENT, LAWS, MASK, SIZE, colored, normal
from ornstein.common.errors import InputError
from ornstein.common.random import Noise
from ornstein.covariance import Dense, Diagonal, Stationary
from ornstein.denoisers import Colored, Denoiser, Empirical, Gaussian, Mixture, Posterior
from ornstein.samplers import start
from ornstein.schedules import VP
from truth import gaussian_log_prob

X = 2 * normal(5, *EVENT, seed=20)
WHITE = Diagonal(torch.ones(SIZE))


@pytest.mark.parametrize("noise", COLORS)
@pytest.mark.parametrize("name", ["gaussian", "gaussian-kronecker", "gaussian-low-rank", "gaussian-conditioned"])
@pytest.mark.parametrize("sigma", [0.3, 2.0])
def test_gaussian_in_closed_form(name: str, noise: str, sigma: float) -> None:
    """E[x_0 | x] = mu + Sigma (Sigma + sigma^2 N)^-1 (x - mu), Cov = Sigma - Sigma (Sigma + sigma^2 N)^-1 Sigma."""
    law, n = LAWS[name](), COLORS[noise].dense()
    mean, cov = law.mean().flatten(), law.covariance().dense()
    total = cov + sigma**2 * n
    gain = torch.linalg.solve(total, cov).T
    denoiser = colored(name, noise)
    posterior = denoiser(X, sigma)
    assert posterior.covariance is not None
    assert torch.allclose(posterior.mean.flatten(1), mean + (X.flatten(1) - mean) @ gain.T, atol=1e-10)
    assert torch.allclose(posterior.covariance.dense(), cov - gain @ cov, atol=1e-10)
    assert torch.allclose(denoiser.log_prob(X, sigma), gaussian_log_prob(X.flatten(1), mean, total), atol=1e-9)
    assert torch.allclose(denoiser.log_prob(X), gaussian_log_prob(X.flatten(1), mean, cov), atol=1e-9)


@pytest.mark.parametrize("noise", COLORS)
@pytest.mark.parametrize("name", ["mixture", "points", "kernel"])
def test_sums_in_closed_form(name: str, noise: str) -> None:
    """Every component with its own gain, weighted by its density under N(mu_k, Sigma_k + sigma^2 N)."""
    law, n, sigma = LAWS[name](), COLORS[noise].dense(), 0.8
    if isinstance(law, Mixture):
        parts = [(w, c.mean().flatten(), c.covariance().dense()) for w, c in zip(law.weights, law.components, strict=True)]
    else:
        assert isinstance(law, Empirical)
        width = torch.zeros(SIZE, SIZE, dtype=torch.float64) if law.kernel is None else law.kernel.dense()
        parts = [(w, p.flatten(), width) for w, p in zip(law.weights, law.points, strict=True)]
    flat = X.flatten(1)
    joint = torch.stack([w.log() + gaussian_log_prob(flat, m, c + sigma**2 * n) for w, m, c in parts], -1)
    means = torch.stack([m + (flat - m) @ torch.linalg.solve(c + sigma**2 * n, c) for _, m, c in parts], 1)
    denoiser = colored(name, noise)
    assert torch.allclose(denoiser(X, sigma).mean.flatten(1), (torch.softmax(joint, -1).unsqueeze(-1) * means).sum(1), atol=1e-9)
    assert torch.allclose(denoiser.log_prob(X, sigma), torch.logsumexp(joint, -1), atol=1e-9)


@pytest.mark.parametrize("name", ["gaussian", "mixture", "points", "kernel-diagonal"])
def test_white_noise_changes_nothing(name: str) -> None:
    law = LAWS[name]()
    plain, same = law(X, 0.7), Colored.of(law, WHITE)(X, 0.7)
    assert plain.covariance is not None
    assert same.covariance is not None
    assert torch.allclose(same.mean, plain.mean, atol=1e-12)
    assert torch.allclose(same.covariance.dense(), plain.covariance.dense(), atol=1e-12)
    assert torch.allclose(Colored.of(law, WHITE).score(X, 0.7), law.score(X, 0.7), atol=1e-12)


def test_structures_are_kept() -> None:
    row = torch.tensor([2.0, 0.5, 0.1, 0.1, 0.5], dtype=torch.float64)
    circulant = Colored.of(Gaussian(torch.zeros(5), Stationary(row)), Stationary(torch.tensor([1.0, 0.1, 0.1, 0.1, 0.1])))
    assert isinstance(circulant.inner, Gaussian)
    assert isinstance(circulant.inner.operator, Stationary)
    independent = Colored.of(Gaussian(torch.zeros(5), Diagonal(row)), Diagonal(row + 1))
    assert isinstance(independent.inner, Gaussian)
    assert isinstance(independent.inner.operator, Diagonal)
    assert torch.allclose(independent.inner.operator.eigenvalues, row / (row + 1))


@pytest.mark.parametrize("noise", COLORS)
def test_runs_start_with_the_right_color(noise: str) -> None:
    """x_T = alpha x_0 + sigma L z, the law of x_0 included: its exact covariance is read off with unit vectors for the noise."""

    class Units(Noise):
        def normal(self, cases: int, shape: tuple[int, ...], stream: int = 0) -> torch.Tensor:
            return torch.cat([torch.zeros(1, SIZE), torch.eye(SIZE)]).to(torch.float64).reshape(cases, *shape)

    denoiser, law = colored("gaussian", noise), LAWS["gaussian"]()
    x = start(denoiser, VP(), 0.6, Units(), SIZE + 1).flatten(1)
    alpha, sigma = float(VP().alpha(0.6)), float(VP().sigma(0.6))
    factor = x[1:] - x[0]
    assert torch.allclose(x[0], alpha * law.mean().flatten(), atol=1e-12)
    assert torch.allclose(factor.T @ factor, alpha**2 * law.covariance().dense() + sigma**2 * COLORS[noise].dense(), atol=1e-11)


class Shrink(Denoiser):
    """A denoiser without a law: it halves its input."""

    event_shape = EVENT

    def __call__(self, x: torch.Tensor, sigma: float | torch.Tensor) -> Posterior:
        return Posterior(x / 2)


def test_any_denoiser_can_be_colored() -> None:
    noise = COLORS["dense"]
    plain = Colored(Shrink(), noise)
    assert torch.allclose(plain(X, 1.0).mean, X / 2)
    assert plain(X, 1.0).covariance is None
    assert torch.allclose(plain.whiten(plain.color(X)), X, atol=1e-12)
    z = plain.color(torch.eye(SIZE, dtype=torch.float64).reshape(SIZE, *EVENT)).flatten(1)
    assert torch.allclose(z.T @ z, noise.dense(), atol=1e-12)
    with pytest.raises(InputError, match="log_prob needs an analytic law inside, but this one is Shrink"):
        plain.log_prob(X, 1.0)


def test_bad_input() -> None:
    flat = Diagonal(torch.tensor([1.0, 1, 1, 1, 1, 0]))
    with pytest.raises(InputError, match="noise has rank 5 of 6, but forward noise must reach every direction"):
        Colored.of(LAWS["gaussian"](), flat)
    batch = LAWS["kernel"]().condition(MASK, normal(4, 3), 0.5).law
    with pytest.raises(InputError, match="cannot whiten a Empirical"):
        Colored.of(batch, Dense(COLORS["dense"].dense()))
    assert math.isfinite(float(Colored.of(LAWS["gaussian"](), flat.scaled(1.0, 0.1)).log_prob(X, 1.0).sum()))
