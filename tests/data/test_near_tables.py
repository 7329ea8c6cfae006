"""Tables that are nearly others: clocks under other names, numbers that look like words, headers and columns that would be lost."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest

from ornstein.common.errors import InputError
from ornstein.data import read

X = np.round(np.random.default_rng(0).standard_normal((40, 2)), 3)
ROWS = [f"{a},{b}" for a, b in X]


def table(folder: Path, head: str, first: Iterable[object], separator: str = ",") -> Path:
    path = folder / "a.csv"
    lines = [head, *(f"{t},{row}" for t, row in zip(first, ROWS, strict=False))]
    path.write_text("\n".join(lines).replace(",", separator) + "\n", encoding="utf-8")
    return path


def lines(folder: Path, *content: str) -> Path:
    path = folder / "a.csv"
    path.write_text("\n".join(content) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("head", "time", "rate", "said"),
    [
        ("时间戳", lambda i: 1600000000000 + 4 * i, 250, "in ms since 1970"),
        ("時間", lambda i: i / 250, 250, "taken as seconds"),
        ("Время (мс)", lambda i: i / 250, 250, "taken as seconds"),
        ("Tiempo (s)", lambda i: i / 250, 250, ""),
        ("ts", lambda i: i / 250, 250, "taken as seconds"),
        ("epoch_ms", lambda i: 1600000000000 + 4 * i, 250, ""),
        ("epoch", lambda i: 1600000000 + i, 1, "in s since 1970"),
        ("record", lambda i: 1600000000.5 + i / 4, 4, "in s since 1970"),
        ("Date", lambda i: f"{43831 + i / 24:.8f}", 1 / 3600, "days of a spreadsheet"),
        ("Datum", lambda i: 737791 + i, 1 / 86400, "days since year 0"),
        ("date", lambda i: 20200101 + i if i < 31 else 20200201 + i - 31, 1 / 86400, "dates written as 20241231"),
    ],
)
def test_clocks_under_other_names(tmp_path: Path, head: str, time: Callable[[int], object], rate: float, said: str) -> None:
    x = read(table(tmp_path, head + ",a,b", map(time, range(40))))
    assert x.channels == ("a", "b")
    assert x.rate == pytest.approx(rate, rel=1e-4)
    assert said in x.notes[-1]


@pytest.mark.parametrize("head", ["year", "Jahr", "年", "Frame#"])
def test_numbers_of_rows_under_other_names(tmp_path: Path, head: str) -> None:
    x = read(table(tmp_path, head + ",a,b", range(1980, 2020)))
    assert (x.channels, x.rate) == (("a", "b"), None)


def test_a_column_of_ids_is_no_signal(tmp_path: Path) -> None:
    assert read(table(tmp_path, "device_id,a,b", [4711] * 40)).channels == ("a", "b")
    x = read(table(tmp_path, "userId,a,b", [i // 10 for i in range(40)]))
    assert (x.shape, x.channels) == ((4, 2, 10), ("a", "b"))


@pytest.mark.parametrize(
    "time",
    [
        lambda i: -i / 250,
        lambda i: i // 2 / 125 if i < 30 else 15 / 125 + (i - 30) // 2 / 125,
        lambda i: i / 250 + 0.0009 * (i * 7 % 5 - 2),
    ],
)
def test_the_net_holds_what_falls_jitters_and_repeats(tmp_path: Path, time: Callable[[int], float]) -> None:
    path = table(tmp_path, "foo,a,b", [f"{time(i):.6f}" for i in range(40)])
    with pytest.raises(InputError, match=r"`foo` of .* goes on in one direction from row to row"):
        read(path)
    assert read(path, channels=["foo", "a"]).channels == ("foo", "a")


def test_a_walk_and_a_curve_pass_the_net(tmp_path: Path) -> None:
    walk = np.abs(np.random.default_rng(1).standard_normal(40)).cumsum() ** 2
    for values in (walk, np.exp(np.arange(40) / 8), np.sin(np.arange(40) / 20)):
        assert read(table(tmp_path, "foo,a,b", [f"{v:.5f}" for v in values])).channels == ("foo", "a", "b")


def test_a_clock_that_runs_backwards_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"the time column runs backwards: sort the rows"):
        read(table(tmp_path, "time,a,b", [f"{-i / 250:.3f}" for i in range(40)]))


@pytest.mark.parametrize(
    "cell", ["${}", "{} mV", "({})", "{}D+02", "{}%", "<{}", "{}+1j", "[{}, 2]", "€ {}", "1/{}", "0x1{}".replace(".", ""), "b'{}'"]
)
def test_numbers_with_something_around_them_are_never_left_out(tmp_path: Path, cell: str) -> None:
    cells = [cell.format(10 + i) for i in range(40)]
    path = lines(tmp_path, "a;b", *(f"{c};{b}" for c, (_, b) in zip(cells, X, strict=True)))
    with pytest.raises(InputError, match=r"`a` of .* in data row 1, which is no plain number: write it as one"):
        read(path)


def test_a_column_of_numbers_with_words_among_them_is_never_left_out(tmp_path: Path) -> None:
    path = lines(tmp_path, "time,a,b", *(f"{i},{'-' if i % 3 else v},{w}" for i, (v, w) in enumerate(X)))
    with pytest.raises(InputError, match=r"`a` of .* holds '-' in data row 2"):
        read(path)
    assert read(path, channels="b").channels == ("b",)
    words = lines(tmp_path, "time,a,mood", *(f"{i},{v},{'rest' if i % 3 else 'go'}" for i, (v, _) in enumerate(X)))
    assert "`mood` is left out" in read(words).notes


def test_true_and_false_are_numbers(tmp_path: Path) -> None:
    x = read(lines(tmp_path, "time,a,on", *(f"{i},{v},{i % 2 == 0}" for i, (v, _) in enumerate(X))))
    assert x.channels == ("a", "on")
    assert x.values[0, 1, :3].tolist() == [1, 0, 1]


@pytest.mark.parametrize("mark", [",", "."])
def test_marks_of_thousands_are_not_read_as_decimal_ones(tmp_path: Path, mark: str) -> None:
    values = [850, 1250, 913, 2041, 730]
    cells = [f"{v:,}".replace(",", mark) for v in values]
    with pytest.raises(InputError, match=r"column 1 holds whole numbers beside numbers such as 1.234, which may be 1234 or 1.234"):
        read(lines(tmp_path, "a;b", *(f"{c};{c}" for c in cells)))
    decimals = lines(tmp_path, "a;b", *(f"{c};0{mark}5" for c in [*cells, f"1{mark}5"]))
    assert read(decimals).values[0, 0, 1] == 1.25


def test_decimal_commas_between_commas_are_not_read_as_more_columns(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"line 1 names 2 columns, but the rows below have 4 cells, as numbers with decimal commas"):
        read(lines(tmp_path, "a,b", *(f"{a},{b}".replace(".", ",") for a, b in X)))


def test_two_names_over_three_columns_are_those_of_r(tmp_path: Path) -> None:
    assert read(lines(tmp_path, '"a","b"', *(f'"{i}",{row}' for i, row in enumerate(ROWS, 1)))).channels == ("a", "b")


def test_classes_in_the_last_column(tmp_path: Path) -> None:
    x = read(lines(tmp_path, *(f"{row},{row},{i % 2}.0" for i, row in enumerate(ROWS))))
    assert (x.shape, x.labels[:3]) == ((40, 1, 4), (0, 1, 0))
    assert read(lines(tmp_path, *(f"{row},{row},{i % 2}.0" for i, row in enumerate(ROWS))), labels="none").shape == (40, 1, 5)


def test_bars_part_cells(tmp_path: Path) -> None:
    assert read(table(tmp_path, "time,a,b", range(40), separator="|")).channels == ("a", "b")


@pytest.mark.parametrize("mark", ["-999", "9999", "-9999.0", "1e30"])
def test_a_mark_of_missing_values_is_said(tmp_path: Path, mark: str) -> None:
    path = lines(tmp_path, "time,a,b", *(f"{i},{mark if i % 9 == 0 else v},{w}" for i, (v, w) in enumerate(X)))
    with pytest.warns(UserWarning, match=r"a holds .* 5 times, far from all others"):
        read(path)
    read(lines(tmp_path, "time,a,b", *(f"{i},{-999 + 100 * v},{w}" for i, (v, w) in enumerate(X))))
