"""CSV, TSV and TXT: what is read, what is refused, and where the message points."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ornstein.common.errors import InputError
from ornstein.common.signals import Signals
from ornstein.data import read, write

nan = math.nan


def save(folder: Path, content: str | bytes, name: str = "a.csv", encoding: str = "utf-8") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
    return path


def same(a: torch.Tensor, b: object) -> bool:
    return torch.equal(a.nan_to_num(nan=12345.0), torch.as_tensor(b, dtype=a.dtype).nan_to_num(nan=12345.0))


@pytest.mark.parametrize(
    "content",
    [
        "1,-2.5,3e-3\n4,5,6\n",
        "1,-2.5,3e-3\r\n4,5,6",
        "1;-2,5;3e-3\n4;5;6\n",
        "1\t-2,5\t0,003\n4\t5\t6\n",
        "1 -2.5   3e-3\n  4 5 6  \n",
        '"1","-2.5","3e-3"\n4, 5 ,6\n\n',
        "\ufeff1,-2.5,.003\n4.,+5,6",
        "1,-2.5,3e-3,\n4,5,6,\n",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_delimiters_decimal_marks_and_encodings(tmp_path: Path, content: str, encoding: str) -> None:
    expected = torch.tensor([[[1, -2.5, 3e-3]], [[4, 5, 6]]], dtype=torch.float64)
    path = save(tmp_path, content if encoding == "utf-8" else content.removeprefix("\ufeff"), encoding=encoding)
    assert same(read(path).values, expected)
    assert same(read(path, orient="columns").values, expected.squeeze(1).T[None])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gb18030"])
def test_chinese_names_in_every_encoding(tmp_path: Path, encoding: str) -> None:
    x = read(save(tmp_path, "时间,通道一 [微伏],通道二\n0,1,2\n0.5,3,4\n", encoding=encoding))
    assert (x.rate, x.channels, x.units) == (2.0, ("通道一", "通道二"), ("微伏", ""))
    assert same(x.values, [[[1, 3], [2, 4]]])


def test_a_lone_high_byte_is_western(tmp_path: Path) -> None:
    assert read(save(tmp_path, "a [µV],b [°C]\n1,2\n", encoding="cp1252")).units == ("µV", "°C")


def test_missing_cells(tmp_path: Path) -> None:
    x = read(save(tmp_path, "a,b,c\n1,,NA\nNaN, nan ,N/A\nnull,2,-0.0\n"))
    assert same(x.values, [[[1, nan, nan], [nan, nan, 2], [nan, nan, 0]]])
    assert math.copysign(1, float(x.values[0, 2, 2])) == -1


def test_auto_orientation(tmp_path: Path) -> None:
    assert read(save(tmp_path, "1,2\n3,4\n5,6\n")).shape == (3, 1, 2)
    assert read(save(tmp_path, "a,b\n3,4\n5,6\n7,8\n")).shape == (1, 2, 3)
    assert read(save(tmp_path, "1\n2\n3\n")).shape == (1, 1, 3)
    assert read(save(tmp_path, "1\n2\n3\n"), orient="rows").shape == (3, 1, 1)
    assert same(read(save(tmp_path, "case,h0,h1\nmon,1,2\ntue,3,4\n"), orient="rows").values, [[[1, 2]], [[3, 4]]])
    assert same(read(save(tmp_path, ",a,b\n0,3,4\n1,5,6\n")).values, [[[3, 5], [4, 6]]])
    assert same(read(save(tmp_path, ",a,b\n0,3,4\n1,5,6\n"), orient="rows").values, [[[3, 4]], [[5, 6]]])
    assert same(read(save(tmp_path, "2024-01-01,1,2\n2024-01-02,3,4\n")).values, [[[1, 2]], [[3, 4]]])


@pytest.mark.parametrize(
    ("times", "unit", "rate"),
    [
        (["0", "0.004", "0.008"], "", 250.0),
        (["10", "14", "18"], " [ms]", 250.0),
        (["0", "1", "2"], " [h]", 1 / 3600),
        ([f"{i / 360:.3f}" for i in range(1000)], "", 360.0),
        ([repr(i / 44100) for i in range(1000)], "", 44100.0),
        ([f"2024-01-01T00:{i:02}:00" for i in range(50)], "", 1 / 60),
        ([f"2024-01-{i:02} 00:00:00.5Z" for i in range(1, 30)], "", 1 / 86400),
    ],
)
@pytest.mark.parametrize("name", ["time", "Time", "t", "timestamp"])
def test_times_give_the_rate(tmp_path: Path, times: list[str], unit: str, rate: float, name: str) -> None:
    lines = [f"{name}{unit},x", *(f"{time},{i}" for i, time in enumerate(times))]
    x = read(save(tmp_path, "\n".join(lines)))
    assert x.rate == pytest.approx(rate, rel=1e-12)
    assert x.channels == ("x",)
    assert same(x.values[0, 0], range(len(times)))
    assert read(tmp_path / "a.csv", rate=7).rate == 7


@pytest.mark.parametrize(
    ("times", "sentence"),
    [
        (["0", "1", "3", "4"], "step after data row 2 is 2, the usual one 1"),
        (["0", "1", "2", "4"], "step after data row 3 is 2"),
        (["0", "0.003", "0.006", "0.011", "0.014"], "not uniform"),
        (["0", "1", "0"], "not uniform"),
        (["1", "1", "1"], "not uniform"),
        (["-1e308", "0", "1e308"], "not uniform"),
        (["0", "", "2"], "no value in data row 2"),
        (["2024-01-01", "2024-01-02", "x"], "`time` in data row 3 is 'x'"),
        (["2024-01-01", "2024-01-02T00:00Z", "2024-01-03"], "data row 2"),
    ],
)
def test_times_that_are_not_uniform(tmp_path: Path, times: list[str], sentence: str) -> None:
    path = save(tmp_path, "\n".join(["time,x", *(f"{time},1" for time in times)]))
    with pytest.raises(InputError, match=sentence):
        read(path)


def test_nanoseconds_are_one_moment_however_they_are_read(tmp_path: Path) -> None:
    """As pandas writes them: cut or rounded to microseconds they differ, which is not day against month."""
    stamps = [f"2026-01-01 00:00:0{k // 4}.{k % 4 * 250000000 + 17:09d}" for k in range(12)]
    assert read(save(tmp_path, "\n".join(["time,x", *(f"{stamp},1" for stamp in stamps)]))).rate == 4


def test_uneven_times_are_kept_where_it_is_asked(tmp_path: Path) -> None:
    table = "\n".join(["time (ms),x", *(f"{time},{k}" for k, time in enumerate((5, 10, 16, 30, 31)))])
    x = read(save(tmp_path, table), uneven=True)
    assert (x.rate, x.summary().split(";")[0]) == (None, "1 case of 1 channel x, 5 samples at uneven times over 0.026 s")
    assert torch.allclose(x.times, torch.tensor([0, 5, 11, 25, 26], dtype=torch.float64) / 1000)
    assert "every sample keeps its time" in x.summary()
    with pytest.warns(UserWarning, match="jumps"):
        assert read(save(tmp_path, table), uneven=True, rate=100).rate == 100
    for suffix in (".csv", ".tsv", ".npz", ".parquet"):
        write(tmp_path / f"again{suffix}", x, force=True)
        again = read(tmp_path / f"again{suffix}")
        assert again.times.equal(x.times)
        assert (again.values.equal(x.values), again.rate) == (True, None)
    for times, sentence in (
        ((0, 1, 1, 3), "holds 1 twice"),
        ((0, 2, 1, 3), "falls from 2 to 1"),
        ((0, 1, "", 4), "no value in data row 3"),
    ):
        with pytest.raises(InputError, match=sentence):
            read(save(tmp_path, "\n".join(["time,x", *(f"{time},1" for time in times)])), uneven=True)
    cases = "\n".join(["id,time,x", *(f"{case},{time + case * (time == 3)},1" for case in (0, 1) for time in (0, 1, 3))])
    assert [(~row).nonzero().flatten().tolist() for row in read(save(tmp_path, cases), uneven=True).values[:, 0].isnan()] == [
        [0, 1, 3],
        [0, 1, 4],
    ]


def test_a_lost_sample_is_noticed_anywhere_in_printed_times(tmp_path: Path) -> None:
    times = [f"{i / 360:.3f}" for i in range(60)]
    for lost in range(1, 59):
        rows = [f"{time},0" for time in times[:lost] + times[lost + 1 :]]
        with pytest.raises(InputError, match="not uniform"):
            read(save(tmp_path, "\n".join(["time,x", *rows])))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "a.csv is empty"),
        (" \n\n", "a.csv is empty: it holds no values"),
        ("a,b\n", "has a header, but no values below it"),
        ("1,2,3\n4,5\n", "line 2 has 2 cells, but line 1 has 3"),
        ("a,b\n1,2\n\n3,4,5\n", "line 4 has 3 cells, but line 1 has 2"),
        ("1\n\n2\n", "line 2 has 0 cells, but line 1 has 1: write nan for a missing value"),
        ("a,b\n1,2\n3,oops\n", "line 3, column 2 is 'oops', but must be a number or empty"),
        ("1,2,bad\n3,4,5\n", "line 1, column 3 is 'bad'"),
        ("a,b\n1_000,2\n", "line 2, column 1 is '1_000'"),
        ("a\n" + "x" * 1000, r"'x{40}\.\.\.'"),
        ("a;b\n1,5;2\n1;2.5\n", "comma in line 2 and a point in line 3: use one decimal mark"),
        ("a;b\n1.234,5;2\n", "comma in line 2 and a point in line 2"),
        ('a,b\n1,"2\n3,4\n', "cannot be split into cells"),
        ("a,b\n1,inf\n", r"values holds 1 infinite value, first at index \(0, 1, 0\)"),
        ("time [moons],x\n0,1\n1,2\n", "unit of the time column is 'moons', but must be one of s,"),
        ("time,\n0,\n1,\n", "no column with values"),
        ("case,time,x\na,0,1\na,1,2\nb,0,1\n", "case 'b' of .* has 1 rows, but case 'a' has 2"),
        ("case,time,x\na,0,1\nb,0,1\na,1,2\n", "case 'a' stands in several places"),
        ("case,time,x\na,0,1\na,1,2\nb,0,1\nb,2,2\n", "sampled at 1 and 0.5 Hz"),
        ("time [s at 100 Hz],x\n0,1\n1,2\n", "header says 100 Hz, but its steps of 1 s say 1 Hz"),
        ("time [s at x Hz],x\n0,1\n1,2\n", "rate 'x'"),
        (b"\x00\x01\x02", "is not text"),
        (b"a,b\n\xff\xff,1\n", "is not text"),
        (b"\xff\xfe1", "is not text"),
    ],
)
def test_refused_text(tmp_path: Path, content: str | bytes, sentence: str) -> None:
    path = save(tmp_path, content)
    with pytest.raises(InputError, match=sentence) as caught:
        read(path)
    assert "a.csv" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_foreign_cases(tmp_path: Path) -> None:
    x = read(save(tmp_path, "case,time,x\nann,5,1\nann,7,2\nbob,0,3\nbob,2,4\n"))
    assert (x.rate, same(x.values, [[[1, 2]], [[3, 4]]])) == (0.5, True)
    x = read(save(tmp_path, "case,date,x\n1,2024-01-01,1\n1,2024-01-02,2\n2,2025-01-01,3\n2,2025-01-02,4\n"))
    assert x.rate == pytest.approx(1 / 86400)
    assert same(x.values, [[[1, 2]], [[3, 4]]])


names = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)
units = st.text(st.characters(codec="utf-8", exclude_characters="\0[]"), max_size=5)
floats = st.floats(allow_nan=True, allow_infinity=False, width=64)


@st.composite
def batches(draw: st.DrawFn) -> Signals:
    shape = [draw(st.integers(1, 3)) for _ in range(3)]
    size = shape[0] * shape[1] * shape[2]
    values = torch.tensor(draw(st.lists(floats, min_size=size, max_size=size)), dtype=torch.float64).reshape(shape)
    rate = draw(st.none() | st.floats(1e-6, 1e9))
    labels = [draw(st.lists(words, min_size=shape[1], max_size=shape[1])) for words in (names, units)]
    return Signals(values, rate, tuple(labels[0]), tuple(labels[1]))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.filterwarnings("ignore:.*if it marks missing values:UserWarning")  # 1e30 is a value like any other to a round trip
@given(x=batches(), suffix=st.sampled_from(["csv", "tsv", "txt"]))
@example(
    x=Signals(torch.tensor([[[-0.0, 5e-324, -1.7976931348623157e308, nan]]], dtype=torch.float64), 360.0, ("通道一",), ("微伏",)),
    suffix="csv",
)
@example(x=Signals(torch.zeros(2, 2, 2), 0.1, ("1", "nan"), ("", "")), suffix="csv")
@example(x=Signals(torch.zeros(1, 2, 1), 1e-6, ("case", "time [s]"), ("", "x;y")), suffix="txt")
@example(x=Signals(torch.full((1, 1, 2), nan), None, ("",), ("",)), suffix="csv")
@example(x=Signals(torch.zeros(1, 2, 1), None, ('a,"b\r\n\rc', "a\tb"), ("", "")), suffix="tsv")
def test_round_trip_is_exact(tmp_path: Path, x: Signals, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    write(path, x, force=True)
    back = read(path)
    assert same(back.values, x.values.double())
    assert torch.equal(torch.signbit(back.values)[~x.values.isnan()], torch.signbit(x.values)[~x.values.isnan()])
    assert (back.rate, back.channels, back.units) == (x.rate, x.channels, x.units)


@pytest.mark.parametrize(
    ("name", "unit", "sentence"), [("a", "m[V]", "square brackets"), ("a\0b", "", "NUL"), ("a\ud800", "", "not valid text")]
)
def test_names_that_no_table_can_hold(tmp_path: Path, name: str, unit: str, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        write(tmp_path / "a.csv", Signals(torch.zeros(1, 1, 2), 1.0, (name,), (unit,)))
    assert not list(tmp_path.iterdir())


def test_plain_and_careful_parsing_agree(tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(0)
    exponent = torch.randint(-300, 300, (5000, 3), generator=generator).double()
    values = torch.randn(5000, 3, generator=generator, dtype=torch.float64) * 10**exponent
    lines = [",".join(map(repr, row)) for row in values.tolist()]
    plain = read(save(tmp_path, "\n".join(["a,b,c", *lines])))
    careful = read(save(tmp_path, "\n".join(["a_1,b,c", *lines])))
    decimal_comma = read(save(tmp_path, "\n".join(["a;b;c", *(line.replace(",", ";").replace(".", ",") for line in lines)])))
    for x in (plain, careful, decimal_comma):
        assert torch.equal(x.values[0].T, values)


def test_moments_that_no_row_has_stay_moments(tmp_path: Path) -> None:
    """A gap that all cases share must not close: the samples behind it would move, and no model would fit them any more."""
    x = np.arange(24.0).reshape(4, 6) ** 2
    x[:, 2:4] = np.nan
    rows = "".join(",".join("" if np.isnan(v) else repr(v) for v in row) + "\n" for row in x.tolist())
    for text in (rows, "0,1,2,3,4,5\n" + rows):
        (tmp_path / "x.csv").write_text(text)
        found = read(tmp_path / "x.csv", index="none")
        np.testing.assert_array_equal(found.values[:, 0].numpy(), x)
        assert "2 columns without a value in any row, kept as moments that nobody observed" in found.summary()
    (tmp_path / "x.csv").write_text("".join(f"{k},{k * k},{k % 3},\n" for k in range(8)))
    ended = read(tmp_path / "x.csv", index="none", orient="rows")
    assert ended.shape == (8, 1, 3)
    assert "column 4 is empty and left out" in ended.summary()
    (tmp_path / "x.csv").write_text("a,b,c\n" + "".join(f"{k * k},,{k % 3}\n" for k in range(8)))
    assert "`b` is empty and left out" in read(tmp_path / "x.csv").summary()
