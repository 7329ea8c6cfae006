"""What cannot be measured is refused in one sentence by every method, and what is odd is answered in finite numbers and said."""

from __future__ import annotations

import warnings

import pytest
import torch
from torch import Tensor

import ornstein as orn
from kinds import Black, Silent
from ornstein.data.laws import ornstein_uhlenbeck
from ornstein.denoisers import Network
from ornstein.model import Model
from ornstein.posterior.methods import ALL

X = orn.Signals(ornstein_uhlenbeck(40, 8, 4.0, seed=1).values, 4.0, ("load",), ("mV",))
GAUSSIAN = orn.fit(X, folds=0)
MIXTURE = orn.fit(X, "mixture", components=2, folds=0)
POINTS = orn.fit(X, "empirical", folds=0)
NETWORK = Model(Network.of(Silent(), GAUSSIAN.law), GAUSSIAN.scaler, X.channels, X.units, X.rate)
BLACK = orn.fit(X, Black(MIXTURE.law), folds=0)
MODELS = {"gaussian": GAUSSIAN, "mixture": MIXTURE, "points": POINTS, "network": NETWORK, "black": BLACK}
SENSOR = orn.Average(2)
Y = SENSOR(X.values[:1])[0]
CLOSED = ("auto", "twisted", "weights", "mmps", "dps")
PAIRS = [("network", method) for method in ALL if method != "exact"]
PAIRS += [(name, method) for name in ("gaussian", "mixture", "points") for method in CLOSED] + [("black", "auto")]


def asked(model: Model, measurement: orn.measurements.Measurement, y: object, noise: object, method: str = "auto") -> Tensor:
    """Draws of the posterior."""
    post = model.posterior(measurement, y, noise, method=method, particles=40, steps=6)
    guided = method in ("covariance", "mmps", "pigdm", "tmpd")
    return post.sample(3, sampler="heun", steps=4) if guided else post.sample(3)


NAN = torch.where(torch.arange(4) == 1, torch.nan, Y)
BAD = {
    "shape": (Y[:, :3], 0.1, r"y has shape \(1, 3\), but measuring signals \(1, 8\) gives \(1, 4\)"),
    "NaN": (NAN, 0.1, r"y holds 1 NaN, first at index \(0, 1\): measure what was observed alone"),
    "negative": (Y, -0.1, "noise is -0.1, but must be at least 0"),
    "one below 0": (Y, [0.1, 0.1, -0.2, 0.1], "noise is -0.2, but must be at least 0"),
    "deviations": (Y, [0.1, 0.1], "noise has"),
    "not square": (Y, torch.ones(4, 3), r"noise has shape \(4, 3\), but a covariance is square"),
    "not symmetric": (Y, torch.eye(4) + torch.triu(torch.ones(4, 4)), "noise is not symmetric: entries differ by up to 1"),
    "no covariance": (Y, torch.eye(4) - 0.5 * torch.ones(4, 4), "noise is not a covariance: its smallest eigenvalue is -1"),
}


@pytest.mark.parametrize(("name", "method"), PAIRS)
def test_every_method_refuses_it_in_the_same_words(name: str, method: str) -> None:
    for y, noise, says in BAD.values():
        with pytest.raises(orn.InputError, match=says):
            asked(MODELS[name], SENSOR, y, noise, method)


@pytest.mark.parametrize(("name", "method"), PAIRS)
def test_a_measurement_far_from_all_that_is_foreseen(name: str, method: str) -> None:
    """50 deviations off: finite, and said with the distance, or with the number of particles that are left of draws that are weighed."""
    with pytest.warns(UserWarning, match="deviations from all that the model foresees|only 1.0 of 40 particles") as said:
        drawn = asked(MODELS[name], SENSOR, Y + 50 * X.values.std(), 0.1, method)
    assert bool(torch.isfinite(drawn).all())
    if method == "twisted":
        assert "particles carry its weight" in str(said[0].message)


@pytest.mark.parametrize(("name", "method"), PAIRS)
def test_nothing_and_everything_observed(name: str, method: str) -> None:
    """Both are measurements like any other; with noise for draws that are weighed."""
    none = torch.zeros(8, dtype=torch.bool)
    with warnings.catch_warnings():
        if method == "weights":
            warnings.simplefilter("ignore", UserWarning)
        for seen, noise in ((none, 0.1), (~none, 0.5 if method == "weights" else 0.0)):
            drawn = asked(MODELS[name], orn.Mask(seen), X.values[0, 0][seen], noise, method)
            assert bool(torch.isfinite(drawn).all())
            if method in ("auto", "exact", "twisted") and noise == 0:
                torch.testing.assert_close(drawn[:, 0], X.values[:1, 0].expand(3, -1), rtol=0, atol=1e-4)


@pytest.mark.parametrize("model", [GAUSSIAN, NETWORK], ids=["gaussian", "network"])
def test_functions_without_a_value_or_a_derivative(model: Model) -> None:
    step, nowhere = orn.Nonlinear(lambda v: (v > 0).double()), orn.Nonlinear(lambda v: v.sum(-1) * torch.nan)
    with pytest.raises(orn.InputError, match=r"cannot be differentiated .* which method 'twisted' needs: use method 'weights'"):
        asked(model, step, torch.ones(1, 8), 0.5)
    with pytest.raises(orn.InputError, match="the function measured is NaN or infinite for signals that the model draws"):
        asked(model, nowhere, torch.ones(1), 0.5)
    root = orn.Nonlinear(lambda v: v[..., 0].sqrt())  # NaN for half of all signals
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of few effective particles
        drawn = asked(model, root, torch.tensor([0.7]), 0.5, "weights")
    assert bool((drawn[:, 0, 0] > 0).all())


def test_exact_is_refused_where_curved_marginals_bend_the_measurement() -> None:
    curved = orn.fit(X.with_values(X.values.exp()), marginals="gaussian", folds=0)
    with pytest.raises(orn.InputError, match="curved marginals bend this measurement"):
        asked(curved, SENSOR, Y.exp(), 0.1, "exact")


def test_other_units_are_converted_or_refused() -> None:
    volts = orn.Signals(1e-3 * Y[None], None, ("load",), ("V",))
    torch.testing.assert_close(GAUSSIAN.posterior(SENSOR, volts, 0.1).mean()[0], GAUSSIAN.posterior(SENSOR, Y, 0.1).mean())
    with pytest.raises(orn.InputError, match="load is in kg, but the model in mV"):
        GAUSSIAN.posterior(SENSOR, orn.Signals(Y[None], None, ("load",), ("kg",)), 0.1)


def test_gaps_beside_values_of_other_units_are_filled_and_said() -> None:
    gaps = X.values[:2].clone()
    gaps[:, :, 2:4] = torch.nan
    with pytest.warns(UserWarning, match=r"x holds a value \d+ deviations from the mean of what the model was fitted to, at index"):
        drawn = GAUSSIAN.impute(1000 * gaps, draws=2)
    assert bool(torch.isfinite(drawn).all())
    GAUSSIAN.impute(10 * gaps, draws=2)  # artefacts are not
    converted = GAUSSIAN.impute(orn.Signals(1e-3 * gaps, 4.0, ("load",), ("V",)), draws=2)
    torch.testing.assert_close(1e3 * converted, GAUSSIAN.impute(gaps, draws=2))


def test_contradictions_are_refused_before_distances_are_said() -> None:
    for model in (GAUSSIAN, NETWORK, BLACK):
        with pytest.raises(orn.InputError, match="contradict each other or the law"):
            asked(model, orn.Linear(torch.ones(2, 8)), [0.0, 1.0], 0.0)
