"""The door of posteriors in the user's units: other noise, products, labels, a second measurement, functions of signals."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

import ornstein as orn
from kinds import Silent
from ornstein.data.laws import ornstein_uhlenbeck
from ornstein.denoisers import Network
from ornstein.model import Model

SIGNALS = orn.Signals(20 + 5 * ornstein_uhlenbeck(200, 4, 3.0, seed=1).values, rate=4.0, channels=("load",), units=("kW",))
GAUSSIAN = orn.fit(SIGNALS, folds=0)
TWO = orn.fit(SIGNALS, "mixture", components=2, folds=0)
MASK = orn.Mask(torch.arange(4) < 2)
Y = SIGNALS.values[:3, 0, :2]


NETWORK = Model(Network.of(Silent(), TWO.law), TWO.scaler, TWO.channels, TWO.units, TWO.rate)


def test_noise_of_another_kind_is_in_the_units_of_y():
    """Laplace noise as a mixture of two Gaussians cannot do it; as Student's with many degrees of freedom, it is Gaussian."""
    exact = GAUSSIAN.posterior(MASK, Y[0], 2.0)
    found = GAUSSIAN.posterior(MASK, Y[0], orn.StudentT(2.0, 1e6), steps=8)
    assert abs(float(found.log_evidence - exact.log_evidence)) < 0.01
    z = (found.mean() - exact.mean()) / (exact.covariance().diagonal().view(1, 4) / 1000).sqrt()
    assert float(z.abs().max()) < 5.5


def test_two_measurements_in_any_order_and_at_once():
    first, second = (MASK, Y[0], 2.0), (orn.Average(2), SIGNALS.values[0].view(1, 2, 2).mean(-1), 1.0)
    exact = TWO.posterior(*first).posterior(*second)
    for order in ((first, second), (second, first)):
        one = NETWORK.posterior(*order[0])
        both = one.posterior(*order[1])
        z = (both.mean() - exact.mean()) / (exact.covariance().diagonal().view(1, 4) / 1000).sqrt()
        assert float(z.abs().max()) < 5.5
        total = float(one.log_evidence + both.log_evidence)
        alone = TWO.posterior(*first)
        assert abs(total - float(alone.log_evidence + exact.log_evidence)) < 0.02


def test_nothing_measured_and_endless_noise_are_the_prior():
    nothing = NETWORK.posterior(orn.Mask(torch.zeros(4, dtype=torch.bool)), torch.zeros(0), 1.0, steps=8)
    loud = NETWORK.posterior(MASK, Y[0], 1e9, steps=8)
    for found in (nothing, loud):
        z = (found.mean() - TWO.mean()) / (TWO.covariance().diagonal().view(1, 4) / 1000).sqrt()
        assert float(z.abs().max()) < 5.5
    assert abs(float(nothing.log_evidence)) < 1e-12


def test_the_product_of_two_models_is_normalised():
    """Against its own integral: E_p q(x), over draws of p, and pointwise p q / Z."""
    other = orn.fit(21 + 3 * ornstein_uhlenbeck(100, 4, 1.0, seed=2).values, "mixture", components=2, folds=0)
    for p in (GAUSSIAN, TWO):
        product = p.posterior(other)
        x = p.sample(50, seed=4)
        torch.testing.assert_close(product.log_prob(x), p.log_prob(x) + other.log_prob(x) - product.log_evidence)
    found = NETWORK.posterior(other, particles=2000, steps=24)
    exact = TWO.posterior(other)
    assert abs(float(found.log_evidence - exact.log_evidence)) < 5 * float(found.diagnostics.evidence_error) + 0.05
    one = NETWORK.posterior(GAUSSIAN, particles=500, steps=12)
    assert abs(float(one.log_evidence - TWO.posterior(GAUSSIAN).log_evidence)) < 5 * float(one.diagnostics.evidence_error) + 0.02


