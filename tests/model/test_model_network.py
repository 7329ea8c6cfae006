"""A model whose law is a network: starts, grids, tuning and moments come from its reference, and what it cannot do is said."""

from dataclasses import replace

import pytest
import torch

import ornstein as orn
from ornstein.data.laws import ornstein_uhlenbeck
from ornstein.denoisers import Network, Predicted, fit_gaussian
from ornstein.fitting.conditions import Conditions
from ornstein.fitting.scaling import Scaler
from ornstein.model import Model
from ornstein.model.methods import reference_of
from ornstein.nets import MLP
from ornstein.samplers import Exponential, sample
from ornstein.schedules import VP, spectral

SIGNALS = orn.Signals(20 + 5 * ornstein_uhlenbeck(60, 8, 3.0, seed=1).values, rate=4.0, channels=("load",), units=("kW",))


def silent(x=SIGNALS):
    """A model whose network returns 0: its denoiser is that of the Gaussian it stands on."""
    scaler = Scaler.fit(x.values, "channel")
    reference = fit_gaussian(scaler.encode(x.values))
    return Model(Network.of(MLP((1, 8), width=16, depth=1), reference), scaler, x.channels, x.units, x.rate)


def test_a_silent_network_samples_the_gaussian_it_stands_on():
    """Same starts, same steps, same covariance: only the float32 of the network is between them."""
    model = silent()
    gaussian = Model(model.law.reference, model.scaler)
    for sampler, grid in (("exponential", "own"), ("exponential", "spectral"), ("dpm++2m", "karras")):
        given = {"sampler": sampler, "grid": grid, "steps": 12, "schedule": "flow", "seed": 3}
        drawn = model.sample(5, **given)
        same = gaussian.sample(5, sampler=Exponential(model.law.reference), **{k: given[k] for k in ("grid", "steps", "schedule", "seed")})
        if sampler == "exponential":
            torch.testing.assert_close(drawn, same, rtol=0, atol=1e-3)
        assert drawn.dtype == torch.float64
    exact = Model(model.law.reference, model.scaler).covariance()
    torch.testing.assert_close(model.covariance().dense(), exact.dense())
    torch.testing.assert_close(model.mean(), SIGNALS.values.mean(0))


def test_a_run_starts_from_the_reference_on_a_grid_of_its_eigenvalues():
    """From t = 0.3 the start matters: half of the signal is still there, and noise alone would miss it."""
    model = silent()
    law, grid = model.law, spectral(VP(), 7, model.law.reference.operator.eigenvalues, 2, model.law.reference.operator.multiplicity)
    times = torch.tensor([0.3, 0.2, 0.1, 0.05, 0.0])
    expected = sample(law, Exponential(law.reference), VP(), times, 4, reference=law.reference, seed=1)
    assert torch.equal(model.sample(4, sampler="exponential", steps=times, seed=1), model.scaler.decode(expected))
    heun = model.sample(4, sampler="heun", steps=grid, seed=1)
    assert torch.equal(model.sample(4, sampler="heun", grid="spectral", steps=7, seed=1), heun)
    assert reference_of(law) is law.reference


def test_auto_tunes_on_the_reference_and_is_remembered():
    model = silent()
    tuned = model.tune(4, cases=8)
    assert any(isinstance(trial.sampler, Exponential) for trial in tuned.trials)
    assert tuned.error < 1e-3
    model._tuned[4, VP()] = tuned
    expected = sample(model.law, tuned.sampler, tuned.schedule, tuned.grid, 3, reference=model.law.reference)
    assert torch.equal(model.sample(3, sampler="auto", steps=4), model.scaler.decode(expected))


def test_a_label_stays_with_its_signal_in_any_batch():
    plain, labels = silent(), [0, 1, 1, 0, 1, 0]
    net = MLP((1, 8), width=16, depth=1, classes=2)
    with torch.no_grad():
        for p in net.parameters():
            p.add_(0.2 * torch.randn(p.shape, generator=torch.Generator().manual_seed(2)))
    model = replace(plain, law=Network.of(net, plain.law.reference), conditions=Conditions(2))
    run = {"sampler": "heun", "steps": 3, "seed": 1}
    whole = model.sample(6, label=labels, **run)
    torch.testing.assert_close(model.sample(2, label=labels[3:5], first=3, **run), whole[3:5], rtol=0, atol=1e-4)  # a network of float32
    assert not torch.allclose(model.sample(2, label=labels[4:6], first=3, **run), whole[3:5])


@pytest.mark.parametrize(
    ("ask", "says"),
    [
        (lambda m: m.sample(2, label=0), "fitted without labels"),
        (lambda m: m.sample(2, condition=[1.0]), "condition is given"),
        (lambda m: m.sample(2, guidance=2.0), "fitted without labels"),
        (lambda m: m.sample(2, device="cuda"), "no CUDA device"),
        (lambda m: m.sample(2, sampler="exct"), "sampler is 'exct'"),
        (lambda m: m.sample(0), "at least 1"),
        (lambda _: orn.fit(SIGNALS, folds=0).sample(2, label=1), "fitted without labels"),
        (lambda _: orn.fit(SIGNALS, folds=0).sample(2, guidance=2.0), "fitted without labels"),
        (lambda _: orn.fit(SIGNALS, folds=0).impute(SIGNALS, sampler="heun"), "are exact"),
        (lambda m: m.impute(SIGNALS), "trained without masks"),
    ],
)
def test_what_a_network_cannot_do_is_one_sentence(ask, says):
    with pytest.raises(orn.InputError, match=says) as raised:
        ask(silent())
    assert "\n" not in str(raised.value)


def test_without_a_name_the_part_that_the_covariance_explains_is_exact():
    """50 steps of "exponential" where the Gaussian of the signals is known, of "dpm++2m" where it is not."""
    model = silent()
    assert torch.equal(model.sample(2, seed=4), model.sample(2, sampler="exponential", steps=50, seed=4))
    plain = Model(Predicted(lambda x, t: 0.5 * x, "x0", VP(), (1, 8)), model.scaler)
    assert torch.equal(plain.sample(2, seed=4), plain.sample(2, sampler="dpm++2m", steps=50, seed=4))
