"""The density by the flow against closed forms: Gaussians seen from the wrong reference, mixtures, singular laws, networks."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from mute import Mute, network
from torch import Tensor, nn

from kinds import COLORS, EVENT, FULL, LAWS, MEAN, NO_DENSITY, SIZE, gaussian, mixture, normal
from ornstein.common.errors import InputError
from ornstein.covariance import Dense, Diagonal, LowRank, Sigma
from ornstein.denoisers import Colored, Denoiser, Gaussian, Mixture, Network, Posterior, matched
from ornstein.likelihood import flow
from truth import orthogonal, spectrum_covariance

X = mixture().sample(6, seed=3)


@pytest.mark.parametrize("size", [1, 4, 32, 256])
def test_gaussian_from_its_own_reference(size: int) -> None:
    """Nothing is left to integrate: 1e-5 nats per dimension with room to spare, and no error in any random direction."""
    law = Gaussian(normal(size, seed=1), Dense(spectrum_covariance(torch.logspace(1, -4, size, dtype=torch.float64), 2)))
    x, cases = law.sample(3, seed=4), {"exact": 8, "estimate": 8}
    for trace, steps in cases.items():
        found = flow(Mute(law), x, law, steps=steps, trace=trace)
        assert torch.allclose(found.value, law.log_prob(x), atol=1e-7 * size, rtol=0)
        assert float(found.standard_error.max()) < 1e-8 * size


def test_gaussian_from_another_reference() -> None:
    """Seen from a reference of other mean, scale and basis everything has to be integrated; the error falls with the grid."""
    law, wrong = gaussian(), Gaussian(MEAN + 0.3, Dense(spectrum_covariance((3.0, 2.0, 1.0, 1.0, 0.3, 0.2), 5)))
    x = law.sample(6, seed=5)
    errors = [float((flow(law, x, wrong, steps=n).value - law.log_prob(x)).abs().max()) for n in (16, 32, 64, 128)]
    assert errors[-1] < 5e-3  # a wrong mean is seen like 1 / sigma where the integral ends
    assert all(fine < 0.7 * coarse for coarse, fine in itertools.pairwise(errors))


@pytest.mark.parametrize("name", sorted(LAWS.keys() - NO_DENSITY))
def test_every_law_within_its_stated_error(name: str) -> None:
    law = LAWS[name]()
    x = law.sample(4, seed=6)
    found = flow(law, x, error=0.05)
    assert float((found.value - law.log_prob(x)).abs().max()) < 0.05
    assert float(found.discretisation_error.max()) < 0.05


def test_eight_calls_on_a_nearly_gaussian_law() -> None:
    """Within 0.01 nats per dimension of the truth, on a mixture of four in 64 dimensions whose means are 0.7 deviations apart."""
    t = torch.arange(64, dtype=torch.float64) / 64
    smooth = torch.exp(-0.5 * ((t[:, None] - t) / 0.08) ** 2) + 1e-2 * torch.eye(64, dtype=torch.float64)
    root = torch.linalg.cholesky(smooth)
    law = Mixture(torch.ones(4), [Gaussian(0.7 * root @ normal(64, seed=k), Dense(smooth)) for k in range(4)])
    x = law.sample(32, seed=1)
    off = flow(law, x, steps=8).value - law.log_prob(x)
    assert float(off.abs().mean()) / 64 < 0.002
    assert float(off.abs().max()) / 64 < 0.01


@pytest.mark.parametrize("sigma", [0.3, 2.0])
def test_a_noisy_state(sigma: float) -> None:
    """p_sigma, on every direction, where the law itself has a support of three dimensions only."""
    for law in (mixture(), LAWS["gaussian-narrow"]()):
        x = law.sample(5, seed=7, sigma=sigma)
        found = flow(law, x, sigma=sigma, steps=64)
        assert torch.allclose(found.value, law.log_prob(x, sigma), atol=5e-3)


def test_a_derivative_equals_the_posterior_covariance() -> None:
    law = mixture()
    known, derived = flow(law, X, steps=16), flow(Mute(law), X, matched(law), steps=16)
    assert torch.allclose(known.value, derived.value, atol=1e-10)


@pytest.mark.parametrize(("cases", "share_off"), [(200, 0.06), pytest.param(5000, 0.01, marks=pytest.mark.slow)])
def test_the_estimated_trace_keeps_its_promise(cases: int, share_off: float) -> None:
    """The truth lies within 1.96 stated errors in 95 %. The share has a deviation of 1.5 % with 200 cases and 0.3 % with 5000, so
    correct bars fail once in 10000 or 1000; the second catches bars 7 % too wide or 6 % too narrow half of the time."""
    law = mixture()
    x = law.sample(cases, seed=8)
    found = flow(law, x, steps=32, trace="estimate", error=0.1)
    z = (found.value - flow(law, x, steps=32).value) / found.standard_error
    share = float((z.abs() < 1.96).to(torch.float64).mean())
    assert abs(share - 0.95) < share_off
    # the spread of z has a deviation of (2 cases)^-1/2, so bars a fourth too wide fail with 200 cases, and correct ones once in 100000
    assert abs(float(z.std()) - 1) < 4.5 / math.sqrt(2 * cases)
    assert float((found.standard_error < 0.1).to(torch.float64).mean()) > 0.98  # where the products run out, the error says so


def test_random_directions_belong_to_the_case() -> None:
    law = mixture()
    whole = flow(law, X, steps=8, trace="estimate", most=64)
    assert torch.equal(whole.value, flow(law, X, steps=8, trace="estimate", most=64).value)
    assert not torch.equal(whole.value, flow(law, X, steps=8, trace="estimate", most=64, seed=1).value)


def test_outside_the_support() -> None:
    law = LAWS["gaussian-narrow"]()
    x = torch.cat([law.sample(2, seed=1), law.sample(1, seed=2) + 0.1])
    found = flow(law, x, steps=8)
    assert torch.allclose(found.value, law.log_prob(x), atol=1e-9)
    assert math.isinf(float(found.value[2]))
    assert float(found.error[2]) == 0


@pytest.mark.parametrize("dimension", [1, 2])
def test_a_network_has_a_density_that_integrates_to_one(dimension: int) -> None:
    """Whatever the network answers, its flow is invertible: trapezoidal sum over a grid of 8 deviations either way."""
    law = Gaussian(torch.zeros(dimension), Diagonal(torch.tensor([1.0, 0.5])[:dimension]))
    denoiser = network((dimension,), law)
    points = 400 if dimension == 1 else 48
    axes = [torch.linspace(-5, 5, points, dtype=torch.float64)] * dimension
    grid = torch.cartesian_prod(*axes).view(-1, dimension)
    found = flow(denoiser, grid, steps=32)
    total = float(found.value.exp().sum()) * (10 / (points - 1)) ** dimension
    assert abs(total - 1) < 1e-3
    assert float((found.value - law.log_prob(grid))[found.value > -5].abs().max()) > 0.05  # it is not the Gaussian


def test_change_of_variables() -> None:
    """Turned, scaled and moved together with its reference a network's law keeps its density but for the scale."""
    law = gaussian()
    inner, turn, scale = network(EVENT, law), orthogonal(SIZE, 9), 3.0

    class Turned(Denoiser):
        event_shape = EVENT

        def __call__(self, x: Tensor, sigma: Sigma) -> Posterior:
            back = ((x.flatten(1) - 1) @ turn / scale).view(x.shape)
            clean = inner(back, torch.as_tensor(sigma) / scale).mean.flatten(1)
            return Posterior((scale * clean @ turn.T + 1).view(x.shape))

    moved = Gaussian((scale * MEAN.flatten() @ turn.T + 1).view(EVENT), Dense(scale**2 * turn @ FULL.dense() @ turn.T))
    y = (scale * X.flatten(1) @ turn.T + 1).view(X.shape)
    here, there = flow(inner, X, steps=16), flow(Turned(), y, moved, steps=16)
    assert torch.allclose(there.value, here.value - SIZE * math.log(scale), atol=1e-8)


