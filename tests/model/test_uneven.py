"""Signals with times of their own: from a frame with an index of dates to a law at these times, and back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import ornstein as orn
import truth
from ornstein.common.random import Noise
from ornstein.covariance.coregionalised import Coregionalised
from ornstein.covariance.time_kernels import TimeKernel

pd = pytest.importorskip("pandas")

T = 60
TIMES = Noise(1).uniform(1, (T,))[0].mul(2).cumsum(0)
"""Seconds, 0 to 2 apart."""
KNOWN = Coregionalised(
    torch.zeros(2, dtype=torch.float64),
    (TimeKernel("exponential", 6.0), TimeKernel("white")),
    torch.tensor([[[1.0, 0.0], [0.8, 0.6]], [[0.05, 0.0], [0.0, 0.05]]], dtype=torch.float64),
    torch.tensor([0.01, 0.01], dtype=torch.float64),
)


def drawn(seed: int) -> Tensor:
    return (Noise(seed).normal(1, (2 * T,)) @ torch.linalg.cholesky(KNOWN.matrix(TIMES)).T).view(1, 2, T)


def frame(values: Tensor, times: Tensor = TIMES) -> Any:
    """One recording, as pandas holds it: times are kept to the nanosecond."""
    stamps = pd.Timestamp("2024-05-01 08:00", tz="Europe/Berlin") + pd.to_timedelta((times * 1e9).round().long().numpy(), unit="ns")
    return pd.DataFrame(values[0].T.numpy(), index=stamps, columns=["a [mV]", "b [mV]"])


@pytest.fixture(scope="module")
def gappy() -> Tensor:
    hidden = torch.zeros(1, 2, T, dtype=torch.bool)
    hidden[0, 0, 20:26] = hidden[0, 1, 40:44] = True
    return torch.where(hidden, torch.nan, drawn(3))


@pytest.fixture(scope="module")
def model(gappy: Tensor) -> orn.Model:
    return orn.fit(frame(gappy))


def test_a_frame_keeps_its_times_and_says_so() -> None:
    x = orn.read(frame(drawn(3)))
    assert x.rate is None
    torch.testing.assert_close(x.times, TIMES - TIMES[0], rtol=0, atol=2e-9)
    assert "60 samples at uneven times over" in x.summary()
    assert "`time` is the clock, and not uniform: every sample keeps its time" in x.notes


def test_the_law_is_a_sum_of_kernels_at_these_times(gappy: Tensor, model: orn.Model) -> None:
    """A single recording is enough; the law is as likely as the true one to .15 nats a value on another recording."""
    said: list[str] = []
    again = orn.fit(frame(gappy), progress=said.append)
    assert any("sum of kernels at their times" in line for line in said)
    fresh = drawn(5)
    assert torch.equal(again.log_prob(frame(fresh)), model.log_prob(frame(fresh)))
    best = truth.gaussian_log_prob(fresh.flatten(1), torch.zeros(2 * T, dtype=torch.float64), KNOWN.matrix(TIMES))
    assert float(best - model.log_prob(frame(fresh))) < 0.15 * 2 * T
    even = orn.fit(orn.Signals(gappy), structure="coregionalised")
    assert float(model.log_prob(fresh) - even.log_prob(fresh)) > 5  # times matter: the same positions on a grid say less


def test_gaps_come_back_in_the_frame(gappy: Tensor, model: orn.Model) -> None:
    x = frame(gappy)
    found = model.impute(x)
    pd.testing.assert_index_equal(found.index, x.index)
    np.testing.assert_allclose(found.to_numpy().T, model.quantiles(gappy, (0.5,))[0, 0].numpy(), rtol=1e-9, atol=1e-12)
    pd.testing.assert_frame_equal(found.where(x.notna()), x)
    signals = model.signals(model.impute(gappy, 1)[0], like=orn.read(x))
    torch.testing.assert_close(signals.times, TIMES - TIMES[0], rtol=0, atol=2e-9)


def test_a_folder_keeps_the_times(gappy: Tensor, model: orn.Model, tmp_path: Path) -> None:
    model.save(tmp_path / "m")
    back = orn.load(tmp_path / "m")
    assert model.times is not None
    assert torch.equal(back.times, model.times)
    assert back.impute(frame(gappy)).equals(model.impute(frame(gappy)))


def test_xarray_with_a_coordinate_of_dates(gappy: Tensor, model: orn.Model) -> None:
    xr = pytest.importorskip("xarray")
    index = frame(gappy).index.tz_convert(None)
    x = xr.DataArray(gappy[0].numpy(), {"channel": ["a", "b"], "time": index}, ("channel", "time"), attrs={"units": "mV"})
    np.testing.assert_allclose(model.impute(x).values, model.impute(frame(gappy)).to_numpy().T, rtol=1e-12)
    assert orn.read(x).times is not None


REFUSED = {
    "other times": (lambda m: m.impute(frame(drawn(3), TIMES + TIMES**2)), "samples at other times than the 60 of this model"),
    "even ones": (lambda m: m.log_prob(orn.Signals(drawn(3), 250.0)), "samples at other times than the 60 of this model"),
    "windows": (lambda m: m.log_prob_windows(torch.zeros(1, 2, 99)), "not evenly spaced, so it has no windows"),
    "a longer recording": (lambda m: m.impute(torch.zeros(1, 2, 99)), "signals of shape"),
    "cut": (lambda m: orn.read(frame(drawn(3))).windows(8), "not evenly spaced, so they cannot be cut"),
    "resampled": (lambda m: orn.read(frame(drawn(3))).resampled(2.0), "not evenly spaced, so they cannot be resampled"),
    "a structure of even time": (lambda m: orn.fit(frame(drawn(3)), structure="toeplitz"), "'toeplitz', which takes samples for evenly"),
    "auto": (lambda m: orn.fit(frame(drawn(3)), structure="auto"), "'auto', which takes samples for evenly"),
    "one case of a dense law": (lambda m: orn.fit(frame(drawn(3)), structure="dense"), "a law needs at least 2 cases"),
    "a rate beside": (lambda m: orn.Signals(drawn(3), 2.0, times=TIMES), "rate is 2, but the samples have times of their own"),
    "too few": (lambda m: orn.Signals(drawn(3), times=TIMES[:5]), "times has 5 entries, but the signals have 60 samples"),
    "twice": (lambda m: orn.Signals(drawn(3), times=TIMES.floor()), "twice, at samples"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_bad_input_is_one_sentence(name: str, model: orn.Model) -> None:
    call, sentence = REFUSED[name]
    with pytest.raises(orn.InputError, match=sentence):
        call(model)


def test_cases_at_shared_uneven_times_have_any_law_of_vectors() -> None:
    """Many cases at the same uneven times: "dense" is stated and kept, and its times with it."""
    values = torch.cat([drawn(seed) for seed in range(20, 60)])
    law = orn.fit(orn.Signals(values, times=TIMES), structure="dense", folds=0)
    assert torch.equal(law.times, TIMES)
    torch.testing.assert_close(law.law.mean(), orn.fit(orn.Signals(values), structure="dense", folds=0).law.mean())
    assert orn.fit(values[:2], structure="coregionalised", times=TIMES.numpy(), folds=0).times.equal(TIMES)
