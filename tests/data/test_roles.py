"""A column that is no signal never becomes one: the net below the names, what may be said instead, and what is warned of."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ornstein.common.errors import InputError
from ornstein.common.signals import Signals
from ornstein.data import read
from ornstein.data.classes import typed
from ornstein.data.labels import read_labels
from ornstein.model import fit, load

X = np.round(np.random.default_rng(0).standard_normal((40, 2)), 3)
SECONDS = [k / 250 for k in range(40)]


def table(folder: Path, head: str, first: object, name: str = "a.csv") -> Path:
    path = folder / name
    path.write_text(head + "".join(f"{t},{a},{b}\n" for t, (a, b) in zip(first, X, strict=True)), encoding="utf-8")
    return path


def channels_only(x: Signals) -> bool:
    return np.array_equal(x.values[0].numpy(), X.T)


def test_the_net_below_and_what_may_be_said(tmp_path):
    path = table(tmp_path, "foo,a,b\n", range(40))
    with pytest.raises(InputError, match=r"`foo` of .* rises in equal steps .*say time='foo' or index='foo'"):
        read(path)
    assert channels_only(read(path, index="foo"))
    assert channels_only(read(path, time="foo"))
    assert read(path, time=1).rate == 1
    assert read(path, channels=["foo", "a"]).channels == ("foo", "a")
    assert channels_only(read(path, channels=["a", "b"]))
    path = table(tmp_path, "", SECONDS)
    with pytest.raises(InputError, match=r"column 1 of .* rises in equal steps .*say index=1 or time=1"):
        read(path)
    assert read(path, time=1).rate == 250
    assert read(path, index=1).shape == (40, 1, 2)
    assert read(path, index="none").shape == (40, 1, 3)
    stamps = [1.6e9 + k / 250 + 0.0005 * (k % 3) for k in range(40)]
    with pytest.raises(InputError, match="`foo` of"):
        read(table(tmp_path, "foo,a,b\n", stamps))
    (tmp_path / "b.csv").write_text(
        "0,0.5,1,1.5,2,2.5\n" + "".join(",".join(map(str, row)) + "\n" for row in X.reshape(-1, 1) * np.ones(6))
    )
    with pytest.raises(InputError, match=r"the first row of .* rises in equal steps"):
        read(tmp_path / "b.csv")
    with pytest.raises(InputError, match=r"time is 'bar', but must be a column of .*: it has foo, a, b"):
        read(table(tmp_path, "foo,a,b\n", range(40)), time="bar")


def test_a_rate_stands_above_every_clock(tmp_path):
    jitter = np.arange(40) / 256 + np.random.default_rng(1).normal(0, 0.0004, 40)
    path = table(tmp_path, "time,a,b\n", [f"{t:.6f}" for t in jitter])
    with pytest.raises(InputError, match="not uniform"):
        read(path)
    x = read(path, rate=256)
    assert channels_only(x)
    assert (x.rate, "`time` is not uniform, and rate= is used" in x.summary()) == (256, True)
    for times in (SECONDS[::-1], [t + 8 * (t > 0.08) for t in SECONDS]):
        with pytest.warns(UserWarning, match="`time` jumps, so samples may be missing or out of order"):
            assert read(table(tmp_path, "time,a,b\n", times), rate=250).rate == 250
    with pytest.warns(UserWarning, match="`Sample Index` skips after data row 21"):
        read(table(tmp_path, "Sample Index,a,b\n", [k + (k > 20) for k in range(40)]))


@pytest.mark.parametrize(
    ("name", "first", "rate"),
    [
        ("timestamp", [1600000000 + k / 250 for k in range(40)], 250),
        ("timestamp", [1600000000000 + 4 * k for k in range(40)], 250),
        ("timestamp", [1600000000000000 + 4000 * k for k in range(40)], 250),
        ("timestamp", [1600000000000000000 + 4000000 * k for k in range(40)], 250),
        ("timestamp_us", [4000 * k for k in range(40)], 250),
        ("elapsed (min)", range(40), 1 / 60),
        ("Time", [f"23:59:{40 + k}" if k < 20 else f"00:00:{k - 20:02d}" for k in range(40)], 1),
        ("when", [f"2024/12/31 12:00:{k:02d}" for k in range(40)], 1),
        ("when", [f"31-Dec-2024 12:00:{k:02d}" for k in range(40)], 1),
        ("when", [f"2024-12-31 12:00:{k:02d} +0100" for k in range(40)], 1),
    ],
)
def test_clocks(tmp_path, name, first, rate):
    x = read(table(tmp_path, f"{name},a,b\n", first))
    assert channels_only(x)
    assert x.rate == pytest.approx(rate, rel=1e-9)


def test_day_or_month_is_not_guessed(tmp_path):
    with pytest.raises(InputError, match="may mean day/month or month/day"):
        read(table(tmp_path, "date,a,b\n", [f"01/{1 + k // 20:02d}/2024 00:{k:02d}" for k in range(40)]))


def test_names_that_only_sound_like_time(tmp_path):
    assert read(table(tmp_path, "reaction time,a,b\n", np.flip(X[:, 0]))).channels == ("reaction time", "a", "b")


def test_words_labels_and_remarks(tmp_path):
    path = table(tmp_path, "trial,time,mood,a,b\n", [f"{k // 10},{(k % 10) / 250},{'ab'[k // 10 % 2]}" for k in range(40)])
    x = read(path)
    assert (x.shape, x.labels, "`mood` is left out" in x.summary()) == ((4, 2, 10), (), True)
    assert read(path, labels="mood").labels == ("a", "b", "a", "b")
    alike = read(table(tmp_path, "trial,time,label,a,b\n", [f"{k // 10},{(k % 10) / 250},b" for k in range(40)]))
    assert (alike.labels, "labels b × 4" in alike.summary()) == (("b",) * 4, True)
    with pytest.raises(InputError, match="labels changes within case 0"):
        read(table(tmp_path, "mood,a,b\n", "ab" * 20), labels="mood")
    assert read(tmp_path / "a.csv", labels="mood", window=1).labels == ("a", "b") * 20
    (tmp_path / "c.csv").write_text("a,b\n1,2.5\n# restart\n3,4\n")
    with pytest.raises(InputError, match="line 3 is the remark '# restart' between rows of data"):
        read(tmp_path / "c.csv")
    (tmp_path / "d.txt").write_text("".join(f"E{k} {a} {b} {a}\n" for k, (a, b) in enumerate(X)))
    with pytest.raises(InputError, match=r"column 1 of .* holds words such as 'E0', and no header says what they are"):
        read(tmp_path / "d.txt")
    assert read(tmp_path / "d.txt", index=1).shape == (40, 1, 3)


def test_rows_with_a_name_each_are_cases(tmp_path):
    x = read(table(tmp_path, "id,h0,h1\n", [f"s{k}" for k in range(40)]))
    assert (x.shape, "each row is a case" in x.summary()) == ((40, 1, 2), True)
    vectors = read(table(tmp_path, "id,a [m],b\n", range(40)), orient="vectors")
    assert (vectors.shape, vectors.channels, vectors.units) == ((40, 2, 1), ("a", "b"), ("m", ""))


def test_labels_are_numbers_only_if_nothing_merges(tmp_path):
    for text, labels in (
        ("1_1\n11\n", ["1_1", "11"]),
        ("01\n1\n", ["01", "1"]),
        ("1\n1.0\n", ["1", "1.0"]),
        ("-1\n+1\n", [-1, 1]),
        ("1.0\n\n2.0\n", [1, -1, 2]),
        ("1e3\n2\n", ["1e3", "2"]),
    ):
        (tmp_path / "l.txt").write_text(text)
        assert read_labels(tmp_path / "l.txt") == labels
    for mixed in (["1", 1], [1.0, "1", "b"]):
        with pytest.raises(InputError, match="labels holds 1 as a number and as text"):
            typed(mixed)
    assert typed(["1", None, float("nan")]) == [1, -1, -1]


def test_names_that_no_file_can_have():
    for name in ("a" * 300 + ".csv", "x/" * 3000 + "a.csv"):
        with pytest.raises(InputError, match=r"is no name that a file can have \(File name too long\)"):
            read(name)


def test_models_have_names_that_a_folder_can_have():
    law = fit(X, folds=0)
    for call in (law.save, load):
        with pytest.raises(InputError, match=r"is no name that a file can have \(File name too long\)"):
            call("a" * 300)
        with pytest.raises(InputError, match="must be the name of a folder"):
            call("a\0b")
    with pytest.raises(InputError, match=r"holds one recording of 40 samples.*--orient rows"):
        fit(X.T[None])