def test_correlated_noise() -> None:
    law = Colored.of(mixture(), COLORS["dense"])
    x = mixture().sample(4, seed=9)
    assert torch.allclose(flow(law, x, error=0.01).value, mixture().log_prob(x), atol=0.01)


def test_redundant_coordinates() -> None:
    """A floor shared by many directions has more coordinates than dimensions; exact and estimated trace still agree with the truth."""
    wide = Gaussian(MEAN, LowRank(orthogonal(SIZE, 3)[:, :2], torch.tensor([4.0, 2.0]), 0.5))
    law = gaussian()
    x = law.sample(4, seed=2)
    assert torch.allclose(flow(law, x, wide, steps=128).value, law.log_prob(x), atol=2e-3)
    estimated = flow(law, x, wide, steps=128, trace="estimate", error=0.03)
    assert float(((estimated.value - law.log_prob(x)) / estimated.error).abs().max()) < 4


def test_a_module_whose_derivative_cannot_be_vectorised() -> None:
    """Operations whose backward pass torch cannot batch serve too, one pass a direction."""

    class Backward(torch.autograd.Function):
        @staticmethod
        def forward(x: Tensor) -> Tensor:
            return torch.sin(x)

        @staticmethod
        def setup_context(ctx: object, inputs: tuple[Tensor], output: Tensor) -> None:
            ctx.save_for_backward(inputs[0])  # type: ignore[attr-defined]

        @staticmethod
        def backward(ctx: object, grad: Tensor) -> Tensor:
            if float(grad.sum()) == torch.inf:  # what no vectorised pass can answer
                return grad
            return grad * torch.cos(ctx.saved_tensors[0])  # type: ignore[attr-defined]

    class Wave(nn.Module):
        def __init__(self, own: bool) -> None:
            super().__init__()
            self.layer, self.own = nn.Linear(SIZE, SIZE).double(), own
            nn.init.constant_(self.layer.weight, 0.1)
            nn.init.zeros_(self.layer.bias)

        def forward(self, x: Tensor, noise: Tensor) -> Tensor:
            h = self.layer(x.flatten(1))
            return (Backward.apply(h) if self.own else torch.sin(h)).view(x.shape)

    found = [flow(Network.of(Wave(own), gaussian()), X, steps=8).value for own in (True, False)]
    assert torch.allclose(found[0], found[1], atol=1e-10)


