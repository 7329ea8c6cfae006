"""What is learned of a simulator and of its parameters: exact around a linear Gaussian one, nearer to the truth beyond it."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

import ornstein as orn
from kinds import normal
from ornstein.common.random import Noise
from ornstein.denoisers import Gaussian, Mixture
from ornstein.fitting.prior import fit_prior
from ornstein.fitting.simulated import Simulated, fit_simulated, held_out
from ornstein.nets.mixture_density import MixtureDensity
from ornstein.training.density import fit_density
from truth import spectrum_covariance

SLOPE = normal(2, 3, seed=1)
ERROR = torch.linalg.cholesky(spectrum_covariance((1.0, 0.3, 0.05), 2))


def linear(cases: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    theta = normal(cases, 2, seed=seed) * torch.tensor([1.0, 5.0]) + 3
    return theta, 100 + theta @ SLOPE + normal(cases, 3, seed=seed + 1) @ ERROR.T


@pytest.fixture(scope="module")
def untrained() -> Simulated:
    """Networks that answer with the standard normal: the least-squares simulator."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ornstein.fitting.simulated.STEPS", 1)
        patch.setattr("ornstein.fitting.simulated.COMPONENTS", (1,))
        patch.setattr("ornstein.training.density.RATE", 1e-9)
        return fit_simulated(*linear(4000))[0]


def gaussian(theta: Tensor) -> torch.distributions.MultivariateNormal:
    return torch.distributions.MultivariateNormal(100 + theta @ SLOPE, ERROR @ ERROR.T)


def test_without_training_it_is_the_linear_gaussian_simulator(untrained: Simulated) -> None:
    theta, x = linear(500, 7)
    apart = (untrained.log_prob(theta, x) - gaussian(theta).log_prob(x)).mean()
    assert abs(float(apart)) < 0.03  # fifteen numbers told by 4000 pairs cost 0.002 on average, and 500 cases blur that by as much


def test_noise_and_entries_that_were_not_observed_are_exact(untrained: Simulated) -> None:
    theta, x = linear(1, 7)
    one, theta = x[0].clone(), theta + 0.1 * normal(50, 2, seed=9)
    plain = untrained.log_prob(theta, one, torch.zeros(3, 3, dtype=torch.float64))
    torch.testing.assert_close(plain, untrained.log_prob(theta, one), rtol=1e-5, atol=1e-4)  # float32
    one[1], kept, noise = torch.nan, torch.tensor([0, 2]), torch.diag(torch.tensor([0.5, 0.1, 2.0], dtype=torch.float64))
    law = gaussian(theta)
    covariance = (law.covariance_matrix + noise)[:, kept][:, :, kept]
    exact = torch.distributions.MultivariateNormal(law.mean[:, kept], covariance)
    torch.testing.assert_close(untrained.log_prob(theta, one, noise), exact.log_prob(one[kept]), rtol=0, atol=0.2)


def test_how_far_an_observation_is_from_all_simulations(untrained: Simulated) -> None:
    assert untrained.apart(linear(1, 3)[1][0]) < 1.2
    assert untrained.apart(torch.tensor([1e4, 0.0, 0.0], dtype=torch.float64)) > 5


def test_training_finds_what_is_not_linear() -> None:
    """x ~ N(0, exp(2 theta)): the best answer gains half a mean square of theta's logs over any constant deviation."""
    theta = 2 * Noise(1).uniform(1000, (1,)).to(torch.float64) - 1
    x = theta.exp() * normal(1000, 1, seed=3)
    module, held = MixtureDensity(1, 1, seed=1), held_out(1000)
    best = fit_density(module, theta, x, held, steps=200)
    exact = torch.distributions.Normal(0.0, theta[held, 0].exp()).log_prob(x[held, 0]).mean()
    constant = torch.distributions.Normal(0.0, float(x.std())).log_prob(x[held, 0]).mean()
    assert best > float(exact) - 0.1 * float(exact - constant)
    assert best == pytest.approx(float(module(theta[held].float()).log_prob(x[held].float()).mean()), abs=1e-5)


def test_held_out_cases_are_looked_at_and_never_trained_on() -> None:
    """They lie 6 deviations away from all others, where the best network sees nothing."""
    theta, held = normal(500, 1, seed=1), held_out(500)
    x = normal(500, 1, seed=2) + 6 * held.unsqueeze(1)
    assert fit_density(MixtureDensity(1, 1), theta, x, held, steps=100) < -6


def test_kernels_are_densities() -> None:
    module = MixtureDensity(1, 2, components=4, seed=2)
    torch.nn.init.normal_(module.last.weight, std=0.1)
    axis = torch.linspace(-9, 9, 181)
    grid = torch.stack(torch.meshgrid(axis, axis, indexing="ij"), -1).view(-1, 2)
    with torch.no_grad():
        level = module(torch.tensor([[0.7]]).expand(len(grid), 1)).log_prob(grid)
    assert abs(float(level.exp().sum()) * 0.01 - 1) < 1e-3


def test_a_box_is_known_by_its_bounds() -> None:
    theta = torch.tensor([2.0, 300.0]) * Noise(2).uniform(600, (2,)).to(torch.float64) - torch.tensor([1.0, 0.0])
    prior = fit_prior(theta)
    assert bool(prior.uniform.all())
    drawn = prior.decode(prior.law.sample(5000))
    assert bool(((drawn > prior.low) & (drawn < prior.high)).all())
    torch.testing.assert_close(prior.decode(prior.encode(theta)), theta)
    torch.testing.assert_close(prior.log_prob(theta), torch.full((600,), -math.log(600)).double(), rtol=0, atol=0.02)
    assert float(prior.log_prob(torch.tensor([[1.2, 10.0]]))) == -math.inf
    assert "uniform between" in prior.described()


@pytest.mark.parametrize("kinds", [1, 2])
def test_other_priors_are_gaussians_or_mixtures(kinds: int) -> None:
    sign = Noise(5).uniform(1000, (1,)).sub(0.5).sign() if kinds == 2 else 0
    theta = torch.cat([5 * sign + normal(1000, 1, seed=6), Noise(8).uniform(1000, (1,)).to(torch.float64)], 1)
    prior = fit_prior(theta)
    assert prior.uniform.tolist() == [False, True]
    assert isinstance(prior.law, Mixture if kinds == 2 else Gaussian)
    fresh = torch.stack([5.0 * torch.tensor([1.0, -1.0][:kinds]), torch.full((kinds,), 0.5)], 1).double()
    if kinds == 2:
        exact = torch.full((2,), math.log(0.5) - 0.5 * math.log(2 * math.pi))
        torch.testing.assert_close(prior.log_prob(fresh), exact.double(), rtol=0, atol=0.25)


def test_what_has_no_density_is_named() -> None:
    theta = normal(100, 2, seed=1)
    with pytest.raises(orn.InputError, match=r"entry 1 of x is constant, a copy of others, or determined by theta"):
        fit_simulated(theta, torch.stack([theta[:, 0] + normal(100, seed=2), 3 * theta[:, 1] - 1], 1))
    with pytest.raises(orn.InputError, match="at most 64 entries from at least 20 simulations"):
        fit_simulated(theta, normal(100, 65, seed=2))
    with pytest.raises(orn.InputError, match="entry 0 of theta never varies"):
        fit_prior(torch.ones(50, 1, dtype=torch.float64))
