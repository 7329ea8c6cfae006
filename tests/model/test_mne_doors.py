"""Raw and Epochs of MNE go in, and come back as such."""

from __future__ import annotations

from typing import Any

import mne
import numpy as np
import pytest
import torch

import ornstein as orn
from ornstein.common.random import Noise
from ornstein.model import Model

NAMES = ["Fz", "Cz", "Pz"]
MIX = torch.tensor([[1.0, 0.0, 0.0], [0.9, 0.4, 0.0], [0.8, 0.5, 0.2]], dtype=torch.float64)


def microvolts(cases: int, length: int = 20, seed: int = 0) -> np.ndarray:
    """Three channels that share most of what they see."""
    return 20 * (MIX @ Noise(seed).normal(cases, (3, length)).cumsum(-1)).numpy()


def epochs(cases: int = 60, seed: int = 0, bads: tuple[str, ...] = ()) -> Any:
    info = mne.create_info([*NAMES, "STI"], 100.0, ["eeg"] * 3 + ["stim"])
    data = np.concatenate([1e-6 * microvolts(cases, seed=seed), np.zeros((cases, 1, 20))], 1)
    events = np.column_stack([20 * np.arange(cases), np.zeros(cases, int), 1 + np.arange(cases) % 2])
    made = mne.EpochsArray(data, info, events, event_id={"rest": 1, "move": 2}, verbose="error")
    made.info["bads"] = list(bads)
    return made


@pytest.fixture(scope="module")
def model() -> Model:
    return orn.fit(epochs())


def test_bad_channels_of_epochs_are_repaired_and_all_else_stays(model: Model) -> None:
    whole, gappy = epochs(10, 1), epochs(10, 1, ("Cz",))
    gappy._data[:, 1] = 1.0  # a volt: nothing to learn from
    filled = model.impute(gappy)
    assert isinstance(filled, mne.BaseEpochs)
    assert (filled.info["bads"], gappy.info["bads"]) == ([], ["Cz"])
    np.testing.assert_array_equal(np.delete(filled.get_data(copy=False), 1, 1), np.delete(gappy.get_data(copy=False), 1, 1))
    truth = microvolts(10, seed=1)
    x = torch.from_numpy(truth.copy())
    x[:, 1] = torch.nan
    np.testing.assert_allclose(1e6 * filled.get_data(copy=False)[:, :3], model.quantiles(x, (0.5,))[0], rtol=1e-9, atol=1e-9)
    error = np.abs(filled.get_data(copy=False)[:, 1] - whole.get_data(copy=False)[:, 1]).mean()
    assert 1e6 * error < 0.3 * np.abs(truth[:, 1]).mean()


def test_the_band_holds_the_truth(model: Model) -> None:
    """600 values of a hidden channel, dependent along time: a share of .8 to .98 in the band of 90 %."""
    gappy = epochs(30, 2, ("Pz",))
    low, high = model.quantiles(gappy, (0.05, 0.95))
    truth = gappy.get_data(copy=False)[:, 2]
    inside = (low.get_data(copy=False)[:, 2] < truth) & (truth < high.get_data(copy=False)[:, 2])
    assert 0.8 < inside.mean() < 0.98


@pytest.mark.filterwarnings("ignore:the law changes along its window")
def test_stretches_marked_bad_are_filled_in_a_raw(model: Model) -> None:
    info = mne.create_info(NAMES, 100.0, "eeg")
    raw = mne.io.RawArray(1e-6 * microvolts(1, 200, seed=3)[0], info, verbose="error")
    raw.set_annotations(mne.Annotations([0.5], [0.1], ["BAD_jump"]))
    raw._data[0, 50:60] += 1e-3
    filled = model.impute(raw)
    assert isinstance(filled, mne.io.BaseRaw)
    same = np.ones(200, bool)
    same[50:60] = False
    np.testing.assert_array_equal(filled.get_data()[:, same], raw.get_data()[:, same])
    assert np.abs(filled.get_data()[0, 50:60]).max() < 5e-4
    assert list(filled.annotations.description) == ["BAD_jump"]


def test_surprise_of_epochs_is_a_frame(model: Model) -> None:
    some = epochs(20, 4)
    frame = model.surprise(some[5:])
    assert list(frame.columns) == ["event", "nats", "p_value"]
    assert (list(frame.index), frame.index.name) == (list(range(5, 20)), "epoch")
    assert list(frame["event"][:2]) == ["move", "rest"]
    np.testing.assert_allclose(frame["nats"], -model.log_prob(torch.from_numpy(microvolts(20, seed=4)))[5:], rtol=1e-9)


def test_samples_become_epochs_and_come_back(model: Model) -> None:
    drawn = model.signals(model.sample(6))
    made = orn.to_mne(drawn, like=epochs())
    assert (made.ch_names, made.info["sfreq"], len(made)) == (NAMES, 100.0, 6)
    np.testing.assert_allclose(made.get_data(copy=False), 1e-6 * drawn.values.numpy(), atol=1e-18)
    back = orn.read(made)
    np.testing.assert_allclose(back.values, drawn.values, rtol=1e-12, atol=1e-12)
    assert (back.channels, back.units, back.rate) == (drawn.channels, drawn.units, drawn.rate)


def test_units_say_what_a_channel_is() -> None:
    x = orn.Signals(torch.ones(1, 3, 5), 10.0, ("a", "b", "c"), ("mV", "", "pT"))
    raw = orn.to_mne(x)
    assert raw.get_channel_types() == ["eeg", "misc", "mag"]
    np.testing.assert_allclose(raw.get_data()[:, 0], [1e-3, 1.0, 1e-12])


def test_labels_are_events() -> None:
    x = orn.Signals(torch.ones(3, 1, 4), 10.0, ("a",), ("V",), labels=("b", "a", "b"))
    made = orn.to_mne(x)
    assert made.event_id == {"a": 1, "b": 2}
    assert list(made.events[:, 2]) == [2, 1, 2]


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: orn.to_mne(orn.Signals(torch.ones(1, 1, 5))), "the signals have no rate"),
        (lambda: orn.to_mne(orn.Signals(torch.ones(1, 1, 5), 10.0, ("Oz",), ("µV",)), epochs()), "like has no channels Oz"),
        (
            lambda: orn.to_mne(orn.Signals(torch.ones(1, 1, 5), 10.0, ("Cz",), ("µV",)), epochs()),
            "sampled at 100 Hz, but the signals at 10",
        ),
        (lambda: orn.to_mne(orn.Signals(torch.ones(1, 1, 5), 100.0, ("Cz",), ("kg",)), epochs()), "a channel of type eeg is in µV"),
        (lambda: orn.fit(epochs()).impute(epochs().pick(["Fz", "Cz"])), "needs Pz too"),
    ],
)
def test_bad_input(call: Any, says: str) -> None:
    with pytest.raises(orn.InputError, match=says):
        call()
