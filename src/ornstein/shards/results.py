"""The result of one shard: an NPZ file that is written, and read again, a piece at a time."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy

from ornstein.common.errors import RunError
from ornstein.common.files import atomic

SUFFIX, OFFSET, SIZE = ".npz", "offset", "size"
CHUNK = 1 << 20
"""Numbers that are read at once."""

Array = np.ndarray[Any, Any]


def write(path: Path, size: int, parts: Iterator[tuple[int, Mapping[str, Array]]]) -> None:
    """Arrays (case, ...) of one name joined along their cases, with the number of each case and the size of the file that they come of.

    Pieces follow one another, so cases are numbered from the first on. Every array grows in a file of its own beside the result and is
    copied into it at the end. Memory: one piece.
    """
    files: dict[str, IO[bytes]] = {}
    like: dict[str, Array] = {}
    try:
        with ExitStack() as stack:
            begin, cases = None, 0
            for offset, arrays in parts:
                begin = offset if begin is None else begin
                cases += len(next(iter(arrays.values())))
                for name, array in arrays.items():
                    if name not in files:
                        files[name], like[name] = stack.enter_context(TemporaryFile(dir=path.parent)), array[:1]
                    files[name].write(np.ascontiguousarray(array).data)
            with atomic(path, force=True) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive:
                with archive.open(f"{SIZE}.npy", "w") as member:
                    npy.write_array(member, np.array(size))
                numbers = (np.arange(k, min(k + CHUNK, cases)) + (begin or 0) for k in range(0, cases, CHUNK))
                _joined(archive, OFFSET, np.arange(1), cases, numbers)
                for name, file in files.items():
                    file.seek(0)
                    _joined(archive, name, like[name], cases, iter(lambda file=file: file.read(8 * CHUNK), b""))  # type: ignore[misc]
    except OSError as error:
        raise RunError(f"{path} cannot be written ({error.strerror or error}): make room, and run the same again") from None


def _joined(archive: zipfile.ZipFile, name: str, one: Array, cases: int, blocks: Iterator[Array | bytes]) -> None:
    """The member of an array of so many cases like ``one``."""
    with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
        npy.write_array_header_2_0(
            member, {"descr": npy.dtype_to_descr(one.dtype), "fortran_order": False, "shape": (cases, *one.shape[1:])}
        )
        for block in blocks:
            member.write(block if isinstance(block, bytes) else block.data)


def whole(path: Path, size: int) -> bool:
    """Whether the result is there, undamaged as far as its head tells, of a file of this size."""
    if not path.is_file():
        return False
    try:
        with np.load(path, allow_pickle=False) as result:
            return int(result[SIZE]) == size
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return False


def column(path: Path, name: str) -> Iterator[Array]:
    """A column of numbers (case,) in pieces."""
    with zipfile.ZipFile(path) as archive, archive.open(f"{name}.npy") as member:
        version = npy.read_magic(member)
        _, _, dtype = (npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0)(member)
        while block := member.read(CHUNK * dtype.itemsize):
            yield np.frombuffer(block, dtype)
