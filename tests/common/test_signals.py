"""Signals: names, units and rate agree with the values, or one sentence says why not."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ornstein.common.errors import InputError
from ornstein.common.signals import Signals

VALUES = torch.arange(24.0, dtype=torch.float64).reshape(2, 3, 4)


def test_defaults_and_types() -> None:
    x = Signals(VALUES)
    assert (x.shape, len(x), x.rate, x.channels, x.units) == ((2, 3, 4), 2, None, ("ch0", "ch1", "ch2"), ("", "", ""))
    assert Signals(VALUES.float()).values.dtype == torch.float32
    assert Signals(VALUES.short()).values.dtype == torch.float64
    assert Signals(VALUES.half()).values.dtype == torch.float64


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"values": VALUES[0]}, "2 axes"),
        ({"values": VALUES[:0]}, "empty"),
        ({"values": VALUES / 0}, "infinite"),
        ({"channels": ("a", "b")}, "channels has 2 entries, but values has 3 channels"),
        ({"channels": "ECG"}, "channels has 1 entries"),
        ({"channels": (1, 2, 3)}, "one word per channel"),
        ({"units": ("mV",)}, "units has 1 entries"),
        ({"rate": 0}, "rate is 0, but must be above 0"),
        ({"rate": "fast"}, "rate is 'fast', but must be a number"),
    ],
)
def test_wrong_arguments(arguments: dict[str, object], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        Signals(**{"values": VALUES, **arguments})  # type: ignore[arg-type]


def test_choosing_cases_keeps_a_batch() -> None:
    x = Signals(VALUES, rate=10, channels=(" a ", "b", "c"), units=("mV", "", "s"))
    for chosen in (1, -1, np.int64(1), torch.tensor(1), [1], slice(1, 2), torch.tensor([False, True])):
        part = x[chosen]  # type: ignore[index]
        assert torch.equal(part.values, VALUES[1:])
        assert (part.rate, part.channels, part.units) == (10, ("a", "b", "c"), ("mV", "", "s"))
    assert [float(one.values[0, 0, 0]) for one in x] == [0, 12]
    with pytest.raises(InputError, match="case is 2, but there are 2 cases"):
        x[2]


def test_windows_are_the_right_samples() -> None:
    x = Signals(VALUES, rate=10).windows(3, 1)
    assert x.shape == (4, 3, 3)
    for case in range(2):
        for start in range(2):
            assert torch.equal(x.values[2 * case + start], VALUES[case, :, start : start + 3])
    assert Signals(VALUES).windows(3).shape == (2, 3, 3)
    with pytest.raises(InputError, match="window is 5 samples, but the signals have only 4"):
        Signals(VALUES).windows(5)
    with pytest.raises(InputError, match="hop is 0"):
        Signals(VALUES).windows(2, 0)


def test_other_values_under_the_same_names() -> None:
    x = Signals(VALUES, rate=10, channels=("a", "b", "c"))
    assert x.with_values(-VALUES).channels == x.channels
    with pytest.raises(InputError, match="channels has 3 entries"):
        x.with_values(VALUES[:, :2])


def test_resampling_keeps_what_both_rates_can_hold():
    """A slow sine at 500 Hz is the same sine at 250 and 375 Hz, away from the ends; names and units stay."""
    time = torch.arange(2000, dtype=torch.float64) / 500
    x = Signals(torch.sin(2 * torch.pi * 7 * time).view(1, 1, -1), 500.0, ("Fz",), ("µV",))
    for rate in (250.0, 375.0, 1000.0):
        found = x.resampled(rate)
        expected = torch.sin(2 * torch.pi * 7 * torch.arange(found.shape[2], dtype=torch.float64) / rate)
        assert (found.rate, found.channels, found.units) == (rate, ("Fz",), ("µV",))
        torch.testing.assert_close(found.values[0, 0, 100:-100], expected[100:-100], rtol=0, atol=2e-3)


@pytest.mark.parametrize(
    ("signals", "rate", "says"),
    [
        (Signals(torch.zeros(1, 1, 9)), 5.0, "have no rate"),
        (Signals(torch.full((1, 1, 9), torch.nan), 10.0), 5.0, "have gaps"),
        (Signals(torch.zeros(1, 1, 9), 10.0), 0.0, "rate is 0"),
        (Signals(torch.zeros(1, 1, 9), 10.0), 2**0.5, "not in a simple ratio"),
    ],
)
def test_what_cannot_be_resampled_is_one_sentence(signals, rate, says):
    with pytest.raises(InputError, match=says):
        signals.resampled(rate)


@pytest.mark.parametrize(
    ("rate", "told"), [(250.0, "3 samples at 250 Hz"), (0.1, "3 samples at 0.1 Hz"), (1 / 3600, "3 samples, one every 3600 s")]
)
def test_a_slow_rate_is_told_in_seconds(rate, told):
    assert Signals(torch.zeros(1, 1, 3), rate).summary().endswith(told)


def test_labels_may_be_a_tensor_an_array_or_a_list() -> None:
    x = torch.zeros(2, 1, 3)
    for labels in (torch.tensor([1, 0]), np.array([1, 0]), [1, 0], (1, 0)):
        assert Signals(x, labels=labels).labels == (1, 0)  # type: ignore[arg-type]
    assert Signals(x, labels=np.array(["a", "b"]), rate=2.0)[1].labels == ("b",)  # type: ignore[arg-type]
    for wrong in ("ab", 3, torch.tensor(3), None):
        with pytest.raises(InputError, match="labels"):
            Signals(x, labels=wrong)  # type: ignore[arg-type]
