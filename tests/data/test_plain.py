"""Tables of numbers read in one pass: the same values as cell by cell, and whatever is not plain goes the long way."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ornstein.common.errors import InputError
from ornstein.data import plain, text
from ornstein.data.sheet import Sheet


def values(sheet: Sheet) -> list[list[float]]:
    return [[] if c.values is None else c.values.tolist() for c in sheet.columns]


def both_ways(table: str, monkeypatch: pytest.MonkeyPatch) -> tuple[bool, list[list[float]], list[list[float]]]:
    """Whether the table was read in one pass, its columns, and its columns cell by cell."""
    taken = []
    whole = plain.numbers
    monkeypatch.setattr(plain, "numbers", lambda *given: taken.append(whole(*given)) or taken[-1])
    quick = values(text.parse(table, Path("x.csv")))
    monkeypatch.setattr(plain, "numbers", lambda *_: None)
    slow = values(text.parse(table, Path("x.csv")))
    return bool(taken) and taken[0] is not None, quick, slow


@pytest.mark.parametrize(
    ("table", "at_once"),
    [
        ("a,b\n1,2.5\n-3e2,+.5\n 4 ,nan\n1e-310,7\n", True),
        ("1 2 3\n4  5\t6\n", True),
        ("a\tb\r\n1\t2\r\n\r\n3\t4\r\n", True),
        ("# made by hand\nsep=;\n", False),
        ("# made by hand\na,b\n1,2\n3,4\n", True),
        ("a,b\n1,2\n,4\n", False),
        ("a,b\n1,2\nNA,4\n", False),
        ('a,b\n1,"2"\n3,4\n', False),
        ("a,b,\n1,2,\n3,4,\n", False),
        ("a\n1\n2\n3\n\n", True),
        ("a\n1\n \n3\n", False),
        ("made by hand\ra,b\n1,2\n3,4\n", True),
        ("made by hand\na,b\n1,2\n\n3,4\n", True),
        ("a;b\n1,5;2\n3;4\n", False),
    ],
)
def test_both_ways_give_the_same_numbers(table: str, at_once: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if "sep=;\n" in table:
        table += "a;b\n1;2\n"
    taken, quick, slow = both_ways(table, monkeypatch)
    assert taken == at_once
    np.testing.assert_array_equal(quick, slow)


def test_random_tables_bit_for_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    draws = np.random.default_rng(0).normal(size=(300, 3)) * 10.0 ** np.random.default_rng(1).integers(-300, 300, size=(300, 3))
    table = "x,y,z\n" + "".join(",".join(map(repr, row)) + "\n" for row in draws.tolist())
    taken, quick, slow = both_ways(table, monkeypatch)
    assert taken
    assert np.array_equal(quick, slow)
    assert np.array_equal(quick, draws.T)


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ("a,b\n1,2\n3\n", "line 3 has 1 cells, but line 1 has 2"),
        ("a,b\n1,2\n3,4,5\n", "line 3 has 3 cells, but line 1 has 2"),
        ("a,b\n1,2\n1,2\n3,x\n", "line 4, column 2 is 'x'"),
        ("a,b\n1,2\n# note\n3,4\n", "line 3 is the remark '# note' between rows"),
        ("a\n1\n\n3\n", "line 3 has 0 cells, but line 1 has 1: write nan"),
        ("a,b\n1,2\n1_0,4\n", "line 3, column 1 is '1_0'"),
    ],
)
def test_what_is_wrong_keeps_its_line(table: str, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        text.parse(table, Path("x.csv"))
