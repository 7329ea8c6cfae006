"""A model looks at what it is given: names, order, units and rate, in the library, whatever the door."""

import numpy as np
import pytest
import torch

import ornstein as orn
from ornstein.data.laws import ornstein_uhlenbeck
from ornstein.model.matching import Matched

SCALES = torch.tensor([10.0, 1.0]).view(-1, 1)
VALUES = SCALES * torch.stack([ornstein_uhlenbeck(80, 8, 3.0, seed=k).values[:, 0] for k in (1, 2)], 1)


def signals(values=VALUES, rate=250.0, channels=("Fz", "Cz"), units=("µV", "µV")):
    return orn.Signals(values, rate, channels, units)


@pytest.fixture(scope="module")
def model():
    return orn.fit(signals(), folds=0)


def same(model, x):
    torch.testing.assert_close(model.log_prob(x), model.log_prob(VALUES), rtol=0, atol=1e-9)


def test_channels_are_found_by_name(model):
    same(model, signals(VALUES[:, [1, 0]], channels=("Cz", "Fz")))
    same(model, signals(VALUES, channels=("ch0", "ch1")))
    assert float((model.log_prob(VALUES[:, [1, 0]]) - model.log_prob(VALUES)).mean()) < -10


def test_units_are_converted(model):
    same(model, signals(VALUES * 1e-3, units=("mV", "mV")))
    same(model, signals(VALUES * torch.tensor([1e-6, 1.0], dtype=torch.float64).view(-1, 1), units=("V", "uV")))


def test_what_is_assumed_is_said(model):
    with pytest.warns(UserWarning, match=r"states no units, so those of the model are assumed: Fz \[µV\], Cz \[µV\]"):
        same(model, signals(units=("", "")))
    more = torch.cat([VALUES, VALUES[:, :1]], 1)
    with pytest.warns(UserWarning, match="does not know the channels Oz: they are left out"):
        same(model, signals(more, channels=("Fz", "Cz", "Oz"), units=("µV", "µV", "m")))


def test_filled_signals_come_back_in_their_own_order_and_units(model):
    """Observed entries to the bit; the gaps as if the signals had been in the model's form from the start."""
    x = VALUES[:5].clone()
    x[:, 0, 2:4] = torch.nan
    turned = signals(x[:, [1, 0]] * 1e-3, channels=("Cz", "Fz"), units=("mV", "mV"))
    filled = model.impute(turned, 4)
    known = ~torch.isnan(turned.values)
    assert torch.equal(filled[:, known], turned.values[known].expand(4, -1))
    torch.testing.assert_close(filled[:, :, [1, 0]] * 1e3, model.impute(x, 4), rtol=1e-9, atol=1e-9)
    back = model.signals(filled[0], turned)
    assert (back.channels, back.units, back.rate) == (("Cz", "Fz"), ("mV", "mV"), 250.0)


def test_a_model_of_plain_curves_takes_signals_of_one_channel():
    curves = orn.fit(VALUES[:, 0], folds=0)
    torch.testing.assert_close(curves.log_prob(orn.Signals(VALUES[:, :1])), curves.log_prob(VALUES[:, 0]))
    gap = VALUES[:3, :1].clone()
    gap[:, :, 3] = torch.nan
    assert curves.impute(orn.Signals(gap), 2).shape == (2, 3, 8)


def test_the_way_back_is_the_inverse():
    x = orn.Signals(torch.randn(3, 3, 4, dtype=torch.float64), 1.0, ("a", "b", "c"), ("°C", "kPa", "ms"))
    matched = Matched.of(x, ("c", "a", "b"), ("s", "°F", "mmHg"), 1.0)
    hidden = Matched(matched.values, torch.full_like(matched.own, torch.nan), matched.chosen, matched.factor, matched.offset)
    torch.testing.assert_close(hidden.back(matched.values.unsqueeze(0))[0], x.values)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"rate": 500.0}, r"sampled at 500 Hz, but the model at 250 Hz: resample it first, x\.resampled\(250\) \(--resample 250\)"),
        ({"rate": 125.0}, "sampled at 125 Hz, but the model at 250 Hz"),
        ({"channels": ("Fz", "Pz")}, "x has the channels Fz, Pz, but the model needs Cz too"),
        ({"channels": ("Cz", "Cz")}, "needs Fz too"),
        ({"units": ("mA", "µV")}, "Fz is in mA, but the model in µV"),
        ({"values": VALUES[:, :1], "channels": ("ch0",), "units": ("µV",)}, "1 channels without names, but the model has 2"),
        ({"values": VALUES[..., :5]}, "holds signals of 5 samples, but this model those of 8: give longer ones"),
        ({"values": VALUES.repeat(1, 1, 2)}, r"x\.windows\(8\) \(--window 8\)"),
    ],
)
def test_what_does_not_match_is_one_sentence(model, change, says):
    with pytest.raises(orn.InputError, match=says):
        model.log_prob(signals(**change))


def test_two_channels_of_one_name_are_not_guessed(model):
    more = torch.cat([VALUES, VALUES[:, :1]], 1)
    with pytest.raises(orn.InputError, match="2 channels called Fz"):
        model.log_prob(signals(more, channels=("Fz", "Cz", "Fz"), units=("µV",) * 3))


@pytest.mark.parametrize("rate", [None, 250.0, 250.01])
def test_a_rate_that_is_not_known_or_the_same_is_taken(model, rate):
    same(model, signals(rate=rate))


def test_objects_of_others_are_taken_as_fit_takes_them():
    """Frames, Epochs and arrays with names, in any order of channels: the same numbers as from the signals they hold."""
    pandas = pytest.importorskip("pandas")
    x = np.random.default_rng(3).standard_normal((60, 3)) * [1, 10, 100]
    frame = pandas.DataFrame(x, columns=["a", "b", "c"])
    model = orn.fit(frame)
    for other in (frame, frame[["c", "a", "b"]]):
        assert torch.equal(model.log_prob(other), model.log_prob(x[:, :, None]))
        assert torch.equal(model.surprise(other).p_value, model.surprise(x[:, :, None]).p_value)
        assert model.where(other).shape == (60, 3, 1)
    gaps = frame[["c", "a", "b"]].iloc[:2].copy()
    gaps.iloc[0, 1] = np.nan
    filled = model.impute(gaps, draws=2)
    assert filled.shape == (2, 2, 3, 1)
    assert filled[0, 0, [0, 2], 0].tolist() == x[0, [2, 1]].tolist()
    with pytest.raises(orn.InputError, match="the model needs a too"):
        model.log_prob(frame.drop(columns="a"))
    plain = orn.fit(pandas.DataFrame(x))
    assert plain.log_prob(pandas.DataFrame(x[:1])) == plain.log_prob(x[:1, None])


def test_units_in_other_letters_and_limits_of_particles(model):
    other = signals(VALUES, units=("uv", "mv"))
    factors = torch.tensor([1.0, 1e3]).view(-1, 1)
    assert torch.allclose(model.log_prob(other), model.log_prob(signals(VALUES * factors)))
    for wish, sentence in (
        ({"steps": 10**9}, "steps is 1000000000, but a grid"),
        ({"particles": 10**15}, "particles is 1000000000000000, which takes"),
    ):
        with pytest.raises(orn.InputError, match=sentence):
            model.posterior(orn.Mask(torch.ones(2, 8, dtype=torch.bool)), VALUES[0].flatten(), noise=0.1, method="twisted", **wish)
