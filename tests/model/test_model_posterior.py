"""Posteriors of any model through the public door: a Model again, in the user's units, that says how far it can be trusted."""

from __future__ import annotations

import pytest
import torch

import ornstein as orn
from kinds import Silent
from ornstein.data.laws import ornstein_uhlenbeck
from ornstein.denoisers import Network, Particles
from ornstein.fitting.conditions import Conditions
from ornstein.model import Model

SIGNALS = orn.Signals(20 + 5 * ornstein_uhlenbeck(200, 8, 3.0, seed=1).values, rate=4.0, channels=("load",), units=("kW",))
GAUSSIAN = orn.fit(SIGNALS, folds=0)
MASK = orn.Mask(torch.arange(8) < 4)
Y = SIGNALS.values[:3, 0, :4]


def network(conditions: Conditions | None = None) -> Model:
    law = Network.of(Silent(), GAUSSIAN.law)
    return Model(law, GAUSSIAN.scaler, GAUSSIAN.channels, GAUSSIAN.units, GAUSSIAN.rate, conditions=conditions)


def test_a_silent_network_has_the_posterior_of_its_gaussian():
    exact = GAUSSIAN.posterior(MASK, Y, 0.5)
    found = network().posterior(MASK, Y, 0.5, particles=4000, steps=8)
    torch.testing.assert_close(found.log_evidence, exact.log_evidence, rtol=0, atol=1e-6)
    assert isinstance(found.law, Particles)
    assert found.diagnostics is not None
    torch.testing.assert_close(found.diagnostics.effective, torch.full((3,), 4000.0, dtype=torch.float64), rtol=1e-6, atol=0)
    deviation = exact.covariance().diagonal().clamp_min(0).sqrt()
    z = (found.mean() - exact.mean()).flatten(1) / (deviation / 4000**0.5).clamp_min(1e-6)
    assert float(z.abs().max()) < 5.5  # 24 entries at 4e-8 each
    assert (found.channels, found.units, found.rate) == (("load",), ("kW",), 4.0)


def test_a_posterior_is_a_model_again(tmp_path):
    """Samples, moments, a second measurement, a folder."""
    found = network().posterior(MASK, Y[0], 0.5, particles=500, steps=8)
    drawn = found.sample(2000)
    torch.testing.assert_close(drawn.mean(0), found.mean(), rtol=0, atol=0.6)
    assert float(found.covariance().diagonal().view(1, 8)[0, 7]) > float(found.covariance().diagonal().view(1, 8)[0, 0])
    again = found.posterior(orn.Mask(torch.arange(8) == 7), [30.0], 1.0)
    assert float(again.mean()[0, 7]) > float(found.mean()[0, 7])
    assert again.diagnostics is not None  # the network is asked again, with both measurements
    exact = GAUSSIAN.posterior(MASK, Y[0], 0.5).posterior(orn.Mask(torch.arange(8) == 7), [30.0], 1.0)
    torch.testing.assert_close(again.log_evidence, exact.log_evidence, rtol=0, atol=1e-6)
    found.save(tmp_path / "post")
    torch.testing.assert_close(orn.load(tmp_path / "post").sample(4), found.sample(4))


def test_a_mixture_can_be_asked_for_particles_too():
    model = orn.fit(SIGNALS, "mixture", components=2, folds=0)
    exact, found = model.posterior(MASK, Y[0], 0.5), model.posterior(MASK, Y[0], 0.5, method="twisted", particles=3000)
    assert exact.diagnostics is None
    assert found.diagnostics is not None
    error = float(found.diagnostics.evidence_error)
    assert abs(float(found.log_evidence - exact.log_evidence)) < 5 * error + 0.02


@pytest.mark.parametrize(
    ("ask", "says"),
    [
        (lambda m: m.posterior(MASK, Y[0], method="exact"), "a Network of Silent has no closed form"),
        (lambda m: m.posterior(MASK, Y[0], label=1), "fitted without labels"),
        (lambda m: m.posterior(MASK, Y[0, :3]), "y has shape"),
        (lambda _: GAUSSIAN.posterior(MASK, Y[0], device="cpu"), "leave device out"),
        (lambda m: m.posterior(MASK, Y[0], 0.5, particles=64, steps=4).log_prob(SIGNALS), "no density at sigma = 0"),
    ],
)
def test_what_cannot_be_asked_is_one_sentence(ask, says):
    with pytest.raises(orn.InputError, match=says):
        ask(network())
