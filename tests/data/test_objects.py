"""Objects of other libraries: the same numbers, names, units and rate go in and come back."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ornstein.common.errors import InputError
from ornstein.common.signals import Signals
from ornstein.data import read, write
from ornstein.model import fit

X = np.random.default_rng(0).standard_normal((40, 2))
NAMES = ["Fz [µV]", "Cz [µV]"]


@pytest.fixture(scope="module")
def pd():
    return pytest.importorskip("pandas")


@pytest.fixture(scope="module")
def mne():
    found = pytest.importorskip("mne")
    found.set_log_level("ERROR")
    return found


def frame(pd, **index):
    return pd.DataFrame(X, columns=NAMES, **index)


def is_recording(x: Signals, rate: float | None) -> bool:
    same = np.array_equal(x.values[0].numpy().T, X)
    return same and (x.rate, x.channels, x.units) == (rate, ("Fz", "Cz"), ("µV", "µV"))


def test_wide_frames(pd):
    assert is_recording(read(frame(pd)), None)
    for index in (
        pd.date_range("2024-03-31 01:59:59.9", periods=40, freq="4ms", tz="Europe/Berlin"),  # summer time begins in between
        pd.timedelta_range(0, periods=40, freq="4ms"),
        pd.Index(np.arange(40) / 250, name="time"),
        pd.Index(np.arange(40) / 250),
    ):
        assert is_recording(read(frame(pd, index=index)), 250.0)
    assert is_recording(read(frame(pd).assign(when=pd.date_range("2024-01-01", periods=40, freq="4ms"))), 250.0)
    with pytest.warns(UserWarning, match="goes back after data row"):
        read(frame(pd).sample(frac=1, random_state=0))
    with pytest.raises(InputError, match=r"`foo` of the DataFrame rises in equal steps"):
        read(frame(pd).assign(foo=range(40)))


def test_cases_of_frames(pd):
    cases = X.reshape(4, 10, 2).transpose(0, 2, 1)
    index = pd.MultiIndex.from_product([list("abcd"), np.arange(10) / 250], names=["subject", "time"])
    long = frame(pd).assign(id=np.repeat(range(4), 10), time=np.tile(np.arange(10) / 250, 4))
    for one, rate in (
        (frame(pd, index=index), 250.0),
        (frame(pd, index=index.set_names(["h0", "h1"])), 250.0),
        (long, 250.0),
        (long.melt(id_vars=["id", "time"]).sort_values(["id", "time"], kind="stable"), 250.0),
        ([frame(pd).iloc[i : i + 10].reset_index(drop=True) for i in range(0, 40, 10)], None),
        (pd.DataFrame({n: [pd.Series(cases[i, j]) for i in range(4)] for j, n in enumerate(NAMES)}), None),
    ):
        x = read(one)
        assert np.array_equal(x.values.numpy(), cases)
        assert (x.rate, x.channels) == (rate, ("Fz", "Cz"))
    with pytest.raises(InputError, match=r"entry 1 of the list has 1 channel \(Fz\), but the first one 2 channels \(Fz, Cz\)"):
        read([frame(pd).iloc[:10], frame(pd).iloc[:10, :1]])
    ragged = pd.DataFrame({"a": [pd.Series([1.0, 2]), pd.Series([1.0])]})
    with pytest.raises(InputError, match="series of 1 to 2 values"):
        read(ragged)


def test_a_law_is_fitted_to_a_frame_with_its_names(pd):
    vectors = fit(frame(pd), folds=0)
    assert (vectors.channels, vectors.units, vectors.event_shape) == (("Fz", "Cz"), ("µV", "µV"), (2, 1))
    assert torch.allclose(vectors.mean().flatten(), torch.tensor(X.mean(0)))
    index = pd.MultiIndex.from_product([range(10), np.arange(4) / 250], names=["epoch", "time"])
    model = fit(frame(pd, index=index), folds=0)
    assert (model.event_shape, model.rate, model.channels) == ((2, 4), 250.0, ("Fz", "Cz"))


def test_sktime_collections(pd):
    pytest.importorskip("sktime")
    from sktime.datatypes import convert

    cases = X.reshape(4, 10, 2).transpose(0, 2, 1)
    for kind in ("numpy3D", "nested_univ", "pd-multiindex", "df-list"):
        assert np.array_equal(read(convert(cases, "numpy3D", kind, as_scitype="Panel")).values.numpy(), cases), kind


def test_cases_of_many_lengths_are_missing_after_their_end(pd):
    """Lists of frames and of arrays (channel, time), aeon's df-list and np-list; frames without names have channels in their rows."""
    arrays = [X[:10].T, X[10:17].T, X[17:30].T]
    long = [frame(pd).iloc[a:b].reset_index(drop=True) for a, b in ((0, 10), (10, 17), (17, 30))]
    for found in (read(arrays), read([torch.tensor(a) for a in arrays]), read([pd.DataFrame(a) for a in arrays]), read(long)):
        assert found.shape == (3, 2, 13)
        for one, values in zip(arrays, found.values.numpy(), strict=True):
            assert np.array_equal(values[:, : one.shape[1]], one)
            assert np.isnan(values[:, one.shape[1] :]).all()
        assert found.notes[-1] == "cases have 7 to 13 samples, and are missing (NaN) after their end"
    assert "the rows of each frame, which has no names, are its channels" in read([pd.DataFrame(arrays[0])] * 2).notes[0]
    turned = read([pd.DataFrame(a.T) for a in arrays], orient="columns")
    assert torch.equal(turned.values.nan_to_num(7.0), found.values.nan_to_num(7.0))
    told: list[str] = []
    fit(arrays, structure="diagonal", folds=0, progress=told.append)
    assert "cases have 7 to 13 samples, and are missing (NaN) after their end" in told
    with pytest.raises(InputError, match=r"entry 1 of the list has 1 channel \(-\), but the first one 2 channels"):
        read([pd.DataFrame(arrays[0]), pd.DataFrame(arrays[1][:1])])


