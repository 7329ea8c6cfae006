"""The density of every model in the units of the user: exact, or with its error."""

from __future__ import annotations

import functools
import math

import pytest
import torch

import ornstein as orn
from kinds import normal
from ornstein.denoisers import Gaussian, Guided, Network, Posterior, fit_gaussian
from ornstein.fitting.conditions import Conditions
from ornstein.fitting.scaling import Scaler
from ornstein.nets import MLP

X = 3 * normal(200, 2, 4, seed=1) @ torch.diag(torch.tensor([1.0, 0.5, 2.0, 1.0], dtype=torch.float64)) + 10


def net(classes: int = 0) -> MLP:
    torch_net = MLP((2, 4), width=8, depth=1, classes=classes).double()
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for p in torch_net.parameters():
            p.add_(0.1 * torch.randn(p.shape, dtype=p.dtype, generator=generator))
    return torch_net


def networked(labels: torch.Tensor | None = None) -> orn.Model:
    """A model whose network disturbs the Gaussian it stands on."""
    scaler = Scaler.fit(X, "channel")
    network = Network.of(net(0 if labels is None else 2), fit_gaussian(scaler.encode(X)))
    known = None if labels is None else Conditions.fit(labels, None, len(X))[0]
    return orn.Model(network, scaler, conditions=known)


def test_a_law_says_that_it_is_exact() -> None:
    model = orn.fit(X, "gaussian", folds=0)
    found = model.log_density(X[:5])
    assert found.method == "exact"
    assert torch.equal(found.value, model.log_prob(X[:5]))


def test_a_network_at_rest_is_its_gaussian() -> None:
    """One whose answers are 0 has the density of the Gaussian it stands on, in the units of the data; the scale is in it."""
    model = networked()
    law = model.law
    still = orn.fit(X, "gaussian", folds=0)
    with torch.no_grad():
        for p in law.module.parameters():
            p.zero_()
    found = model.log_density(X[:5])
    expected = law.reference.log_prob(model.scaler.encode(X[:5])) - float(model.scaler.scale.log().sum())
    assert found.method == "flow"
    assert torch.allclose(found.value, expected, atol=1e-4)
    assert torch.allclose(found.value, still.log_prob(X[:5]), atol=1.0)


def test_methods_of_a_network_agree() -> None:
    model = networked()
    flow, bound = (model.log_density(X[:4], method=m) for m in ("flow", "bound"))
    assert torch.equal(model.surprise(X[:4]).nats, -flow.value)
    assert model.surprise(X[:4]).p_value is None
    assert float((bound.value - flow.value).abs().max()) < 1.5


def test_a_label_changes_the_density() -> None:
    model = networked((X[:, 0, 0] > 10).long())
    ask = functools.partial(model.log_density, X[:3], error=2.0)
    one, other = (ask(label=k).value for k in (0, 1))
    each = ask(label=[0, 1, 0]).value
    assert not torch.allclose(one, other)
    assert torch.allclose(each[[0, 2]], one[[0, 2]], atol=1e-6)
    guided = ask(label=0, guidance=2.0)
    assert not torch.allclose(guided.value, one)
    assert guided.method == "flow"


def test_a_guided_gaussian_denoiser() -> None:
    """Guidance between two Gaussians of one covariance is a Gaussian denoiser, with its mean beyond the conditional one."""
    cov = orn.covariance.Diagonal(torch.tensor([1.0, 0.5, 0.2]))
    laws = [Gaussian(torch.tensor([m, 0.0, 0.0]), cov) for m in (0.0, 1.0, 2.0)]
    guided = Guided(laws[1], laws[0], 2.0)
    x = laws[2].sample(4)
    assert torch.allclose(orn.likelihood.flow(guided, x, laws[2], steps=16).value, laws[2].log_prob(x), atol=1e-8)


def test_bits_of_rounded_data() -> None:
    """Bits per entry need the step; without it the unit of the data decides."""
    x = X[:, 0].round()
    model = orn.fit(x, "gaussian", folds=0)
    bits = model.bits_per_dim(x[:20], step=1.0)
    assert float(bits.min()) > 0
    tenfold = orn.fit(10 * x, "gaussian", folds=0)
    assert torch.allclose(tenfold.bits_per_dim(10 * x[:20], step=10.0), bits, atol=1e-6)
    with pytest.warns(UserWarning, match=r"rounded to 10, .*bits_per_dim\(x, step=10\)"):
        undeclared = tenfold.bits_per_dim(10 * x[:20])
    assert float((undeclared - tenfold.bits_per_dim(10 * x[:20])).abs().max()) == 0  # and said once
    with pytest.warns(UserWarning, match="rounded to 1,"):
        assert float((undeclared - model.bits_per_dim(x[:20])).mean()) == pytest.approx(math.log2(10))
    with pytest.raises(orn.InputError, match="does not lie on a grid"):
        model.bits_per_dim(X[:5, 0], step=1.0)


def test_a_denoiser_of_unknown_moments_asks_for_a_law() -> None:
    class Own(orn.denoisers.Denoiser):
        event_shape = (3,)

        def __call__(self, x: torch.Tensor, sigma: object) -> Posterior:
            return Posterior(0 * x)

    with pytest.raises(orn.InputError, match="does not know the mean and covariance"):
        orn.fit(normal(10, 3), Own()).log_prob(normal(2, 3))


def test_where_a_signal_is_odd() -> None:
    """The exact map of a law and the shares of a network both point at a spike; the unit of the data moves every entry alike."""
    x = X[:4].clone()
    x[:, 1, 2] += 60
    law, net_model = orn.fit(X, "gaussian", folds=0), networked()
    for model in (law, net_model):
        assert model.where(x).flatten(1).argmax(1).tolist() == [6] * 4
        assert model.where(x, "time").argmax(1).tolist() == [2] * 4
        assert model.where(x, "channel").argmax(1).tolist() == [1] * 4
    larger = orn.fit(1000 * X, "gaussian", folds=0)
    assert torch.allclose(larger.where(1000 * x) - law.where(x), torch.tensor(math.log(1000), dtype=torch.float64), atol=1e-6)
    with pytest.raises(orn.InputError, match="floor is"):
        net_model.where(x, floor=0.1)


def test_rounded_values_are_said_once_and_never_of_others() -> None:
    """Nothing is said of continuous values, of fewer than can show a grid, of what was declared, and by what only compares cases."""
    x = X[:, 0].round()
    model = orn.fit(x, "gaussian", folds=0)
    model.bits_per_dim(X[:50, 0])
    fresh = orn.fit(x, "gaussian")
    fresh.bits_per_dim(x[:3])
    fresh.log_density(x[:50])
    fresh.surprise(x[:50])
    fresh.bits_per_dim(x[:50], step=1.0)
    with pytest.warns(UserWarning, match="x is rounded to 1,"):
        fresh.bits_per_dim(x[:50])
    fresh.bits_per_dim(x[:50])
    fresh.log_prob(x[:50])
    with pytest.warns(UserWarning, match=r"x is rounded to 1,.*declare it, bits_per_dim\(x, step=1\)"):
        orn.fit(x, folds=0).log_prob(x[:50])
    half = torch.stack([X[:, 0, 0], X[:, 0, 1].round()], 1)
    with pytest.warns(UserWarning, match="1 channels of x are rounded to 1,"):
        orn.fit(half, "gaussian", folds=0).bits_per_dim(half)
