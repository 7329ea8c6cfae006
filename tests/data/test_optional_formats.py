"""WAV, EDF and Parquet: truth on the way in, honest refusals on the way out."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.io import wavfile

from ornstein.common.errors import InputError
from ornstein.common.signals import Signals
from ornstein.data import read, write

nan = float("nan")
X = Signals(torch.randn(1, 2, 500, generator=torch.Generator().manual_seed(0)), 250.0, ("ECG", "EEG"), ("mV", "uV"))


@pytest.mark.parametrize(
    ("dtype", "full", "zero"),
    [(np.uint8, 128, 128), (np.int16, 2**15, 0), (np.int32, 2**31, 0), (np.float32, 1, 0), (np.float64, 1, 0)],
)
def test_wav_scale(tmp_path: Path, dtype: type, full: float, zero: float) -> None:
    expected = np.array([[-1.0, 0.0, 0.5], [0.25, -0.5, 0.0]])
    wavfile.write(tmp_path / "a.wav", 8000, (expected.T * full + zero).astype(dtype))
    x = read(tmp_path / "a.wav")
    assert x.rate == 8000
    assert np.array_equal(x.values.numpy(), expected[None])
    wavfile.write(tmp_path / "a.wav", 8000, (expected[0] * full + zero).astype(dtype))
    assert np.array_equal(read(tmp_path / "a.wav").values.numpy(), expected[None, :1])


def test_wav_of_24_bits(tmp_path: Path) -> None:
    samples = (-(2**23), 0, 2**22)
    data = b"".join(s.to_bytes(3, "little", signed=True) for s in samples)
    head = b"WAVEfmt " + (16).to_bytes(4, "little") + bytes.fromhex("0100 0100 401f0000 c05d0000 0300 1800")
    body = head + b"data" + len(data).to_bytes(4, "little") + data
    (tmp_path / "a.wav").write_bytes(b"RIFF" + (len(body)).to_bytes(4, "little") + body)
    assert read(tmp_path / "a.wav").values.tolist() == [[[-1.0, 0.0, 0.5]]]


def test_wav_round_trip(tmp_path: Path) -> None:
    x = Signals(torch.tensor([[[0.1, -3.0, 1e-30]]]), 44100.0)
    write(tmp_path / "a.wav", x)
    back = read(tmp_path / "a.wav", window=1)
    assert back.rate == 44100
    assert torch.equal(back.values.flatten(), x.values.flatten())


@pytest.mark.parametrize("suffix", ["wav", "edf"])
@pytest.mark.parametrize(
    ("x", "sentence"),
    [
        (Signals(torch.zeros(2, 1, 4), 2.0), "one recording, but there are 2 cases"),
        (Signals(torch.tensor([[[1.0, nan]]]), 2.0), "cannot mark missing values"),
        (Signals(torch.zeros(1, 1, 4)), "rate is None"),
    ],
)
def test_what_a_recording_file_cannot_hold(tmp_path: Path, suffix: str, x: Signals, sentence: str) -> None:
    if suffix == "edf":
        pytest.importorskip("edfio")
    with pytest.raises(InputError, match=sentence):
        write(tmp_path / f"a.{suffix}", x)
    assert not list(tmp_path.iterdir())


def test_what_a_wav_file_cannot_hold(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"rate is 0\.5, but a WAV file needs a whole number"):
        write(tmp_path / "a.wav", Signals(torch.zeros(1, 1, 4), 0.5))
    with pytest.raises(InputError, match="too large for the 32-bit floats"):
        write(tmp_path / "a.wav", Signals(torch.full((1, 1, 4), 1e39, dtype=torch.float64), 2.0))
    with pytest.raises(InputError, match="too many channels"):
        write(tmp_path / "a.wav", Signals(torch.zeros(1, 65536, 1), 2.0))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("suffix", ["wav", "edf", "parquet"])
def test_damaged_files(tmp_path: Path, suffix: str) -> None:
    if suffix != "wav":
        pytest.importorskip("edfio" if suffix == "edf" else "pyarrow")
    write(tmp_path / f"a.{suffix}", X)
    content = (tmp_path / f"a.{suffix}").read_bytes()
    bad = tmp_path / f"b.{suffix}"
    for damaged in (b"hello", content[: len(content) // 2], content[:100], b"\0" * 3000):
        bad.write_bytes(damaged)
        with pytest.raises(InputError, match=f"b.{suffix} is not a readable"):
            read(bad)
    for i in range(0, 400, 3):
        bad.write_bytes(content[:i] + bytes([content[i] ^ 0x55]) + content[i + 1 :])
        with suppress(InputError):
            read(bad)


@pytest.mark.parametrize(("suffix", "module", "words"), [("edf", "edfio", "EDF"), ("parquet", "pyarrow", "Parquet")])
def test_missing_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str, module: str, words: str) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    (tmp_path / f"a.{suffix}").write_text("x")
    if suffix == "parquet":  # EDF is read without it
        with pytest.raises(InputError, match=r"reading Parquet needs the extra io: pip install '\.\[io\]'"):
            read(tmp_path / "a.parquet")
    with pytest.raises(InputError, match=rf"writing {words} needs the extra io"):
        write(tmp_path / f"b.{suffix}", X)
    assert [p.name for p in tmp_path.iterdir()] == [f"a.{suffix}"]


@pytest.mark.parametrize(("length", "rate"), [(500, 250.0), (100, 256.0), (700, 200.0), (7, 0.5)])
def test_edf_round_trip(tmp_path: Path, length: int, rate: float) -> None:
    pytest.importorskip("edfio")
    x = Signals(X.values[:, :, :length].repeat(1, 1, 2)[:, :, :length], rate, X.channels, X.units)
    write(tmp_path / "a.edf", x)
    back = read(tmp_path / "a.edf")
    assert (back.shape, back.rate, back.channels, back.units) == (x.shape, rate, X.channels, X.units)
    step = (x.values.amax(2) - x.values.amin(2)) / 65535
    assert bool(((back.values - x.values).abs().amax(2) <= step).all())


def test_edf_channels_of_different_rates(tmp_path: Path) -> None:
    edfio = pytest.importorskip("edfio")
    rows = np.linspace(-1, 1, 200), np.linspace(0, 1, 200), np.linspace(0, 1, 50)
    edfio.Edf([edfio.EdfSignal(row, len(row), label=f"s{i}") for i, row in enumerate(rows)]).write(tmp_path / "a.edf")
    with pytest.raises(InputError, match=r"different rates \(200 Hz: s0, s1; 50 Hz: s2\): choose those of one rate with channels="):
        read(tmp_path / "a.edf")
    x = read(tmp_path / "a.edf", channels=["s1", "s0"])
    assert (x.shape, x.rate, x.channels) == ((1, 2, 200), 200, ("s1", "s0"))
    assert float(x.values[0, 1, 0]) == pytest.approx(-1, abs=1e-4)
    with pytest.raises(InputError, match="channels asks for 's9'"):
        read(tmp_path / "a.edf", channels="s9")
    with pytest.raises(InputError, match="only one orientation"):
        read(tmp_path / "a.edf", orient="rows")


@pytest.mark.parametrize(
    ("x", "sentence"),
    [
        (Signals(X.values, 250.0, ("通道一", "b")), "EDF allows at most 16 ASCII characters"),
        (Signals(X.values, 250.0, units=("V" * 9, "")), "EDF allows at most 8 ASCII characters"),
        (Signals(X.values * 1e-9, 250.0), "needs more than EDF's 8 characters: change the unit"),
        (Signals(X.values * 1e12, 250.0), "does not fit into EDF"),
        (Signals(X.values[:, :, :499], 44100.7), "cut the recording to whole seconds"),
    ],
)
def test_what_an_edf_file_cannot_hold(tmp_path: Path, x: Signals, sentence: str) -> None:
    pytest.importorskip("edfio")
    with pytest.raises(InputError, match=sentence):
        write(tmp_path / "a.edf", x)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("cases", [1, 3])
@pytest.mark.parametrize("rate", [None, 0.1 + 0.2])
def test_parquet_round_trip(tmp_path: Path, cases: int, rate: float | None) -> None:
    pytest.importorskip("pyarrow")
    values = torch.randn(cases, 3, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    values[0, 0, 0] = nan
    x = Signals(values, rate, ("通道一", "a", "a"), ("微伏", "", ""))
    write(tmp_path / "a.parquet", x)
    back = read(tmp_path / "a.parquet")
    assert back.values.contiguous().numpy().tobytes() == values.numpy().tobytes()
    assert (back.rate, back.channels, back.units) == (x.rate, x.channels, x.units)


def test_foreign_parquet(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")

    def save(**columns: object) -> Path:
        parquet.write_table(pyarrow.table(columns), tmp_path / "a.parquet")
        return tmp_path / "a.parquet"

    stamps = np.array(["2024-01-01T00:00", "2024-01-01T00:01", "2024-01-01T00:02"], dtype="datetime64[us]")
    x = read(save(when=stamps, a=[1, None, 3], b=[True, None, False]))
    assert x.rate == pytest.approx(1 / 60)
    assert x.channels == ("a", "b")
    assert torch.equal(x.values.nan_to_num(nan=9), torch.tensor([[[1.0, 9, 3], [1, 9, 0]]]).double())
    assert read(save(case=["x", "y"], a=[1, 2], b=[3, 4]), orient="rows").values.tolist() == [[[1, 3]], [[2, 4]]]
    for columns, sentence in (
        ({"a": [[1.0]], "b": [2.0]}, "column 'a' of .* holds list.*, but must hold numbers"),
        ({"a": []}, "is empty"),
        ({"case": ["a"]}, "no column with values"),
    ):
        with pytest.raises(InputError, match=sentence):
            read(save(**columns))


def test_a_parquet_file_that_unpacks_to_too_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pyarrow")
    write(tmp_path / "a.parquet", X)
    monkeypatch.setattr("ornstein.data.parquet.MAX_BYTES", 1000)
    with pytest.raises(InputError, match="would unpack to 12000 bytes, more than 1000"):
        read(tmp_path / "a.parquet")