def test_channels_that_are_numbers_beside_an_index_of_cases(pd):
    index = pd.MultiIndex.from_product([range(4), range(10)], names=["case", "timepoint"])
    assert np.array_equal(read(pd.DataFrame(X, index=index)).values.numpy(), X.reshape(4, 10, 2).transpose(0, 2, 1))


def test_rows_that_look_like_a_recording_are_said(pd):
    walk = np.random.default_rng(2).standard_normal((200, 2)).cumsum(0)
    with pytest.warns(UserWarning, match=r"each of its 200 rows is a case of its own; but rows are like those before them"):
        fit(pd.DataFrame(walk, columns=["a", "b"]), folds=0)
    shuffled = walk[np.random.default_rng(3).permutation(200)]  # a correlation of .5 is 7 standard errors away
    assert fit(pd.DataFrame(shuffled, columns=["a", "b"]), folds=0).event_shape == (2, 1)
    assert fit(read(pd.DataFrame(walk, columns=["a", "b"]), rate=4.0, window=20), folds=0).event_shape == (2, 20)


def test_polars():
    pl = pytest.importorskip("polars")
    columns = {"time": np.arange(40) / 250, NAMES[0]: X[:, 0], NAMES[1]: X[:, 1]}
    assert is_recording(read(pl.DataFrame(columns)), 250.0)
    assert is_recording(read(pl.DataFrame(columns).lazy()), 250.0)


def test_xarray():
    xr = pytest.importorskip("xarray")
    coords = {"channel": ["Fz", "Cz"], "time": np.arange(40) / 250}
    assert is_recording(read(xr.DataArray(X, dims=("time", "channel"), coords=coords, attrs={"units": "µV"})), 250.0)
    array = xr.DataArray(X.reshape(4, 10, 2), dims=("trial", "time", "channel"))
    assert np.array_equal(read(array).values.numpy(), X.reshape(4, 10, 2).transpose(0, 2, 1))
    one = {
        name: xr.DataArray(X[:, i], dims="time", coords={"time": coords["time"]}, attrs={"units": "µV"})
        for i, name in enumerate(("Fz", "Cz"))
    }
    assert is_recording(read(xr.Dataset(one)), 250.0)
    with pytest.raises(InputError, match="dimensions a, b, but needs time"):
        read(xr.DataArray(X, dims=("a", "b")))


