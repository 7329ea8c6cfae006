"""NPY and NPZ: exact round trips, and headers that lie."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import torch

from ornstein.common.errors import InputError
from ornstein.common.signals import Signals
from ornstein.data import numpy_files, read, write

nan = float("nan")
VALUES = np.arange(24.0).reshape(2, 3, 4)


def npy(folder: Path, array: object, pickle: bool = False) -> Path:
    np.save(folder / "a.npy", np.asarray(array), allow_pickle=pickle)
    return folder / "a.npy"


def npz(folder: Path, **arrays: object) -> Path:
    np.savez(folder / "a.npz", **{name: np.asarray(array) for name, array in arrays.items()})  # type: ignore[arg-type]
    return folder / "a.npz"


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("suffix", ["npy", "npz"])
def test_round_trip(tmp_path: Path, dtype: torch.dtype, suffix: str) -> None:
    x = Signals(torch.tensor([[[0.1, nan, -0.0], [1e-30, 3e30, 3]]], dtype=dtype), 0.1 + 0.2, ("通道一", "a [b]"), ("µV", "m[V]"))
    write(tmp_path / f"a.{suffix}", x)
    back = read(tmp_path / f"a.{suffix}")
    assert back.values.dtype == dtype
    assert back.values.numpy().tobytes() == x.values.numpy().tobytes()
    if suffix == "npz":
        assert (back.rate, back.channels, back.units) == (x.rate, x.channels, x.units)
        write(tmp_path / "b.npz", Signals(x.values))
        assert read(tmp_path / "b.npz").rate is None


def test_axes(tmp_path: Path) -> None:
    for array, orient, expected in (
        (VALUES[0, 0], "auto", VALUES[:1, :1]),
        (VALUES[0], "auto", VALUES[0][:, None]),
        (VALUES[0], "rows", VALUES[0][:, None]),
        (VALUES[0].T, "columns", VALUES[:1]),
        (VALUES, "auto", VALUES),
        (np.asfortranarray(VALUES), "auto", VALUES),
        (VALUES.astype(">i2"), "auto", VALUES),
        (VALUES.astype(np.longdouble), "auto", VALUES),
        (VALUES > 5, "auto", VALUES > 5),
    ):
        assert np.array_equal(read(npy(tmp_path, array), orient=orient).values.numpy(), expected)


def test_grey_images_lose_the_axis_of_their_one_colour(tmp_path: Path) -> None:
    """As torch and as matplotlib lay them, said; an axis that cannot be kept is no reason to refuse the digits of a tutorial."""
    images = np.random.default_rng(0).normal(size=(5, 6, 7))
    for axis in (1, 3):
        found = read(npy(tmp_path, np.expand_dims(images, axis)))
        assert np.array_equal(found.values.numpy(), images)
        assert "grey images of 6 × 7, whose rows are the channels" in found.summary()
    np.savez(tmp_path / "x.npz", x=images[:, None], other=np.zeros(3))
    assert "grey images of 6 × 7, whose rows are the channels; `other` is left out" in read(tmp_path / "x.npz", key="x").summary()
    with pytest.raises(InputError, match=r"orient is .rows., but .* has 4 axes"):
        read(npy(tmp_path, images[:, None]), orient="rows")


def test_arrays_in_memory(tmp_path: Path) -> None:
    write(tmp_path / "a.npz", VALUES[:, 0])
    assert np.array_equal(read(tmp_path / "a.npz").values.numpy(), VALUES[:, :1])
    write(tmp_path / "b.npz", torch.from_numpy(VALUES).float())
    assert read(tmp_path / "b.npz").values.dtype == torch.float32
    for wrong, sentence in (([1.0, 2.0], "1 axes"), (VALUES[None], "4 axes"), (VALUES * 1j, "complex"), ([[np.inf]], "infinite")):
        with pytest.raises(InputError, match=sentence):
            write(tmp_path / "c.npz", wrong)  # type: ignore[arg-type]
    assert not (tmp_path / "c.npz").exists()


@pytest.mark.parametrize(
    ("array", "sentence"),
    [
        (np.float64(3), r"has 0 axes \(\), but must have 1 \(time\), 2"),
        (np.zeros((2, 3, 4, 4)), "has 4 axes .*, images of more than one colour, .*: keep one colour, or"),
        (np.zeros((1, 1, 1, 1, 1)), "has 5 axes"),
        (np.zeros((2, 0)), "holds no values"),
        (np.array(["a"]), "type <U1, but must hold real numbers"),
        (np.array([1j]), "real and imaginary part as channels"),
        (np.array(["2024-01-01"], dtype="M8[D]"), "must hold real numbers"),
        (np.zeros(2, dtype=[("x", "f8")]), "must hold real numbers"),
        (np.array([[1.0, np.inf]]), "1 infinite value"),
    ],
)
def test_arrays_that_are_no_signals(tmp_path: Path, array: object, sentence: str) -> None:
    for path in (npy(tmp_path, array), npz(tmp_path, x=array)):
        with pytest.raises(InputError, match=sentence) as caught:
            read(path)
        assert path.name in str(caught.value)


def test_pickles_are_never_loaded(tmp_path: Path) -> None:
    array = np.array([{"a": 1}], dtype=object)
    np.savez(tmp_path / "a.npz", x=array)
    for path in (npy(tmp_path, array, pickle=True), tmp_path / "a.npz"):
        with pytest.raises(InputError, match="Python objects"):
            read(path)


def forged(shape: str, dtype: str = "<f8", version: bytes = b"\x01\x00") -> bytes:
    header = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}".encode().ljust(117) + b"\n"
    return b"\x93NUMPY" + version + struct.pack("<H", len(header)) + header


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (forged("(4294967296,)"), r"claims shape \(4294967296,\) of float64 = 34359738368 bytes, but holds 0"),
        (forged(f"({2**62}, {2**62})"), "claims shape"),
        (forged("(-1,)"), "claims shape"),
        (forged("(2,)") + b"x" * 15, "= 16 bytes, but holds 15: it is cut off or forged"),
        (forged("(2,)") + b"x" * 17, "holds 17"),
        (forged("('a',)"), "not a readable NPY file"),
        (forged("(2,", "<f8"), "not a readable NPY file"),
        (forged("(2,)", "<z9"), "not a readable NPY file"),
        (forged("(2,)", version=b"\x03\x00"), "version"),
        (forged("(2,)", version=b"\x07\x00"), "version"),
        (b"\x93NUMPY", "not a readable NPY file"),
        (b"hello", "not a readable NPY file"),
    ],
)
def test_forged_headers(tmp_path: Path, content: bytes, sentence: str) -> None:
    (tmp_path / "a.npy").write_bytes(content)
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("x.npy", content)
    tracemalloc.start()
    for name in ("a.npy", "a.npz"):
        with pytest.raises(InputError, match=sentence):
            read(tmp_path / name)
    assert tracemalloc.get_traced_memory()[1] < 2**20
    tracemalloc.stop()


def test_large_files_are_mapped_and_never_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numpy_files, "MAP_FROM", 1)
    path = npy(tmp_path, VALUES)
    before = path.read_bytes()
    x = read(path)
    x.values.zero_()
    assert path.read_bytes() == before
    assert np.array_equal(read(path, window=2).values.numpy(), VALUES.reshape(2, 3, 2, 2).transpose(0, 2, 1, 3).reshape(4, 3, 2))
    write(path, Signals(torch.ones(1, 1, 1)), force=True)
    assert bool((x.values == 0).all())


def test_choosing_an_array(tmp_path: Path) -> None:
    assert read(npz(tmp_path, a=VALUES[0, 0])).shape == (1, 1, 4)
    assert read(npz(tmp_path, label=[1, 2], x=VALUES)).shape == (2, 3, 4)
    assert read(npz(tmp_path, values=VALUES, x=VALUES[0])).shape == (2, 3, 4)
    path = npz(tmp_path, ecg=VALUES, eeg=VALUES[0], name=["a"])
    assert read(path, key="eeg", orient="columns").shape == (1, 4, 3)
    with pytest.raises(InputError, match=r"several arrays: choose one with key=: ecg \(2, 3, 4\), eeg \(3, 4\), name \(1,\)"):
        read(path)
    with pytest.raises(InputError, match=r"key for .* is 'egg', but must be one of ecg, eeg, name; did you mean 'e"):
        read(path, key="egg")
    with pytest.raises(InputError, match=r"'name' in .* must hold real numbers"):
        read(path, key="name")


@pytest.mark.parametrize(
    ("beside", "sentence"),
    [
        ({"rate": [1.0, 2.0]}, "'rate' in .* one number in Hz"),
        ({"rate": -1.0}, "rate is -1"),
        ({"rate": "fast"}, "must hold real numbers"),
        ({"channels": [1, 2, 3]}, "'channels' in .* must be a list of words"),
        ({"channels": ["a"]}, "channels has 1 entries"),
        ({"units": [["a", "b", "c"]]}, "'units' in .* must be a list of words"),
    ],
)
def test_wrong_names_beside_the_values(tmp_path: Path, beside: dict[str, object], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        read(npz(tmp_path, values=VALUES, **beside))


def bomb(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("x.npy", "w") as member:
        member.write(forged(f"({2**23},)"))
        for _ in range(64):
            member.write(bytes(2**20))


def many(path: Path) -> None:
    """Five members that claim a GiB each; the claim alone must be enough to refuse."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for i in range(5):
            archive.writestr(f"{i}.npy", forged(f"({2**27},)"))
    content = packed.getvalue()
    small, large = struct.pack("<L", 128), struct.pack("<L", 2**30 + 128)
    directory = content.index(b"PK\x01\x02")
    path.write_bytes(content[:directory] + content[directory:].replace(small + small, small + large))


