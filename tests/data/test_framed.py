"""Frames and labelled arrays with gaps come back as what they are: only what was missing is new."""

from __future__ import annotations

import numpy as np
import pytest

import ornstein as orn
from ornstein.common.random import Noise

TRUE = Noise(1).normal(40, (2, 12)).cumsum(-1).numpy() * np.array([[1.0], [10.0]])
GAPPY = np.where(Noise(2).uniform(40, (2, 12)).numpy() < 0.2, np.nan, TRUE)
RATE = 4.0


@pytest.fixture(scope="module")
def model():
    return orn.fit(orn.Signals(TRUE, RATE, ("Fz", "Cz"), ("µV", "µV")), folds=0)


@pytest.fixture(scope="module")
def middle(model):
    """What every object must hold: the medians, (case, channel, time)."""
    return model.quantiles(orn.Signals(GAPPY, RATE, ("Fz", "Cz"), ("µV", "µV")), (0.5,))[0].numpy()


@pytest.fixture(scope="module")
def pd():
    return pytest.importorskip("pandas")


@pytest.fixture(scope="module")
def xr():
    return pytest.importorskip("xarray")


def test_a_labelled_array_keeps_its_dimensions_coordinates_and_attributes(model, middle, xr):
    coords = {"trial": np.arange(40) * 3, "time": ("time", np.arange(12) / RATE, {"units": "s"}), "channel": ["Cz", "Fz"]}
    attrs = {"units": "µV", "subject": "a"}
    x = xr.DataArray(GAPPY[:, ::-1].transpose(2, 0, 1), coords, ("time", "trial", "channel"), name="eeg", attrs=attrs)
    found = model.impute(x)
    assert (found.dims, found.name, found.attrs, found.dtype) == (x.dims, x.name, x.attrs, x.dtype)
    assert all(found.coords[name].identical(x.coords[name]) for name in coords)
    np.testing.assert_allclose(found.transpose("trial", "channel", "time").values, middle[:, ::-1], rtol=1e-9)
    np.testing.assert_array_equal(found.values[~np.isnan(x.values)], x.values[~np.isnan(x.values)])
    assert np.isnan(x.values).any()  # the caller's is as it was
    assert model.impute(x, 7).shape == (7, 40, 2, 12)


def test_a_dataset_keeps_its_variables(model, middle, xr):
    variables = {name: (("trial", "time"), GAPPY[:, k], {"units": "µV"}) for k, name in enumerate(("Fz", "Cz"))}
    x = xr.Dataset(variables, {"time": np.arange(12) / RATE})
    found = model.impute(x)
    assert list(found) == ["Fz", "Cz"]
    np.testing.assert_allclose(np.stack([found[name].values for name in found], 1), middle, rtol=1e-9)
    assert found["Fz"].attrs == {"units": "µV"}


def test_a_recording_with_a_clock_for_an_index(model, middle, pd):
    index = pd.date_range("2024-03-31", periods=12, freq="250ms", tz="Europe/Berlin", name="when")
    x = pd.DataFrame({"Cz [µV]": GAPPY[0, 1], "Fz [µV]": GAPPY[0, 0]}, index=index)
    found = model.impute(x)
    pd.testing.assert_index_equal(found.index, index)
    assert list(found.columns) == list(x.columns)
    np.testing.assert_allclose(found.to_numpy().T, middle[0, ::-1], rtol=1e-9)
    pd.testing.assert_frame_equal(found.where(x.notna()), x)


def test_irregular_stamps_are_refused_by_a_law_of_even_ones(model, pd):
    """It says nothing of uneven samples; a law that is fitted to these takes their times."""
    steps = np.array([0, 250, 500, 760, 1000, 1240, 1500, 1750, 2010, 2250, 2500, 2750])
    x = pd.DataFrame({"Fz [µV]": GAPPY[0, 0], "Cz [µV]": GAPPY[0, 1]}, index=pd.Timestamp("2024-01-01") + pd.to_timedelta(steps, "ms"))
    with pytest.raises(orn.InputError, match="x has samples at uneven times, but the model holds signals that are sampled at 4 Hz"):
        model.impute(x)


def test_cases_below_each_other_beside_words(model, middle, pd):
    index = pd.MultiIndex.from_product([list("abcd"), np.arange(12) / RATE], names=["subject", "time"])
    flat = GAPPY[:4].transpose(0, 2, 1).reshape(48, 2)
    x = pd.DataFrame(flat, index=index, columns=["Fz [µV]", "Cz [µV]"])
    found = model.impute(x)
    pd.testing.assert_index_equal(found.index, index)
    np.testing.assert_allclose(found.to_numpy().reshape(4, 12, 2).transpose(0, 2, 1), middle[:4], rtol=1e-9)


def test_a_collection_with_a_series_in_every_cell(model, middle, pd):
    """The nested frames of sktime and aeon, and, where it is installed, sktime's own check of one."""
    cells = [[pd.Series(GAPPY[i, k], index=np.arange(12) / RATE) for k in range(2)] for i in range(5)]
    x = pd.DataFrame({"Fz (µV)": [row[0] for row in cells], "Cz (µV)": [row[1] for row in cells]}, index=list("vwxyz"))
    found = model.impute(x)
    assert list(found.index) == list("vwxyz")
    assert list(found.columns) == list(x.columns)
    pd.testing.assert_index_equal(found.iloc[2, 1].index, x.iloc[2, 1].index)
    values = np.array([[cell.to_numpy() for cell in row] for row in found.to_numpy()])
    np.testing.assert_allclose(values, middle[:5], rtol=1e-9)
    datatypes = pytest.importorskip("sktime.datatypes")
    assert datatypes.check_is_mtype(found, "nested_univ", scitype="Panel")


def test_rows_of_cases_and_one_series(pd):
    model = orn.fit(TRUE[:, 0], folds=0)
    x = pd.DataFrame(GAPPY[:, 0])
    found = model.impute(x)
    pd.testing.assert_index_equal(found.columns, x.columns)
    np.testing.assert_allclose(found.to_numpy(), model.quantiles(GAPPY[:, 0], (0.5,))[0].numpy(), rtol=1e-9)
    one = orn.fit(orn.Signals(TRUE[:, :1], RATE, ("Fz",), ("µV",)), folds=0)
    series = pd.Series(GAPPY[0, 0], pd.date_range("2024-01-01", periods=12, freq="250ms"), name="Fz [µV]")
    back = one.impute(series)
    assert back.name == series.name
    pd.testing.assert_series_equal(back[series.notna()], series[series.notna()])
    assert back.notna().all()