@pytest.fixture
def raw(mne):
    info = mne.create_info(["Fz", "Cz", "STI", "Oz"], 250.0, ["eeg", "eeg", "stim", "eeg"])
    info["bads"] = ["Oz"]
    data = np.random.default_rng(1).standard_normal((4, 500)) * 1e-5
    found = mne.io.RawArray(data, info)
    return found.set_annotations(mne.Annotations([0.4, 1.2, 1.6], [0, 0, 0.1], ["left", "right", "BAD_blink"]))


def test_raw_of_mne(mne, raw):
    stored = raw.get_data().copy()
    x = read(raw)
    gap = torch.zeros(500, dtype=torch.bool)
    gap[400:425] = True
    assert (x.rate, x.channels, x.units) == (250.0, ("Fz", "Cz"), ("µV", "µV"))
    assert torch.equal(torch.isnan(x.values[0]), gap.expand(2, 500))
    assert np.allclose(x.values[0].numpy()[:, :400], stored[:2, :400] * 1e6, rtol=1e-14)
    assert np.array_equal(raw.get_data(), stored)
    cut = read(raw, events=["left", "right"], before=0.2, after=0.2)
    assert (cut.shape, cut.labels) == ((2, 2, 100), ("left", "right"))
    assert torch.equal(cut.values[1], x.values[0, :, 250:350])
    back = mne.io.RawArray(cut.values[0].numpy() * 1e-6, mne.create_info(list(cut.channels), cut.rate, "eeg"))
    assert torch.allclose(read(back).values, cut.values[:1], rtol=1e-14)


def test_epochs_of_mne_and_their_frames(mne, raw, tmp_path):
    events, codes = mne.events_from_annotations(raw)
    epochs = mne.Epochs(raw, events, codes, -0.2, 0.2 - 1 / 250, baseline=None, preload=True, reject_by_annotation=False)
    x = read(epochs)
    assert (x.shape, x.rate, x.labels) == ((2, 2, 100), 250.0, ("left", "right"))
    assert torch.allclose(x.values, read(raw, events="all", before=0.2, after=0.2).values, rtol=1e-14)
    table = epochs.to_data_frame(picks=["Fz", "Cz"])
    table.to_csv(tmp_path / "e.csv")
    for one in (table, tmp_path / "e.csv"):
        again = read(one)
        assert torch.allclose(again.values, x.values, rtol=1e-12)
        assert (again.rate, again.channels, again.labels) == (250.0, ("Fz", "Cz"), ("left", "right"))
    assert np.allclose(read(epochs.average()).values.numpy(), x.values.mean(0, keepdim=True).numpy())
    with pytest.raises(InputError, match="the Info holds 4 channel names and a rate, but no signals: pass the Raw"):
        read(epochs.info)


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_frames_through_files(pd, tmp_path, suffix):
    if suffix == "parquet":
        pytest.importorskip("pyarrow")
    save = {"csv": lambda f: f.to_csv(tmp_path / "a.csv"), "parquet": lambda f: f.to_parquet(tmp_path / "a.parquet")}[suffix]
    index = pd.MultiIndex.from_product([list("abcd"), np.arange(10) / 250], names=["subject", "time"])
    for one in (
        frame(pd, index=pd.date_range("2024-01-01", periods=40, freq="4ms")),
        frame(pd, index=pd.date_range("2024-01-01", periods=40, freq="4ms", name="when", tz="UTC")),
        frame(pd, index=pd.Index(np.arange(40) / 250, name="time")),
        frame(pd, index=index),
        frame(pd),
    ):
        save(one)
        from_file, direct = read(tmp_path / f"a.{suffix}"), read(one)
        assert torch.equal(from_file.values, direct.values)
        assert (from_file.rate, from_file.channels, from_file.units) == (direct.rate, direct.channels, direct.units)


def test_signals_go_through_once_more(tmp_path):
    x = Signals(torch.arange(24.0).reshape(2, 3, 4), 2.0, ("a", "b", "c"), ("V", "", "s"), labels=("x", "y"))
    again = read(x, channels=["c", "a"], window=2)
    assert (again.channels, again.units, again.labels) == (("c", "a"), ("s", "V"), ("x", "x", "y", "y"))
    write(tmp_path / "a.csv", x)
    with pytest.raises(InputError, match="the dict is a dict, but must hold numbers"):
        read({"a": 1})
