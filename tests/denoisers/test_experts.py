"""The denoiser of a mixture in large products is the mixture's own, and its error is what the table says."""

from __future__ import annotations

import math

import pytest
import torch

from kinds import EVENT, SIZE, gaussian, mixture, normal
from ornstein.common.errors import InputError
from ornstein.covariance import Diagonal
from ornstein.denoisers import Gaussian, Mixture, Network, Preconditioning
from ornstein.denoisers.experts import LARGEST, Experts
from ornstein.fitting.network import fit_reference
from ornstein.model.storage import decode_law, encode_law
from ornstein.nets import MLP

LEVELS = (1e-3, 0.05, 0.4, 3.0, 50.0, 1e6)
SKEWED = Mixture(
    torch.tensor([0.8, 0.2]),
    [Gaussian(torch.full((1,), m), Diagonal(torch.full((1,), v))) for m, v in ((-0.5, 0.01), (2.0, 0.09))],
)


@pytest.mark.parametrize("sigma", LEVELS)
def test_it_is_the_denoiser_of_the_mixture(sigma: float) -> None:
    law, x = mixture(), 2 * normal(9, *EVENT, seed=20)
    level = torch.full((9,), sigma, dtype=torch.float64)
    found = Experts.of(law)(x.flatten(1), level).view(x.shape)
    assert torch.allclose(found, law(x, sigma).mean, rtol=0, atol=1e-9)
    single = Experts.of(law).to("cpu", torch.float32)(x.flatten(1).float(), level.float()).view(x.shape)
    assert torch.allclose(single.double(), found, rtol=0, atol=2e-4)


def test_the_ends_of_the_noise() -> None:
    """Without noise x comes back, with nothing else the mean does, also where components have null directions."""
    thin = Mixture(torch.tensor([0.5, 0.5]), [Gaussian(m * torch.ones(3), Diagonal(torch.tensor([1.0, 0.2, 0.0]))) for m in (-1.0, 1.0)])
    experts = Experts.of(thin).to("cpu", torch.float32)
    x = torch.tensor([[0.3, 0.8, 1.0]])
    assert torch.allclose(experts(x, torch.zeros(1)), x, atol=1e-5)
    assert torch.allclose(experts(x, torch.full((1,), math.inf)), torch.zeros(1, 3), atol=1e-5)


def test_the_error_is_that_of_quadrature() -> None:
    """In one dimension E (x_0 - E[x_0 | x])^2 = E x_0^2 - E m(x)^2, an integral over x. The table comes from 1024 draws of one seed:
    for a squared error of kurtosis 10, as where components meet, that is 9 %, and the bound two and a half times as much."""
    experts = Experts.of(SKEWED)
    second = float((SKEWED.weights * torch.tensor([0.26, 4.09])).sum())
    for sigma in (0.05, 0.2, 0.5, 1.0, 4.0):
        x = torch.linspace(-12 * max(sigma, 0.5) - 1, 12 * max(sigma, 0.5) + 3, 40001, dtype=torch.float64).unsqueeze(1)
        density, mean = SKEWED.log_prob(x, sigma).exp(), SKEWED(x, sigma).mean[:, 0]
        exact = second - float(torch.trapezoid(density * mean**2, x[:, 0]))
        found = float(experts.deviation(torch.tensor(sigma, dtype=torch.float64))) ** 2
        assert abs(found / exact - 1) < 0.24, (sigma, found, exact)


def test_the_error_has_its_limits() -> None:
    """sigma itself for little noise, and the deviation of the law for much."""
    experts = Experts.of(SKEWED)
    small = torch.tensor([1e-9, 1e-6, 1e-3], dtype=torch.float64)
    assert torch.allclose(experts.deviation(small) / small, torch.ones(3, dtype=torch.float64), atol=0.1)
    deviation = float(SKEWED.covariance().trace()) ** 0.5
    assert abs(float(experts.deviation(torch.tensor(1e5, dtype=torch.float64))) / deviation - 1) < 0.12


def test_a_silent_network_is_the_mixture() -> None:
    law, x = mixture(), normal(5, *EVENT, seed=21)
    network = Network.of(MLP(EVENT, width=8, depth=1).double(), law)
    for sigma in (0.1, 1.0, 10.0):
        assert torch.allclose(network(x, sigma).mean, law(x, sigma).mean, rtol=0, atol=1e-9)
    assert torch.allclose(network.reference.mean(), law.mean())
    assert torch.allclose(network.reference.operator.dense(), law.covariance().dense())
    part = network.preconditioning
    level = torch.tensor([0.1, 2.0], dtype=torch.float64)
    assert torch.allclose(part.weight(level), Experts.of(law).deviation(level) ** -2)
    assert torch.allclose(part.scale(torch.ones(2, SIZE, dtype=torch.float64), level)[:, 0], Experts.of(law).deviation(level))


def test_one_component_is_the_gaussian() -> None:
    """Skip, input and weight are those of the Gaussian; the weight to the accuracy of the draws."""
    one, same = Preconditioning.of(Mixture(torch.ones(1), [gaussian()])), Preconditioning.of(gaussian())
    x, level = normal(4, SIZE, seed=22), torch.tensor([0.01, 0.3, 2.0, 30.0], dtype=torch.float64)
    for mine, its in zip(one.parts(x, level), same.parts(x, level), strict=True):
        assert torch.allclose(mine, its, rtol=0, atol=1e-9)
    assert torch.allclose(one.weight(level) / same.weight(level), torch.ones(4, dtype=torch.float64), atol=0.2)


def test_vectors_get_a_mixture_where_it_is_one() -> None:
    x = SKEWED.sample(400)
    assert isinstance(fit_reference(x), Mixture)
    assert isinstance(fit_reference(x.unsqueeze(1)), Gaussian)
    assert isinstance(fit_reference(x, "diagonal"), Gaussian)


def test_a_network_on_a_mixture_comes_back_from_disk() -> None:
    network, x = Network.of(MLP(EVENT, width=8, depth=1), mixture()), normal(3, *EVENT)
    spec, tensors = encode_law(network)
    again = decode_law(spec, tensors)
    assert torch.equal(again(x, 0.7).mean, network(x, 0.7).mean)


def test_too_large() -> None:
    size = int((LARGEST // 2) ** 0.5) + 1
    big = Mixture(torch.ones(2), [Gaussian(torch.zeros(size), Diagonal(torch.ones(size)))] * 2)
    with pytest.raises(InputError, match="too large"):
        Experts.of(big)
