"""Signals as frames and labelled arrays: laid out as their users expect, and read back as they were."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import ornstein as orn
from kinds import normal
from ornstein.common.errors import InputError

pd = pytest.importorskip("pandas")
xr = pytest.importorskip("xarray")
Z = normal(3, 2, 7, seed=1)
EEG, TWO = ("Fz", "Cz"), ("µV", "mV")
KINDS = {
    "cases with words": orn.Signals(Z, 250.0, EEG, TWO, ("a", "b", "a")),
    "cases with numbers": orn.Signals(Z, 250.0, EEG, ("µV", "µV"), (0, 1, 1)),
    "no rate, no names": orn.Signals(Z),
    "one recording": orn.Signals(Z[:1], 1 / 3600, ("load", "sun"), ("MW", "MW")),
    "one recording without a rate": orn.Signals(Z[:1]),
    "uneven": orn.Signals(Z, None, EEG, TWO, times=torch.tensor([0, 1, 3, 3.5, 7, 8, 9.0])),
    "gaps": orn.Signals(torch.where(Z > 1, torch.nan, Z), 10.0),
}


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("turned", [orn.to_frame, orn.to_xarray])
def test_what_goes_out_comes_back(name: str, turned: object) -> None:
    x = KINDS[name]
    back = orn.read(turned(x), uneven=x.times is not None)  # type: ignore[operator]
    assert torch.equal(back.values.nan_to_num(9e9), x.values.nan_to_num(9e9))
    assert (back.channels, back.units, back.labels) == (x.channels, x.units, x.labels)
    assert back.rate == (None if x.rate is None else pytest.approx(x.rate, rel=1e-12))
    assert (back.times is None) == (x.times is None)
    assert x.times is None or torch.equal(back.times, x.times)  # type: ignore[arg-type]


def test_a_frame_is_laid_out_as_pandas_and_sktime_do() -> None:
    frame = orn.to_frame(KINDS["cases with words"])
    assert frame.index.names == ["case", "time"]
    assert list(frame.columns) == ["Fz [µV]", "Cz [mV]", "label"]
    assert frame.loc[(1, 0.008), "Cz [mV]"] == float(Z[1, 1, 2])
    assert list(frame.groupby("case")["label"].first()) == ["a", "b", "a"]
    one = orn.to_frame(KINDS["one recording"])
    assert (one.index.name, one.index[1], list(one.columns)) == ("time", 3600.0, ["load [MW]", "sun [MW]"])
    assert orn.to_frame(KINDS["one recording without a rate"]).index.name == "sample"


def test_an_array_is_labelled_as_in_xarray() -> None:
    array = orn.to_xarray(KINDS["cases with words"])
    assert array.dims == ("case", "channel", "time")
    assert float(array.sel(channel="Cz", time=0.008).isel(case=1)) == float(Z[1, 1, 2])
    assert list(array.coords["units"].values) == ["µV", "mV"]
    assert array.coords["time"].attrs == {"units": "s"}
    assert array.isel(case=array.label == "a").sizes["case"] == 2
    assert orn.to_xarray(KINDS["one recording"]).attrs == {"units": "MW"}
    copy = orn.to_xarray(KINDS["gaps"])
    copy[:] = 0
    assert not torch.equal(KINDS["gaps"].values, torch.zeros_like(Z))


def test_samples_of_a_model_as_a_frame() -> None:
    model = orn.fit(orn.to_frame(orn.Signals(normal(40, 2, 7, seed=2), 250.0, EEG, TWO)), folds=0)
    frame = orn.to_frame(model.signals(model.sample(5)))
    assert frame.shape == (35, 2)
    assert torch.equal(model.log_prob(frame), model.log_prob(orn.read(frame)))


@pytest.mark.parametrize("wrong", [Z, Z.numpy(), None, "days.csv"])
def test_what_is_no_signals_is_refused_in_a_sentence(wrong: object) -> None:
    for turned in (orn.to_frame, orn.to_xarray):
        with pytest.raises(InputError, match="must be Signals"):
            turned(wrong)  # type: ignore[arg-type]


def test_a_channel_that_a_frame_would_lose_is_named() -> None:
    for name, labels in (("time", ()), ("case", ()), ("label", ("a", "b", "a"))):
        with pytest.raises(InputError, match=f"called {name}"):
            orn.to_frame(orn.Signals(Z, 10.0, ("Fz", name), labels=labels))
    assert orn.read(orn.to_frame(orn.Signals(Z[:1], 10.0, ("Fz", "voltage")))).channels == ("Fz", "voltage")


def test_a_unit_that_is_missing_is_empty() -> None:
    made = orn.to_xarray(orn.Signals(Z, 10.0, EEG, TWO))
    for nothing in (None, float("nan")):
        assert orn.read(made.assign_coords(units=("channel", pd.array(["mV", nothing], dtype=object)))).units == ("mV", "")


@pytest.mark.parametrize(
    "values", [np.ones((2, 3), complex), np.full((2, 3), "a"), np.full((2, 3), "a", object), np.zeros((2, 3), "M8[ns]")]
)
def test_values_that_are_no_numbers_are_refused_in_a_sentence(values: object) -> None:
    with pytest.raises(InputError, match="must hold real numbers"):
        orn.read(xr.DataArray(values, dims=("case", "time")))
