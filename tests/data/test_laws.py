"""Laws with known truth keep their word: moments within z = 5 standard errors (false alarms below 6e-7 per entry)."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal
from torch import Tensor

from ornstein.common.errors import InputError
from ornstein.data import laws

N = 20000


def agrees(x: Tensor, covariance: Tensor) -> bool:
    """Whether mean and second moments of ``x`` (case, feature) lie within 5 standard errors of 0 and ``covariance``."""
    products = x[:, :, None] * x[:, None, :]
    mean_error = x.mean(0).abs() / (x.std(0) / math.sqrt(len(x)))
    error = (products.mean(0) - covariance).abs() / (products.std(0) / math.sqrt(len(x)))
    return bool(mean_error.max() < 5 and error.max() < 5)


def test_cosines() -> None:
    x = laws.cosines(N, length=12)
    truth = laws.cosines_covariance(12)
    assert (x.shape, x.rate) == ((N, 1, 12), 12.0)
    assert torch.allclose(truth.diagonal(), torch.ones(12, dtype=torch.float64))
    assert agrees(x.values[:, 0], truth)
    assert not agrees(x.values[:, 0], 0.97 * truth)
    assert torch.equal(laws.cosine_components(3, 50, seed=4).sum(1), laws.cosines(3, 50, seed=4).values[:, 0])


def test_one_cosine_is_a_cosine() -> None:
    """It obeys x_{i+1} + x_{i-1} = 2 cos(2 pi f / length) x_i, with one factor for the whole curve."""
    x = laws.cosine_components(1, 200, terms=1)[0, 0]
    factor = (x[2:] + x[:-2]) / x[1:-1]
    frequency = torch.arccos(factor / 2) / (2 * math.pi) * 200
    assert float(frequency.max() - frequency.min()) < 1e-6
    assert laws.LOWEST <= float(frequency[0]) <= laws.HIGHEST
    assert float(x.abs().max()) == pytest.approx(math.sqrt(2), rel=1e-2)


@pytest.mark.parametrize("tau", [0.5, 10.0])
def test_ornstein_uhlenbeck(tau: float) -> None:
    x = laws.ornstein_uhlenbeck(N, 10, tau).values[:, 0]
    truth = laws.ornstein_uhlenbeck_covariance(10, tau)
    assert float(truth[2, 5]) == pytest.approx(math.exp(-3 / tau))
    assert agrees(x, truth)
    assert not agrees(x, laws.ornstein_uhlenbeck_covariance(10, 1.2 * tau))


def test_gaussian_mixture() -> None:
    law = laws.gaussian_mixture(modes=3, dimension=2, separation=2.0)
    x, mode = law.sample(N)
    assert agrees(x - law.mean(), law.covariance())
    assert not agrees(x - law.means.mean(0), law.covariance())
    frequency = torch.bincount(mode, minlength=3) / N
    assert bool(((frequency - law.weights).abs() < 5 * (law.weights * (1 - law.weights) / N).sqrt()).all())
    own = torch.stack([(x[mode == k] - law.means[k]).mean(0).abs().max() for k in range(3)])
    assert float(own.max()) < 5 * math.sqrt(float(law.covariances.amax()) / int(torch.bincount(mode).min()))


def test_mixture_density_integrates_to_one_and_is_the_sum_of_its_modes() -> None:
    law = laws.gaussian_mixture(modes=3, dimension=2, separation=2.0)
    grid = torch.linspace(-15, 15, 401, dtype=torch.float64)
    points = torch.cartesian_prod(grid, grid)
    assert float(law.log_prob(points).exp().sum()) * float(grid[1] - grid[0]) ** 2 == pytest.approx(1, abs=1e-9)
    some = points[80000:80100]
    modes = zip(law.weights, law.means, law.covariances, strict=True)
    direct = sum(float(w) * multivariate_normal(m.numpy(), c.numpy()).pdf(some.numpy()) for w, m, c in modes)
    assert np.allclose(law.log_prob(some).exp().numpy(), direct, rtol=1e-10, atol=0)


def test_swiss_roll_lies_on_its_curve() -> None:
    x, theta = laws.swiss_roll(1000)
    assert torch.allclose(x.norm(dim=1), theta / 10)
    assert torch.allclose(torch.atan2(x[:, 1], x[:, 0]).cos(), theta.cos())
    assert float(theta.min()) >= 1.5 * math.pi
    assert float(theta.max()) <= 4.5 * math.pi
    noisy, same = laws.swiss_roll(1000, noise=0.1)
    assert torch.equal(theta, same)
    assert float((noisy - x).std()) == pytest.approx(0.1, rel=5 / math.sqrt(4000))


@pytest.mark.parametrize(
    "draw",
    [
        lambda seed: laws.cosines(2, seed=seed).values,
        lambda seed: laws.ornstein_uhlenbeck(2, seed=seed).values,
        lambda seed: laws.gaussian_mixture(seed=seed).means,
        lambda seed: laws.gaussian_mixture().sample(2, seed=seed)[0],
        lambda seed: laws.swiss_roll(2, seed=seed)[0],
    ],
)
def test_seeds(draw: Callable[[int], Tensor]) -> None:
    before = torch.get_rng_state()
    assert torch.equal(draw(1), draw(1))
    assert not torch.equal(draw(1), draw(2))
    assert torch.equal(before, torch.get_rng_state())
    with pytest.raises(InputError, match="seed is 'x', but must be a whole number"):
        draw("x")  # type: ignore[arg-type]


def test_arguments() -> None:
    with pytest.raises(InputError, match="correlation_time is 0, but must be above 0"):
        laws.ornstein_uhlenbeck(2, correlation_time=0)
    with pytest.raises(InputError, match="n is 0"):
        laws.cosines(0)
