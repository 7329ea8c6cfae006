"""Mixtures against sums written out, and against the laws they contain."""

from __future__ import annotations

import math

import pytest
import torch

from kinds import EVENT, FULL, MEAN, SIZE, gaussian, mixture, normal
from ornstein.common.errors import InputError
from ornstein.covariance import Diagonal
from ornstein.denoisers import Gaussian, Mixture
from ornstein.measurements import Mask
from truth import denoise, gaussian_log_prob

X = 2 * normal(5, *EVENT, seed=20)
EYE = torch.eye(SIZE, dtype=torch.float64)


@pytest.mark.parametrize("weights", [[1.0], [1.0, 0.0], [0.4, 0.6]])
def test_one_component_is_a_gaussian(weights: list[float]) -> None:
    """One component, one with all the weight, or the same one twice."""
    law = Mixture(torch.tensor(weights), [gaussian()] * len(weights))
    for sigma in (0.0, 0.7, math.inf):
        posterior, expected = law(X, sigma), gaussian()(X, sigma)
        assert torch.allclose(posterior.mean, expected.mean, atol=1e-12)
        assert posterior.covariance is not None
        assert expected.covariance is not None
        assert torch.allclose(posterior.covariance.dense(), expected.covariance.dense(), atol=1e-12)
        assert torch.allclose(law.log_prob(X, sigma), gaussian().log_prob(X, sigma), atol=1e-10)


@pytest.mark.parametrize("sigma", [0.1, 1.0, 5.0])
def test_against_the_sum_written_out(sigma: float) -> None:
    law = mixture()
    flat, w = X.flatten(1), torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64)
    parts = [(c.mean().flatten(), c.covariance().dense()) for c in law.components]
    densities = torch.stack([gaussian_log_prob(flat, m, c + sigma**2 * EYE) for m, c in parts], -1).exp()
    joint = w * densities
    r = joint / joint.sum(-1, keepdim=True)
    assert torch.allclose(law.log_prob(X, sigma), joint.sum(-1).log(), atol=1e-9)
    assert torch.allclose(law.responsibilities(X, sigma), r, atol=1e-10)
    inner = [denoise(flat, m, c, sigma) for m, c in parts]
    mean = sum(r[:, k, None] * m for k, (m, _) in enumerate(inner))
    second = sum(r[:, k, None, None] * (c + m.unsqueeze(-1) * m.unsqueeze(-2)) for k, (m, c) in enumerate(inner))
    posterior = law(X, sigma)
    assert posterior.covariance is not None
    assert torch.allclose(posterior.mean.flatten(1), torch.as_tensor(mean), atol=1e-10)
    expected = second - torch.as_tensor(mean).unsqueeze(-1) * torch.as_tensor(mean).unsqueeze(-2)
    assert torch.allclose(posterior.covariance.dense(), expected, atol=1e-9)


def test_moments_of_the_law() -> None:
    law = mixture()
    w = law.weights
    means = torch.stack([c.mean().flatten() for c in law.components])
    second = sum(w[k] * (c.covariance().dense() + torch.outer(means[k], means[k])) for k, c in enumerate(law.components))
    assert torch.allclose(law.mean().flatten(), w @ means)
    assert torch.allclose(law.covariance().dense(), second - torch.outer(w @ means, w @ means), atol=1e-12)
    assert torch.allclose(law.covariance().diagonal(), law.covariance().dense().diagonal(), atol=1e-12)


def test_weights_are_normalised() -> None:
    a, b = Mixture(torch.tensor([2.0, 6.0]), [gaussian()] * 2), Mixture(torch.tensor([0.25, 0.75]), [gaussian()] * 2)
    assert torch.allclose(a.weights, b.weights)
    assert float(a.weights.sum()) == pytest.approx(1)


def test_the_e_step_is_responsibilities_and_density_at_once() -> None:
    law = mixture()
    responsibilities, level = law.expectation(X)
    assert torch.allclose(responsibilities, law.responsibilities(X), atol=1e-14)
    assert torch.allclose(level, law.log_prob(X), atol=1e-12)


def test_far_from_everything() -> None:
    """Where every density underflows the nearest component still answers; where it has no support at all, the weights do."""
    law = Mixture(torch.tensor([0.5, 0.5]), [Gaussian(MEAN + 100, FULL), Gaussian(MEAN - 100, FULL)])
    r = law.responsibilities(X, 1.0)
    assert torch.allclose(r.sum(-1), torch.ones(5, dtype=torch.float64))
    assert bool(torch.isfinite(law.log_prob(X, 1e-3)).all())
    thin = Diagonal(torch.tensor([1.0, 0, 0, 0, 0, 0]))
    points = Mixture(torch.tensor([0.2, 0.8]), [Gaussian(MEAN, thin), Gaussian(-MEAN, thin)])
    assert torch.allclose(points.responsibilities(X), torch.tensor([0.2, 0.8], dtype=torch.float64).expand(5, 2))
    assert bool((points.log_prob(X) == -math.inf).all())


def test_conditioning_moves_the_weights_by_evidence() -> None:
    """Two components that differ in one entry: seeing it decides between them, by Bayes' rule."""
    parts = [Gaussian(torch.tensor([0.0, 0.0]), Diagonal(torch.ones(2))), Gaussian(torch.tensor([3.0, 0.0]), Diagonal(torch.ones(2)))]
    prior = Mixture(torch.tensor([0.9, 0.1], dtype=torch.float64), parts)
    seen = prior.condition(Mask(torch.tensor([True, False])), torch.tensor([2.0]), 0.5)
    assert isinstance(seen.law, Mixture)
    likelihood = torch.exp(-0.5 * torch.tensor([4.0, 1.0], dtype=torch.float64) / 1.25) / math.sqrt(2 * math.pi * 1.25)
    joint = torch.tensor([0.9, 0.1], dtype=torch.float64) * likelihood
    assert torch.allclose(seen.law.weights, joint / joint.sum(), atol=1e-12)
    assert float(seen.log_evidence) == pytest.approx(math.log(float(joint.sum())), abs=1e-12)


def test_bad_input() -> None:
    cases = [
        (lambda: Mixture(torch.tensor([0.5, 0.5]), [gaussian()]), "weights has 2 entries for 1 components"),
        (lambda: Mixture(torch.tensor([-0.5, 1.5]), [gaussian()] * 2), "weights must be at least 0 with a positive sum"),
        (lambda: Mixture(torch.tensor([0.0, 0.0]), [gaussian()] * 2), "weights must be at least 0"),
        (
            lambda: Mixture(torch.ones(2), [gaussian(), Gaussian(normal(4), Diagonal(torch.ones(4)))]),
            "different event shapes",
        ),
    ]
    for call, sentence in cases:
        with pytest.raises(InputError, match=sentence):
            call()
