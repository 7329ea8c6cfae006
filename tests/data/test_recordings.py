"""EDF, BDF and WAV as instruments and other programs write them: gaps, ranges, letters, events, lengths that lie."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from ornstein.common.errors import InputError
from ornstein.data import read

D = (np.random.default_rng(0).standard_normal((4, 10)) * 3000).astype(int)
PHYSICAL = (D.ravel() + 32768) * (200 / 65535) - 100


def field(value: object, width: int) -> bytes:
    return (value if isinstance(value, bytes) else str(value).encode())[:width].ljust(width)


def tal(onset: float, *events: tuple[float, str]) -> bytes:
    return f"+{onset:g}\x14\x14\0".encode() + b"".join(f"+{t:g}\x14{name}\x14\0".encode() for t, name in events)


def edf(
    path: Path,
    *,
    physical: tuple[object, object] = (-100, 100),
    digital: tuple[int, int] = (-32768, 32767),
    unit: bytes = b"uV",
    label: bytes = b"Fz",
    kind: str = "",
    notes: list[bytes] | None = None,
    seconds: object = 1,
    claim: int | None = None,
    magic: bytes = b"0",
    width: int = 2,
    status: np.ndarray | None = None,
) -> Path:
    """Four records of ten samples."""
    rows = [(label, "", unit, *physical, *digital, "", 10, "")]
    if status is not None:
        rows.append(("Status", "", "", *physical, *digital, "", 10, ""))
    if notes is not None:
        rows.append(("EDF Annotations", "", "", -1, 1, -32768, 32767, "", 40, ""))
    head = field(magic, 8) + field("X X X X", 80) + field("Startdate X X X X", 80) + field("01.01.20", 8) + field("00.00.00", 8)
    head += (
        field(256 * (1 + len(rows)), 8)
        + field(kind, 44)
        + field(4 if claim is None else claim, 8)
        + field(seconds, 8)
        + field(len(rows), 4)
    )
    for j, size in enumerate((16, 80, 8, 8, 8, 8, 8, 80, 8, 32)):
        head += b"".join(field(row[j], size) for row in rows)
    for k in range(4):
        head += b"".join(int(v).to_bytes(width, "little", signed=True) for v in D[k])
        if status is not None:
            head += b"".join(int(v).to_bytes(width, "little", signed=False) for v in status[k])
        if notes is not None:
            head += notes[k].ljust(80, b"\0")
    path.write_bytes(head)
    return path


def test_records_of_a_discontinuous_file_stand_at_their_times(tmp_path):
    notes = [tal(0), tal(1, (1.5, "blink")), tal(10), tal(11)]
    x = read(edf(tmp_path / "a.edf", kind="EDF+D", notes=notes))
    assert x.shape == (1, 1, 120)
    assert np.allclose(x.values[0, 0].numpy()[[*range(20), *range(100, 120)]], PHYSICAL)
    assert np.isnan(x.values[0, 0].numpy()[20:100]).all()
    assert "1 gap between records, 8 s in all, filled with missing values" in x.summary()
    cut = read(tmp_path / "a.edf", window=10)
    assert (len(cut), "8 windows without any value left out" in cut.summary()) == (4, True)
    jump = [tal(5), tal(6), tal(9), tal(10)]
    assert read(edf(tmp_path / "a.edf", kind="EDF+C", notes=jump)).shape == (1, 1, 60)


def test_runs_of_records_far_apart_are_cases(tmp_path):
    x = read(edf(tmp_path / "a.edf", kind="EDF+D", notes=[tal(0), tal(1), tal(5000), tal(5001, (5001.2, "x"))]))
    assert x.shape == (2, 1, 20)
    assert np.allclose(x.values.numpy().ravel(), PHYSICAL)
    cut = read(tmp_path / "a.edf", events="x", before=0.2, after=0.3)
    assert np.allclose(cut.values.numpy().ravel(), PHYSICAL[30:35])
    for notes, sentence in (
        ([tal(0), tal(1), tal(2), tal(5001)], "2 parts of different lengths"),
        ([tal(0), tal(1), tal(1.5), tal(3)], r"data record 3 of .* starts 0\.5 s after the one before, which lasts 1 s: records overlap"),
        (None, "does not say when each record starts"),
    ):
        with pytest.raises(InputError, match=sentence):
            read(edf(tmp_path / "b.edf", kind="EDF+D", notes=notes))


def test_a_decimal_comma_and_latin_letters(tmp_path):
    x = read(edf(tmp_path / "a.edf", physical=("-3276,8", "3276,7"), unit="µV".encode("latin-1"), label="Füß".encode("latin-1")))
    assert np.allclose(x.values[0, 0].numpy(), D.ravel() * 0.1)
    assert (x.units, x.channels) == (("µV",), ("Füß",))
    assert np.allclose(read(edf(tmp_path / "a.edf", physical=(100, -100))).values[0, 0].numpy(), -PHYSICAL)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"physical": (5, 5)}, "channel 'Fz' of .* has the physical range 5 to 5, which scales nothing: choose other channels"),
        ({"digital": (7, 7)}, "has the digital range 7 to 7"),
        ({"physical": ("abc", 5)}, "has the physical range 'abc' to '5', but they must be numbers"),
        ({"claim": 5}, "promises 5 data records, but it holds 4"),
        ({"magic": b"7"}, "its first bytes are no header"),
        ({"seconds": "x"}, "words where numbers belong"),
    ],
)
def test_headers_that_scale_nothing_or_do_not_agree(tmp_path, wrong, sentence):
    with pytest.raises(InputError, match=sentence):
        read(edf(tmp_path / "a.edf", **wrong))


def test_a_file_that_was_never_closed(tmp_path):
    edf(tmp_path / "a.edf", claim=-1)
    with open(tmp_path / "a.edf", "ab") as file:
        file.write(b"1234567")
    with pytest.warns(UserWarning, match="never closed: its 4 complete records are read, 7 bytes after them are not"):
        assert np.allclose(read(tmp_path / "a.edf").values[0, 0].numpy(), PHYSICAL)


def test_records_without_duration(tmp_path):
    assert read(edf(tmp_path / "a.edf", seconds=0)).rate is None
    assert read(tmp_path / "a.edf", rate=10).rate == 10


@pytest.mark.parametrize("name", ["a.bdf", "a.edf"])
def test_bdf_by_its_first_byte_with_its_status_as_events(tmp_path, name):
    status = np.zeros((4, 10), dtype=int)
    status[1, 3:5], status[2, 2] = 0x10000 + 7, 9
    x = edf(
        tmp_path / name,
        magic=b"\xffBIOSEMI",
        kind="24BIT",
        width=3,
        digital=(-8388608, 8388607),
        physical=(-8388608, 8388607),
        status=status,
    )
    assert np.array_equal(read(x).values[0, 0].numpy(), D.ravel())
    assert "events 7 × 1, 9 × 1" in read(x).summary()
    cut = read(x, events="all", before=0.1, after=0.2)
    assert np.array_equal(cut.values[:, 0].numpy(), [D.ravel()[12:15], D.ravel()[21:24]])
    assert cut.labels == (7, 9)


def test_events_and_bad_parts(tmp_path):
    notes = [tal(0, (0.5, "T1")), tal(1, (1.5, "T2")), tal(2, (2.5, "T1")), tal(3, (3.95, "T2"))]
    notes[2] += b"+2.1\x150.2\x14BAD_x\x14\0"
    x = read(edf(tmp_path / "a.edf", kind="EDF+C", notes=notes))
    assert np.isnan(x.values[0, 0].numpy()).nonzero()[0].tolist() == [21, 22]
    assert "events T1 × 2, T2 × 2 (events= cuts at them)" in x.summary()
    cut = read(tmp_path / "a.edf", events="T1", before=0.2, after=0.3)
    assert np.allclose(cut.values[:, 0].numpy(), [PHYSICAL[3:8], PHYSICAL[23:28]])
    cut = read(tmp_path / "a.edf", events=["T2", "T1"], window=3)
    assert (cut.labels, "1 event too close to an end left out" in cut.summary()) == (("T1", "T2", "T1"), True)
    for arguments, sentence in (
        ({"events": "T9", "after": 1}, "asks for 'T9', but .* has the events T1 × 2, T2 × 2"),
        ({"events": "T1"}, "seconds to keep after each"),
        ({"events": "T1", "after": 100}, "none of 2 events"),
        ({"events": "T1", "window": 3, "hop": 1}, "windows are cut at events: leave hop out"),
    ):
        with pytest.raises(InputError, match=sentence):
            read(tmp_path / "a.edf", **arguments)
    with pytest.raises(InputError, match="holds no events: cut it with window="):
        read(edf(tmp_path / "b.edf"), events="T1", after=1)


def test_against_edfio(tmp_path):
    edfio = pytest.importorskip("edfio")
    signals = [
        edfio.EdfSignal(np.random.default_rng(i).standard_normal(512), 256, label=f"s{i}", physical_dimension="mV") for i in range(3)
    ]
    edfio.Edf(signals, annotations=[edfio.EdfAnnotation(0.5, None, "x")]).write(tmp_path / "a.edf")
    x, peer = read(tmp_path / "a.edf"), edfio.read_edf(tmp_path / "a.edf")
    assert np.allclose(x.values[0].numpy(), [s.data for s in peer.signals], rtol=1e-12, atol=1e-12)
    assert (x.rate, x.channels, x.units) == (256, ("s0", "s1", "s2"), ("mV",) * 3)
    cut = read(tmp_path / "a.edf", events="x", after=0.25)
    assert np.array_equal(cut.values[0].numpy(), x.values[0, :, 128:192].numpy())


PCM = struct.pack("<HHIIHH", 1, 1, 8000, 16000, 2, 16)
LIST = b"LIST" + struct.pack("<I", 4) + b"INFO"


def wav(path: Path, size: int | None = None, tail: bytes = b"", form: bytes = PCM, body: bytes | None = None) -> Path:
    data = D.ravel().astype("<i2").tobytes() if body is None else body
    chunk = (
        b"WAVEfmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", len(data) if size is None else size) + data + tail
    )
    path.write_bytes(b"RIFF" + struct.pack("<I", len(chunk)) + chunk)
    return path


def test_wav_lengths(tmp_path):
    whole = D.ravel() / 2**15
    extensible = struct.pack("<HHIIHHHHIH", 0xFFFE, 1, 8000, 16000, 2, 16, 22, 16, 4, 1) + bytes(14)
    for more in ({}, {"tail": LIST}, {"form": extensible}):
        assert np.array_equal(read(wav(tmp_path / "a.wav", **more)).values[0, 0].numpy(), whole)
    for size in (0, 0xFFFFFFFF):
        with pytest.warns(UserWarning, match="was streamed or never closed"):
            assert np.array_equal(read(wav(tmp_path / "a.wav", size=size)).values[0, 0].numpy(), whole)
    for more, sentence in (
        ({"size": 40}, "claims 40 bytes of samples, but 40 more follow that are no chunk"),
        ({"size": 200}, "claims 200 bytes of samples, but it holds 80"),
        ({"tail": b"\1\2\3\4\5\6\7\10\11"}, "9 more follow"),
        ({"tail": b"data" + struct.pack("<I", 4) + bytes(4)}, "a second chunk of samples follows the first"),
        ({"body": b"", "tail": LIST}, "is empty"),
        ({"form": struct.pack("<HHIIHH", 6, 1, 8000, 8000, 1, 8)}, "format 6 with 8 bits, but must be PCM or float"),
        ({"form": b"12"}, "format chunk is cut off"),
    ):
        with pytest.raises(InputError, match=sentence):
            read(wav(tmp_path / "a.wav", **more))
