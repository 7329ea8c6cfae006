"""Exact draws: their moments, their law along a line, and that a draw belongs to its number and not to its batch."""

from __future__ import annotations

import math

import pytest
import scipy.stats
import torch
from torch import Tensor

from kinds import BATCHES, CASES, EVENT, LAWS, SIZE, normal
from ornstein.common.random import Noise
from ornstein.denoisers import Empirical, Gaussian, Law, Mixture, Particles

every_law = pytest.mark.parametrize("name", LAWS)
DRAWS = 20000


@every_law
@pytest.mark.parametrize("sigma", [0.0, 0.6])
def test_draws_have_the_right_moments(name: str, sigma: float) -> None:
    """Mean and covariance of 20 000 draws, each entry within 6 standard errors of its own: false alarm below 27 x 2e-9 a law."""
    law = LAWS[name]()
    x = law.sample(DRAWS, seed=5, sigma=sigma).flatten(1)
    centred = x - law.mean().flatten()
    expected = law.covariance().dense() + sigma**2 * torch.eye(SIZE, dtype=torch.float64)
    products = centred.unsqueeze(-1) * centred.unsqueeze(-2)
    for sample, target in ((centred, torch.zeros(SIZE, dtype=torch.float64)), (products, expected)):
        error = sample.std(0) / math.sqrt(DRAWS) + 1e-12
        assert float(((sample.mean(0) - target).abs() / error).max()) < 6


@every_law
def test_draws_have_the_right_law(name: str) -> None:
    """Along any direction a law with noise is a mixture of Gaussians on a line with known weights, centres and widths.

    Kolmogorov-Smirnov at p > 1e-7: a false alarm in 1e7. Moments alone would not see a wrong shape.
    """
    law, direction = LAWS[name](), normal(SIZE, seed=30)
    x = (law.sample(DRAWS, seed=6, sigma=0.5).flatten(1) @ direction).numpy()
    weights, centres, widths = along(law, direction, 0.5)

    def cdf(v: object) -> object:
        z = (torch.as_tensor(v).unsqueeze(-1) - centres) / widths
        return (weights * torch.special.ndtr(z)).sum(-1).numpy()

    assert scipy.stats.kstest(x, cdf).pvalue > 1e-7


def along(law: Law, direction: Tensor, sigma: float) -> tuple[Tensor, Tensor, Tensor]:
    """Weights, centres and deviations of direction^T (x_0 + sigma z)."""
    noise = sigma**2 * (direction**2).sum()
    if isinstance(law, Gaussian):
        variance = direction @ (law.covariance() @ direction) + noise
        return torch.ones(1, dtype=torch.float64), (law.mean().flatten() @ direction).view(1), variance.sqrt().view(1)
    if isinstance(law, Mixture):
        parts = [along(c, direction, sigma) for c in law.components]
        return law.weights, torch.cat([p[1] for p in parts]), torch.cat([p[2] for p in parts])
    if isinstance(law, Particles):
        return law.weights, law.points @ direction, noise.sqrt().view(1)
    assert isinstance(law, Empirical)
    width = noise if law.kernel is None else noise + direction @ (law.kernel @ direction)
    return law.weights, (law.points.flatten(1) + law.offset) @ direction, width.sqrt().view(1)


@every_law
def test_draw_i_does_not_depend_on_the_batch(name: str) -> None:
    law = LAWS[name]()
    for sigma in (0.0, 0.6):
        many = law.sample(40, seed=7, sigma=sigma)
        assert torch.allclose(law.sample(1, seed=7, sigma=sigma, first=31)[0], many[31], atol=1e-12)
        assert torch.allclose(law.sample(7, seed=7, sigma=sigma), many[:7], atol=1e-12)
        assert torch.allclose(law.draw(Noise(7, 11), 5, sigma), many[11:16], atol=1e-12)
        assert not torch.allclose(law.sample(7, seed=8, sigma=sigma), many[:7])


@pytest.mark.parametrize("name", sorted(BATCHES))
def test_draws_of_a_batch_of_laws(name: str) -> None:
    """Each law of the batch is drawn from on its own (6 standard errors; false alarm below 24 x 2e-9), and laws share no noise."""
    law, n = BATCHES[name](), 4000
    x = law.sample(n, seed=8)
    assert x.shape == (n, CASES, *EVENT)
    assert float(((x.mean(0) - law.mean()).abs() / (x.std(0) / math.sqrt(n) + 1e-9)).max()) < 6
    centred = (x - x.mean(0)).flatten(2)
    products = centred.unsqueeze(-1) * centred.unsqueeze(-2)
    gap = (products.mean(0) - law.covariance().dense().expand(CASES, SIZE, SIZE)).abs() / (products.std(0) / math.sqrt(n) + 1e-9)
    assert float(gap.max()) < 6
    across = centred[:, 0, 0] * centred[:, 1, 0]
    assert abs(float(across.mean())) < 6 * float(across.std()) / math.sqrt(n) + 1e-9
    assert torch.allclose(law.sample(n, seed=8)[:7], law.sample(7, seed=8), atol=1e-12)
