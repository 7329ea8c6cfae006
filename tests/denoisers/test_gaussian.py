"""The Gaussian law against SciPy and dense algebra."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from kinds import EVENT, FULL, LAWS, MEAN, SIZE, SPECTRUM, normal
from ornstein.common.errors import InputError
from ornstein.covariance import Dense, Diagonal, LowRank
from ornstein.denoisers import Gaussian
from ornstein.measurements import Linear
from truth import denoise, gaussian_log_prob, orthogonal, spectrum_covariance

GAUSSIANS = sorted(name for name in LAWS if name.startswith("gaussian"))
X = 2 * normal(5, *EVENT, seed=20)
EYE = torch.eye(SIZE, dtype=torch.float64)


@pytest.mark.parametrize("name", GAUSSIANS)
@pytest.mark.parametrize("sigma", [0.05, 1.0, 30.0])
def test_closed_forms(name: str, sigma: float) -> None:
    law = LAWS[name]()
    mean, cov = law.mean().flatten(), law.covariance().dense()
    level = gaussian_log_prob(X.flatten(1), mean, cov + sigma**2 * EYE)
    assert torch.allclose(law.log_prob(X, sigma), level, rtol=1e-10, atol=1e-10)
    clean, spread = denoise(X.flatten(1), mean, cov, sigma)
    posterior = law(X, sigma)
    assert torch.allclose(posterior.mean.flatten(1), clean, atol=1e-10)
    assert posterior.covariance is not None
    assert torch.allclose(posterior.covariance.dense(), spread, atol=1e-10)


def test_log_prob_without_noise() -> None:
    for name in ("gaussian", "gaussian-kronecker", "gaussian-low-rank", "gaussian-conditioned", "gaussian-implicit"):
        law = LAWS[name]()
        level = gaussian_log_prob(X.flatten(1), law.mean().flatten(), law.covariance().dense())
        assert torch.allclose(law.log_prob(X), level, rtol=1e-10, atol=1e-9), name


@pytest.mark.parametrize("name", ["gaussian-narrow", "gaussian-constrained"])
@pytest.mark.parametrize("zero", [0.0, torch.tensor(0.0), torch.zeros(5)], ids=["number", "tensor", "per case"])
def test_rank_deficient_density_lives_on_its_support(name: str, zero: float | Tensor) -> None:
    law = LAWS[name]()
    cov, mean = law.covariance().dense(), law.mean().flatten()
    inside = law.sample(5, seed=1)
    expected = gaussian_log_prob(inside.flatten(1), mean, cov)
    assert torch.allclose(law.log_prob(inside, zero), expected, rtol=1e-9, atol=1e-8)
    eigenvalues, basis = torch.linalg.eigh(cov)
    off = basis[:, eigenvalues < 1e-9]
    assert off.shape[1] == 3
    outside = inside + 1e-4 * off[:, 0].view(EVENT)
    assert bool((law.log_prob(outside, zero) == -math.inf).all())
    assert bool(torch.isfinite(law.log_prob(outside, 1e-3)).all())
    # the denoiser at sigma = 0 returns to the support
    assert torch.allclose(law(outside, 0.0).mean, inside, atol=1e-9)
    assert float(((law(outside, 2.0).mean.flatten(1) - mean) @ off).abs().max()) < 1e-12


def test_a_point_mass() -> None:
    """Rank 0: the law of one known signal."""
    law = Gaussian(MEAN, Diagonal(torch.zeros(SIZE)))
    assert torch.allclose(law(X, 0.7).mean, MEAN.expand(X.shape))
    assert torch.equal(law.sample(3), MEAN.expand(3, *EVENT))
    assert float(law.log_prob(MEAN[None])) == 0
    assert float(law.log_prob(MEAN[None] + 1)) == -math.inf
    assert torch.allclose(law.log_prob(X, 0.7), gaussian_log_prob(X.flatten(1), MEAN.flatten(), 0.49 * EYE))


def test_low_rank_is_its_dense_twin() -> None:
    basis = orthogonal(SIZE, 3)
    spectrum = torch.tensor([2.0, 0.7, 0.05, 0.05, 0.05, 0.05], dtype=torch.float64)
    low, full = (
        Gaussian(MEAN, LowRank(basis[:, :2], spectrum[:2], 0.05)),
        Gaussian(MEAN, Dense((basis * spectrum) @ basis.T)),
    )
    for sigma in (0.0, 0.5):
        assert torch.allclose(low.log_prob(X, sigma), full.log_prob(X, sigma), atol=1e-9)
        assert torch.allclose(low(X, sigma).mean, full(X, sigma).mean, atol=1e-11)
    y = normal(2, seed=4)
    a, b = (law.condition(Linear(normal(2, SIZE, seed=5)), y, 0.1) for law in (low, full))
    assert torch.allclose(a.log_evidence, b.log_evidence, atol=1e-10)
    assert torch.allclose(a.law.mean(), b.law.mean(), atol=1e-10)


def test_bad_input() -> None:
    with pytest.raises(InputError, match=r"covariance has size 6, but signals of shape \(5,\) have 5 entries"):
        Gaussian(normal(5), FULL)
    with pytest.raises(InputError, match="covariance has size 4"):
        Gaussian(MEAN, Dense(spectrum_covariance(SPECTRUM[:4])))
