"""Records whose rows have times of their own: placed on the times of all as a pivot table would, nothing invented."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ornstein as orn
from ornstein.common.errors import InputError

pd = pytest.importorskip("pandas")

HOURS = {"p1": {"HR": [0, 1, 5], "Temp": [0.25, 1]}, "p2": {"HR": [2], "Temp": [0, 3.5, 5]}, "p3": {"HR": [0.5, 4]}}


def long(clock: Any = lambda hours, case: hours, name: str = "time (h)") -> Any:
    """One row per value, in no order but that of the cases."""
    rows = []
    for number, (case, (variable, hours)) in enumerate((c, v) for c, known in HOURS.items() for v in known.items()):
        for k, hour in enumerate(reversed(hours)):
            rows.append((case, clock(hour, case), variable, number + k / 10))
    return pd.DataFrame(rows, columns=["id", name, "variable", "value"])


def pivoted(frame: Any, name: str = "time (h)") -> tuple[Any, Any]:
    """What pandas makes of it: values (case, channel, time) on the times of all, and these."""
    table = frame.pivot(index="id", columns=["variable", name], values="value")
    times = sorted(frame[name].unique())
    wanted = pd.MultiIndex.from_product([["HR", "Temp"], times])
    return table.reindex(columns=wanted).to_numpy().reshape(len(HOURS), 2, -1), np.array(times)


def test_a_long_table_stands_on_the_times_of_all(tmp_path: Path) -> None:
    """Quarters of hours: even times, those in between missing too."""
    frame = long()
    frame.to_csv(tmp_path / "long.csv", index=False)
    values, times = pivoted(frame)
    for source in (frame, tmp_path / "long.csv"):
        x = orn.read(source)
        assert (x.shape, x.channels, x.times) == ((3, 2, 21), ("HR", "Temp"), None)
        assert x.rate == pytest.approx(1 / 900)
        np.testing.assert_array_equal(x.values[:, :, np.round(4 * times).astype(int)], values)
        assert int((~x.values.isnan()).sum()) == len(frame)
        assert "rows have times of their own, and stand on the 21 times of all: 91% of the values are missing" in x.notes


def test_times_without_a_common_step_are_kept() -> None:
    frame = long(lambda hours, case: hours**1.5 + 0.01 * len(case))
    values, times = pivoted(frame)
    x = orn.read(frame)
    assert x.rate is None
    np.testing.assert_array_equal(x.values, values)
    np.testing.assert_allclose(x.times - x.times[0], 3600 * (times - times[0]), rtol=1e-12)


def test_dates_count_from_the_first_of_each_case() -> None:
    """Admissions in other years: only the time since admission is common."""
    start = {"p1": "2019-03-01 10:00", "p2": "2021-07-09 23:30", "p3": "2024-02-28 00:10"}
    frame = long(lambda hours, case: pd.Timestamp(start[case]) + pd.Timedelta(hours=hours), "when")
    x = orn.read(frame)
    assert x.shape[2] == 21
    for case, known in enumerate(HOURS.values()):
        first = min(itertools.chain(*known.values()))
        for channel, name in enumerate(("HR", "Temp")):
            at = [round(4 * (hour - first)) for hour in known.get(name, [])]
            assert (~x.values[case, channel].isnan()).nonzero()[:, 0].tolist() == at


def test_a_column_for_every_channel_where_it_is_asked(tmp_path: Path) -> None:
    frame = long().pivot(index=["id", "time (h)"], columns="variable", values="value").reset_index()
    frame.to_csv(tmp_path / "wide.csv", index=False)
    with pytest.raises(InputError, match=r"case 'p2' of .* has 4 rows, but case 'p1' has 4|or pass uneven=True"):
        orn.read(tmp_path / "wide.csv")
    assert orn.read(tmp_path / "wide.csv", uneven=True).values.nan_to_num(-1).equal(orn.read(long()).values.nan_to_num(-1))


def test_frames_with_dates_of_their_own() -> None:
    """A list of recordings: each counts from its first sample."""
    seconds = ([0.0, 1, 4], [0.0, 2, 4, 7])
    parts = [
        pd.DataFrame({"a": np.arange(len(at)) + 10.0 * k}, index=pd.Timestamp(f"202{k}-01-01") + pd.to_timedelta(at, unit="s"))
        for k, at in enumerate(seconds)
    ]
    x = orn.read(parts)
    assert x.rate == 1
    for case, at in enumerate(seconds):
        assert (~x.values[case, 0].isnan()).nonzero()[:, 0].tolist() == at
        assert x.values[case, 0][list(map(int, at))].tolist() == parts[case]["a"].tolist()


def test_frames_in_other_units_are_refused() -> None:
    even = [pd.DataFrame({f"a [{unit}]": np.arange(4.0)}, index=pd.date_range("2024-01-01", periods=4, freq="s")) for unit in ("mV", "V")]
    uneven = [frame.iloc[[0, 1, 3]] for frame in even]
    for parts in (even, uneven):
        with pytest.raises(InputError, match="entry 1 of the list is in V, but the first one in mV: convert it"):
            orn.read(parts)


def test_labels_stay_with_their_case() -> None:
    frame = long().assign(outcome=lambda rows: rows["id"].map({"p1": "home", "p2": "ward", "p3": "home"}))
    assert orn.read(frame, labels="outcome").labels == ("home", "ward", "home")


def test_bad_rows_are_named() -> None:
    frame = long()
    with pytest.raises(InputError, match=r"case 'p1' of the DataFrame has two values of 'HR' at 18000 s: average them, or drop one"):
        orn.read(pd.concat([frame, frame.iloc[:1].assign(value=7.0)]))
    with pytest.raises(InputError, match=r"`time \(h\)` has no value in data row 3"):
        orn.read(frame.assign(**{"time (h)": frame["time (h)"].where(frame.index != 2)}))
    with pytest.raises(InputError, match="'Temp' of `variable` in the DataFrame has other rows than 'HR'"):
        orn.read(frame.drop(columns="time (h)"))
    columns = {"id": np.repeat(np.arange(20_000), 2), "time (h)": np.arange(40_000) ** 1.1, "variable": list("ab") * 20_000}
    many = pd.DataFrame({**columns, "value": 1.0})
    with pytest.raises(InputError, match="20000 cases of 2 channels at 40000 different times, which is too much for one array"):
        orn.read(many)
