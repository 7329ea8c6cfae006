"""The components of a mixture asked all at once, against one Gaussian after the other."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from kinds import EVENT, LAWS, MEAN, SIZE, SPECTRUM, mixture, mixture_of, normal
from ornstein.covariance import Diagonal
from ornstein.denoisers import Gaussian, Mixture
from ornstein.denoisers import components as module

X = 2 * normal(40, *EVENT, seed=20)
LEVELS = torch.linspace(0.1, 4.0, 40, dtype=torch.float64)
FLAT = (2.0, 1.0, 0.7, 0.0, 0.0, 0.0)
MIXTURES = {
    "one basis": lambda: mixture_of(SPECTRUM, (2.0, 1.0, 0.7, 0.6, 0.4, 0.2), one_basis=True),
    "one basis, ranks 6 and 3": lambda: mixture_of(SPECTRUM, FLAT, one_basis=True),
    "dense": lambda: mixture_of(SPECTRUM, (2.0, 1.0, 0.7, 0.6, 0.4, 0.2), one_basis=False),
    "dense, ranks 6 and 3": lambda: mixture_of(SPECTRUM, FLAT, one_basis=False),
    "three structures": mixture,
}
every = pytest.mark.parametrize("name", MIXTURES)


def one_by_one(law: Mixture, x: Tensor, sigma: float | Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """(log density, responsibilities, denoised signal), component by component."""
    joint = law.log_weights + torch.stack([c.log_prob(x, sigma) for c in law.components], -1)
    r = torch.softmax(joint, -1)
    means = torch.stack([c(x, sigma).mean for c in law.components], -1)
    return torch.logsumexp(joint, -1), r, (means * r.view(-1, *(1,) * len(EVENT), r.shape[-1])).sum(-1)


@every
@pytest.mark.parametrize("sigma", [0.0, 0.05, 1.0, 30.0, LEVELS], ids=str)
def test_the_same_numbers_in_any_number_of_passes(name: str, sigma: float | Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    """One of the components may have no support at x: the others share its part."""
    law = MIXTURES[name]()
    level, r, mean = one_by_one(law, X, sigma)
    for numbers in (1 << 17, 7 * SIZE * len(law.components)):
        monkeypatch.setattr(module, "TOGETHER", numbers)
        assert torch.allclose(law.log_prob(X, sigma), level, rtol=1e-12, atol=1e-12)
        assert torch.allclose(law.responsibilities(X, sigma), r, rtol=1e-10, atol=1e-12)
        assert torch.allclose(law(X, sigma).mean, mean, rtol=1e-12, atol=1e-12)
    if "3" in name and not isinstance(sigma, Tensor) and sigma == 0:
        assert bool((law.responsibilities(X, sigma) == torch.tensor([1.0, 0.0])).all())


@pytest.mark.parametrize("one_basis", [True, False])
def test_each_density_is_on_the_support_of_its_own(one_basis: bool) -> None:
    """Signals of the thin component: the dimensions of its density are 3, those of the other 6."""
    law = mixture_of(SPECTRUM, FLAT, one_basis=one_basis)
    x = law.components[1].sample(5, seed=1)
    level, r, _ = one_by_one(law, x, 0.0)
    assert torch.allclose(law.log_prob(x), level, rtol=1e-12)
    assert torch.allclose(law.responsibilities(x), r, rtol=1e-10)
    assert bool((r > 0).all())


def test_far_points_lose_no_digits() -> None:
    """Narrow components far apart, where w^2 - 2 w m + m^2 would cancel."""
    lam = torch.full((SIZE,), 1e-6, dtype=torch.float64)
    law = Mixture(torch.ones(2), [Gaussian(MEAN + side * 1000, Diagonal(lam)) for side in (0, 1)])
    near = MEAN + 1e-3 * X[:4]
    expected = law.components[0].log_prob(near) - math.log(2)
    assert torch.allclose(law.log_prob(near), expected, rtol=0, atol=1e-9)
    moved = Mixture(torch.ones(2), [Gaussian(c.mean() + 2.0**20, c.operator) for c in law.components])
    there = near + 2.0**20
    assert torch.allclose(moved.log_prob(there), one_by_one(moved, there, 0.0)[0], rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", ["one basis", "dense", "three structures"])
@pytest.mark.parametrize("sigma", [0.3, math.inf])
def test_draws_are_those_of_the_chosen_component(name: str, sigma: float) -> None:
    """With all the weight on one component the draw is its own, number for number."""
    law = MIXTURES[name]()

    def white(k: int) -> Tensor:
        return normal(*X.shape, seed=100 + k)

    for k, component in enumerate(law.components):
        certain = Mixture(torch.nn.functional.one_hot(torch.tensor(k), len(law.components)), law.components)
        alone = component.posterior_draw(X, sigma, lambda j: white(j + 1))
        assert torch.allclose(certain.posterior_draw(X, sigma, white), alone, atol=1e-12)


def test_functions_that_differentiate_see_through() -> None:
    """vmap of a product with the Jacobian, which is symmetric: inside it values cannot be looked at."""
    law = LAWS["mixture-one-basis"]()
    assert isinstance(law, Mixture)
    v = normal(*X.shape, seed=5)

    def tangent(x: Tensor, direction: Tensor) -> Tensor:
        out: Tensor = torch.func.vjp(lambda y: law(y[None], 0.7).mean[0], x)[1](direction)[0]
        return out

    got = torch.func.vmap(tangent)(X, v)
    covariance = law(X, 0.7).covariance
    assert covariance is not None
    assert torch.allclose(got.flatten(1), (covariance @ v.flatten(1)) / 0.49, atol=1e-11)


def test_covariance_needs_no_component_means_until_it_is_asked() -> None:
    """The sampler only takes the mean: the K denoised signals are then never made."""
    law = LAWS["mixture-one-basis"]()
    covariance = law(X, 0.7).covariance
    assert covariance is not None
    assert "spread" not in covariance.__dict__
    assert torch.allclose(covariance @ X.flatten(1), torch.einsum("nij,nj->ni", covariance.dense(), X.flatten(1)))
