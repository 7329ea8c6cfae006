"""Densities integrate to 1 at every noise level, in one and in two dimensions, and give the moments they should."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from kinds import normal
from ornstein.covariance import Dense, Diagonal
from ornstein.denoisers import Colored, Empirical, Gaussian, Law, Mixture
from ornstein.measurements import Linear
from truth import spectrum_covariance


def gaussian(d: int) -> Gaussian:
    return Gaussian(normal(d, seed=1), Dense(spectrum_covariance((1.5, 0.4)[:d], 1)))


def mixture(d: int) -> Mixture:
    return Mixture(torch.tensor([0.7, 0.3]), [gaussian(d), Gaussian(normal(d, seed=2) + 2, Diagonal(torch.full((d,), 0.3)))])


def kernel(d: int) -> Empirical:
    weights = torch.log_softmax(normal(12, seed=4), 0)
    return Empirical(normal(12, d, seed=3), Dense(spectrum_covariance((0.3, 0.2)[:d], 2)), log_weights=weights)


def seen(law: Law, d: int) -> Law:
    return law.condition(Linear(normal(1, d, seed=5)), torch.tensor([0.4]), 0.5).law


LAWS: dict[str, Callable[[int], Law | Colored]] = {
    "gaussian": gaussian,
    "mixture": mixture,
    "points": lambda d: Empirical(normal(12, d, seed=3)),
    "kernel": kernel,
    "gaussian seen": lambda d: seen(gaussian(d), d),
    "mixture seen": lambda d: seen(mixture(d), d),
    "kernel seen": lambda d: seen(kernel(d), d),
    "gaussian colored": lambda d: Colored.of(gaussian(d), Dense(spectrum_covariance((0.8, 0.3)[:d], 6))),
    "kernel colored": lambda d: Colored.of(kernel(d), Dense(spectrum_covariance((0.8, 0.3)[:d], 6))),
}


@pytest.mark.parametrize("name", LAWS)
@pytest.mark.parametrize("sigma", [0.0, 0.35, 1.0, 3.0])
@pytest.mark.parametrize("d", [1, 2])
def test_density_integrates_to_one(name: str, sigma: float, d: int) -> None:
    """On a grid far finer than the narrowest bump the sum converges faster than any power of its step: 1e-8 is easy."""
    if name == "points" and sigma == 0:
        return
    law = LAWS[name](d)
    step, reach = (0.02 if d == 1 else 0.08) * (1 if sigma < 1 else 2), 10 + 7 * sigma
    axis = torch.arange(-reach, reach, step, dtype=torch.float64)
    grid = torch.cartesian_prod(*[axis] * d).view(-1, d)
    mass = torch.exp(law.log_prob(grid, sigma)) * step**d
    assert abs(float(mass.sum()) - 1) < 1e-8
    if isinstance(law, Law):
        mean = mass @ grid
        assert torch.allclose(mean, law.mean(), atol=1e-7)
        spread = (grid - mean).T @ ((grid - mean) * mass.unsqueeze(-1))
        assert torch.allclose(spread, law.covariance().dense() + sigma**2 * torch.eye(d, dtype=torch.float64), atol=1e-6)