def damaged(path: Path) -> None:
    np.savez_compressed(path, x=np.random.default_rng(0).normal(size=(50, 50)))
    content = bytearray(path.read_bytes())
    content[5000] ^= 255
    path.write_bytes(content)


def truncated_stream(path: Path) -> None:
    """The archive and the array agree on a size that the compressed stream does not reach."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", forged("(2, 1000)") + bytes(100))
    content, short, full = path.read_bytes(), struct.pack("<L", 228), struct.pack("<L", 16128)
    path.write_bytes(content.replace(short, full))


def encrypted(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.npy", forged("(0,)"))
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)


def unusual(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("x.npy", forged("(0,)"))


def cut(path: Path) -> None:
    np.savez(path, x=VALUES)
    path.write_bytes(path.read_bytes()[:-30])


def other(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "hello")


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (bomb, "x.npy in .* unpacks .* bytes to 67108992: save it uncompressed"),
        (many, r"would unpack to 5368709760 bytes, more than 4294967296"),
        (damaged, "not a readable NPZ file"),
        (truncated_stream, "not a readable NPZ file"),
        (encrypted, "encrypted"),
        (unusual, "unusual way"),
        (cut, "not a readable NPZ file"),
        (other, "without NPY arrays"),
    ],
)
def test_bad_archives(tmp_path: Path, make: Callable[[Path], None], sentence: str) -> None:
    make(tmp_path / "a.npz")
    tracemalloc.start()
    with pytest.raises(InputError, match=sentence):
        read(tmp_path / "a.npz")
    assert tracemalloc.get_traced_memory()[1] < 4 * 2**20
    tracemalloc.stop()


def test_every_flipped_byte_is_an_answer_or_a_sentence(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "a.npz", values=VALUES, channels=np.array(["a", "b", "c"]))
    content = (tmp_path / "a.npz").read_bytes()
    npy(tmp_path, VALUES)
    plain = (tmp_path / "a.npy").read_bytes()
    for original, name in ((content, "b.npz"), (plain, "b.npy")):
        for i in range(0, len(original), 3):
            (tmp_path / name).write_bytes(original[:i] + bytes([original[i] ^ 0x55]) + original[i + 1 :])
            with suppress(InputError):
                read(tmp_path / name)
