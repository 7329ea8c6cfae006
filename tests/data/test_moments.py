"""Moments in many spellings and in several columns: what is one clock becomes one, what may mean two things is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ornstein import InputError, read

X = np.round(np.random.default_rng(0).standard_normal((60, 2)), 3)
DAY, HOUR, MINUTE = 86400.0, 3600.0, 60.0


def table(folder: Path, head: str, first: Callable[[int], str], rows: int = 60, sep: str = ",") -> Path:
    path = folder / "m.csv"
    body = "".join(sep.join([first(k), *map(str, X[k])]) + "\n" for k in range(rows))
    path.write_text(f"{head}{sep}a{sep}b\n{body}", encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("head", "first", "step"),
    [
        ("Zeit", lambda k: f"31.03.2024 12:{k:02d}", MINUTE),
        ("DateTime", lambda k: f"3/31/2024 {1 + k // 60}:{k % 60:02d} PM", MINUTE),
        ("采样时间", lambda k: f"2024/3/1 9:{k:02d}:00", MINUTE),
        ("时间", lambda k: f"2024年3月1日 12:{k:02d}:00", MINUTE),
        ("Date", lambda k: f'"Fri, 01 Mar 2024 12:00:{k:02d} GMT"', 1),
        ("Date", lambda k: f'"Mar 1, 2024 12:00:{k:02d}"', 1),
        ("Time", lambda k: f"{k * 0.01:g} sec", 0.01),
        ("Time (hh:mm)", lambda k: f"12:{k:02d}", MINUTE),
        ("Time (mm:ss)", lambda k: f"12:{k:02d}", 1),
        ("Time", lambda k: f"{(23 + k // 30) % 24:02d}:{k % 30 * 2:02d}", 2 * MINUTE),
        ("Time", lambda k: f"70:{k:02d}", 1),
        ("timestamp", lambda k: f"20240301{k % 24:02d}" if k < 24 else f"20240{302 + (k - 24) // 24}{k % 24:02d}", HOUR),
        ("timestamp", lambda k: f"2024030112{k:02d}", MINUTE),
        ("timestamp", lambda k: f"202403011200{k:02d}", 1),
    ],
)
def test_spellings(tmp_path: Path, head: str, first: Callable[[int], str], step: float) -> None:
    x = read(table(tmp_path, head, first))
    assert x.channels == ("a", "b")
    assert x.rate == pytest.approx(1 / step, rel=1e-9)


@pytest.mark.parametrize("time", [lambda k: f"12:{k % 20:02d}", lambda k: f"{k % 24:02d}:00"])
def test_hours_or_minutes_are_not_guessed(tmp_path: Path, time: Callable[[int], str]) -> None:
    with pytest.raises(InputError, match="may mean hours:minutes or minutes:seconds"):
        read(table(tmp_path, "time", time, rows=20))


def test_what_is_no_moment_is_told_beside_one_that_is(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="row 1 is 'noon', but must be a date and time such as '2024-12-31 12:00:00'"):
        read(table(tmp_path, "time", lambda _: "noon"))


@pytest.mark.parametrize(
    ("head", "first", "step", "clock"),
    [
        ("Datum,Uhrzeit", lambda k: f"31.03.2024,12:{k:02d}", MINUTE, "Datum, Uhrzeit"),
        ("<DATE>,<TIME>", lambda k: f"20240301,12{k:02d}00", MINUTE, "<DATE>, <TIME>"),
        ("date,time", lambda k: f"2024-03-{1 + k // 24:02d},{k % 24 * 100}", HOUR, "date, time"),
        ("date,time", lambda k: f"{np.datetime64('2024-03-01') + k},08:00:00", DAY, "date, time"),
        ("Year,Month,Day", lambda k: f"{np.datetime64('2024-01-20') + k}".replace("-", ","), DAY, "Year, Month, Day"),
        ("YY,MM,DD,hh,mm", lambda k: f"24,3,1,{k // 6},{k % 6 * 10}", 10 * MINUTE, "YY, MM, DD, hh, mm"),
        ("Year,Month,Day,Hour", lambda k: f"2024,3,{1 + k // 24},{1 + k % 24}", HOUR, "Year, Month, Day, Hour"),
    ],
)
def test_one_clock_in_several_columns(tmp_path: Path, head: str, first: Callable[[int], str], step: float, clock: str) -> None:
    x = read(table(tmp_path, head, first))
    assert (x.channels, f"`{clock}` is the clock" in x.summary()) == (("a", "b"), True)
    assert x.rate == pytest.approx(1 / step, rel=1e-9)


def test_a_lost_day_between_times_of_day_is_noticed(tmp_path: Path) -> None:
    def first(k: int) -> str:
        return f"2024-03-01,23:{30 + k}:00" if k < 30 else f"2024-03-04,00:{k - 30:02d}:00"

    with pytest.raises(InputError, match="the step after data row 30 is 172860"):
        read(table(tmp_path, "Date,Time", first))


def test_seconds_beside_a_date_are_seconds(tmp_path: Path) -> None:
    assert read(table(tmp_path, "date,time", lambda k: f"2024-03-01,{k}")).rate == 1


def test_parts_of_a_date_may_be_asked_for(tmp_path: Path) -> None:
    path = table(tmp_path, "Year,Month,Day", lambda k: f"{np.datetime64('2024-01-20') + k}".replace("-", ","))
    assert read(path, channels=["Month", "a"]).channels == ("Month", "a")


def test_months_are_no_channels_and_not_even(tmp_path: Path) -> None:
    path = table(tmp_path, "year,month", lambda k: f"{2000 + k // 12},{1 + k % 12}")
    with pytest.raises(InputError, match="not uniform"):
        read(path)


def test_what_is_named_before_a_header_of_dates_is_no_moment(tmp_path: Path) -> None:
    path = tmp_path / "wide.csv"
    cells = np.round(np.random.default_rng(2).random((30, 4)), 3)
    rows = "".join(f"P{k},{k * 0.7 % 9:.2f},{','.join(map(str, row))}\n" for k, row in enumerate(cells))
    path.write_text(f"Province,Lat,1/22/20,1/23/20,1/24/20,1/25/20\n{rows}")
    x = read(path)
    np.testing.assert_array_equal(x.values[:, 0], cells)
    assert (x.rate, "`Lat` is no part of the signals" in x.summary()) == (pytest.approx(1 / DAY), True)


def test_a_header_of_times_stands_over_one_signal_a_row(tmp_path: Path) -> None:
    hours = ",".join(f"{h:02d}:00" for h in range(24))
    days = np.round(np.random.default_rng(1).random((30, 24)), 3)
    path = tmp_path / "load.csv"
    path.write_text(f"date,{hours}\n" + "".join(f"{np.datetime64('2024-01-01') + k},{','.join(map(str, d))}\n" for k, d in enumerate(days)))
    x = read(path)
    np.testing.assert_array_equal(x.values[:, 0], days)
    assert (x.rate, "the first line gives the time of each column" in x.summary()) == (1 / HOUR, True)

    frame = pd.DataFrame(days[:, :4], index=[f"s{k}" for k in range(30)], columns=pd.date_range("2024-01-01", periods=4, freq="h"))
    frame.to_csv(path)
    for source in (path, frame):
        x = read(source)
        np.testing.assert_array_equal(x.values[:, 0], days[:, :4])
        assert x.rate == pytest.approx(1 / HOUR)


def test_times_beside_the_clock_are_said_to_be_left_out(tmp_path: Path) -> None:
    x = read(table(tmp_path, "Zeitpunkt,Tempo", lambda k: f"2024-03-01 12:00:{k:02d},5:{(k * 7) % 60:02d}"))
    assert "`Tempo` is left out" in x.summary()


def test_the_net_holds_a_clock_with_missing_cells(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"`n1` of .* rises in equal steps"):
        read(table(tmp_path, "n1", lambda k: "" if k in (0, 7) else str(k)))


def test_packets_of_rows_with_one_time_have_the_rate_that_the_file_states(tmp_path: Path) -> None:
    def write(lost: int) -> Path:
        path = table(tmp_path, "Sample Index,Timestamp", lambda k: f"{k},{1.7e9 + (k // 10 + lost * (k > 29)) * 0.04:.6f}")
        path.write_text("%Sample Rate = 250 Hz\n" + path.read_text())
        return path

    assert read(write(0)).rate == 250
    with pytest.raises(InputError, match="not uniform"):
        read(write(1))


def test_a_number_of_rows_may_end_in_a_dot(tmp_path: Path) -> None:
    assert "`Nr.` numbers the rows" in read(table(tmp_path, "Nr.", lambda k: str(k + 1))).summary()


def test_levels_of_names_are_joined_in_every_format(tmp_path: Path) -> None:
    frame = pd.DataFrame(X, columns=pd.MultiIndex.from_tuples([("left", "Fz"), ("right", "Cz")]))
    frame.to_csv(tmp_path / "l.csv")
    frame.to_parquet(tmp_path / "l.parquet")
    for source in (tmp_path / "l.csv", tmp_path / "l.parquet", frame):
        assert read(source).channels == ("left Fz", "right Cz")


@pytest.mark.parametrize("between", [",", " ", "\t"])
@pytest.mark.parametrize("header", ["", "12:00:00.000 -> a{0}b\n"])
def test_the_arrow_of_a_serial_monitor_is_a_clock(between: str, header: str, tmp_path: Path) -> None:
    """The Arduino IDE writes the moment before every line; a header it prints has one too."""
    lines = [f"12:00:{k // 10:02d}.{k % 10}00 -> {X[k, 0]}{between}{X[k, 1]}\n" for k in range(60)]
    (tmp_path / "log.txt").write_text(header.format(between) + "".join(lines))
    x = read(tmp_path / "log.txt")
    np.testing.assert_array_equal(x.values[0].numpy(), X.T)
    assert (x.rate, x.channels) == (10.0, ("a", "b") if header else ("ch0", "ch1"))


def test_rows_at_even_moments_are_moments_without_a_header(tmp_path: Path) -> None:
    """Minute by minute they are one recording; day by day, each row may be the curve of a day, and is."""
    for stamp, shape in ((lambda k: f"2024-03-01 12:{k:02d}", (1, 2, 25)), (lambda k: f"2024-03-{k + 1:02d}", (25, 1, 2))):
        (tmp_path / "m.csv").write_text("".join(f"{stamp(k)},{X[k, 0]},{X[k, 1]}\n" for k in range(25)))
        x = read(tmp_path / "m.csv")
        assert x.shape == shape
        assert x.rate == (None if len(x) > 1 else pytest.approx(1 / 60))
