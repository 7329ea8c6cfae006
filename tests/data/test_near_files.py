"""What stands beside the signals in NPZ, Parquet, EDF and WAV files under names and in forms of other programs."""

from __future__ import annotations

import datetime
from pathlib import Path

import numpy as np
import pytest

from ornstein.common.errors import InputError
from ornstein.data import edf_header, read

X = np.random.default_rng(0).standard_normal((40, 2))


def test_rate_and_names_beside_an_array(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", data=X.T[None], sfreq=250, ch_names=["Fz", "Cz"], y=np.zeros(1))
    x = read(tmp_path / "a.npz")
    assert (x.rate, x.channels, x.notes) == (250, ("Fz", "Cz"), ("`y` is left out",))
    np.savez(tmp_path / "a.npz", data=X.T[None], fs=np.zeros(3), ch_names=["Fz"])
    assert (read(tmp_path / "a.npz").rate, read(tmp_path / "a.npz").channels) == (None, ("ch0", "ch1"))


def test_indexes_that_parquet_keeps_elsewhere(tmp_path: Path) -> None:
    pandas, path = pytest.importorskip("pandas"), tmp_path / "a.parquet"
    pytest.importorskip("pyarrow")
    frame = pandas.DataFrame(X, columns=["a", "b"])
    frame.set_axis(pandas.RangeIndex(0, 160, 4, name="time_ms")).to_parquet(path)
    assert (read(path).rate, read(path).channels) == (250, ("a", "b"))
    times = [datetime.time(0, 0, k // 4, k % 4 * 250000) for k in range(40)]
    frame.assign(time=times).to_parquet(path)
    assert (read(path).rate, read(path).channels) == (4, ("a", "b"))
    assert read(frame.assign(time=times)).rate == 4
    frame.set_axis(["0", "1"], axis=1).to_parquet(path)
    assert read(path).shape == (40, 1, 2)


@pytest.mark.parametrize(
    ("cells", "sentence"),
    [([[1, 2]] * 40, "holds a list"), ([{"x": 1}] * 40, "holds a dict"), ([b"x"] * 40, "holds a bytes"), ([1j] * 40, "is complex")],
)
def test_cells_that_are_no_numbers_are_not_left_out(cells: list[object], sentence: str) -> None:
    pandas = pytest.importorskip("pandas")
    with pytest.raises(InputError, match=f"column 'c' {sentence}"):
        read(pandas.DataFrame(X, columns=["a", "b"]).assign(c=cells))
    with pytest.raises(InputError, match="series in some columns, but single values in label"):
        read(pandas.DataFrame({"x": [np.arange(5.0)] * 4, "label": list("abab")}))


def test_a_field_ends_at_its_first_nul() -> None:
    assert edf_header._text(b"Fz\0garbage     ") == "Fz"
    assert edf_header._text(b"-100\0\0\0\0") == "-100"