def test_a_cut_derivative_is_refused() -> None:
    class Cut(Mute):
        def __call__(self, x: Tensor, sigma: Sigma) -> Posterior:
            return Posterior(self.law(x, sigma).mean.detach() + 0 * x)

    with pytest.raises(InputError, match="detach"):
        flow(Cut(mixture()), X, matched(mixture()))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"trace": "hutchinson"}, "trace is 'hutchinson'"),
        ({"steps": 3}, "steps is 3"),
        ({"error": 0.0}, "error is 0"),
        ({"sigma": -1.0}, "sigma is -1"),
        ({"x": torch.zeros(2, 5)}, "must be"),
        ({"reference": Gaussian(torch.zeros(3), Diagonal(torch.ones(3)))}, "must be|signals of shape"),
        ({"reference": Gaussian(MEAN, Diagonal(torch.zeros(SIZE)))}, "no variance"),
    ],
)
def test_bad_input(change: dict[str, object], words: str) -> None:
    arguments = {"x": X, **change}
    with pytest.raises(InputError, match=words):
        flow(mixture(), **arguments)  # type: ignore[arg-type]


def test_a_denoiser_without_moments_asks_for_a_reference() -> None:
    with pytest.raises(InputError, match="pass reference="):
        flow(Mute(mixture()), X)