def test_whatever_is_known_can_be_said():
    """A likelihood of one's own, Gaussian in truth; and draws of a network weighed by it."""
    exact = TWO.posterior(MASK, Y[0], 3.0)

    def level(x: Tensor) -> Tensor:
        return -0.5 * ((x[:, 0, :2] - Y[0]) / 3).square().sum(-1) - 2 * math.log(3) - math.log(2 * math.pi)

    found = NETWORK.posterior(orn.Likelihood(level), steps=24)
    assert abs(float(found.log_evidence - exact.log_evidence)) < 5 * float(found.diagnostics.evidence_error) + 0.02
    weighed = NETWORK.posterior(orn.Likelihood(level), method="weights", particles=4000)
    assert abs(float(weighed.log_evidence - exact.log_evidence)) < 5 * float(weighed.diagnostics.evidence_error) + 0.05


def test_functions_of_a_signal_have_a_law():
    post = GAUSSIAN.posterior(MASK, Y, 2.0)
    means = post.functional(lambda x: x.mean((1, 2)), draws=4000)
    row = torch.full((4,), 0.25, dtype=torch.float64)
    deviation = float((post.covariance().dense() @ row @ row).sqrt())
    torch.testing.assert_close(means.mean(), post.mean().mean((1, 2)), rtol=0, atol=6 * deviation / 4000**0.5)
    low, high = means.band(0.9)
    torch.testing.assert_close((high - low) / 2, torch.full((3,), 1.645 * deviation, dtype=torch.float64), rtol=0.12, atol=0)
    particles = NETWORK.posterior(MASK, Y, 2.0, steps=8)
    entries = particles.functional()
    torch.testing.assert_close(entries.mean(), particles.mean())
    torch.testing.assert_close(entries.deviation().flatten(), particles.covariance().diagonal().sqrt().flatten())
    share = (entries.values <= entries.quantile([0.3])[0]).to(torch.float64)
    below = (entries.weights.view(*entries.weights.shape, 1, 1) * share).sum(0)
    assert float((below - 0.3).abs().max()) < 0.01
    assert bool((entries.error() * entries.effective.view(3, 1, 1).sqrt() / entries.deviation() - 1 < 0.3).all())


def test_signals_come_into_the_units_of_the_model():
    sensor = orn.Average(2)
    plain = GAUSSIAN.posterior(sensor, sensor(SIGNALS.values[:2]), 1.0)
    watts = orn.Signals(1000 * sensor(SIGNALS.values[:2]), rate=2.0, channels=("load",), units=("W",))
    torch.testing.assert_close(GAUSSIAN.posterior(sensor, watts, 1.0).mean(), plain.mean())


@pytest.mark.parametrize(
    ("ask", "says"),
    [
        (lambda: GAUSSIAN.posterior(orn.Label("day")), "fitted without labels"),
        (lambda: GAUSSIAN.posterior(orn.fit(SIGNALS.values[:, :, :3], folds=0)), "signals of shape"),
        (lambda: GAUSSIAN.posterior(NETWORK), "needs one Gaussian or mixture"),
        (lambda: GAUSSIAN.posterior(orn.Likelihood(lambda x: x.sum()), steps=4), "must return one number each"),
        (lambda: GAUSSIAN.posterior(orn.Likelihood(lambda x: x[:, 0, 0]), Y[0]), "a Likelihood holds its own"),
        (lambda: GAUSSIAN.posterior(MASK), "y is None"),
        (lambda: GAUSSIAN.functional(lambda x: x.mean()), "one value, or array, a signal"),
        (lambda: GAUSSIAN.functional().band(1.5), "must lie between 0 and 1"),
        (lambda: NETWORK.posterior(MASK, Y, 2.0).posterior(MASK, Y[:2], 2.0), "y holds 3 cases, but another measurement"),
    ],
)
def test_what_cannot_be_asked_is_one_sentence(ask, says):
    with pytest.raises(orn.InputError, match=says):
        ask()
