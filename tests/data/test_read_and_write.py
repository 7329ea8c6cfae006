"""The doors themselves: suffixes, arguments that do not fit, channels and units, failures in the middle."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from ornstein.common.errors import InputError, RunError
from ornstein.common.signals import Signals
from ornstein.data import delimited, read, write

X = Signals(torch.arange(12, dtype=torch.float64).reshape(1, 2, 6), 10.0, ("ECG", "EEG"), ("mV", "µV"))


def test_paths_that_are_no_files(tmp_path: Path) -> None:
    (tmp_path / "file.csv").write_text("")
    (tmp_path / "folder.csv").mkdir()
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "a.cvs").write_text("1")
    (tmp_path / "a").write_text("1")
    for name, sentence in (
        ("none.csv", "none.csv does not exist: check the path"),
        ("file.csv/a.csv", "does not exist"),
        ("folder.csv", "is a folder, but must be a file"),
        ("pipe.csv", "not a regular file"),
        ("file.csv", "file.csv is empty"),
        ("a.cvs", "suffix of a.cvs is '.cvs', but must be one of .bdf, .csv, .edf, .*; did you mean '.csv'"),
        ("a", "suffix of a is ''"),
    ):
        with pytest.raises(InputError, match=sentence):
            read(tmp_path / name)
    with pytest.raises(InputError, match="path is None, but must be a file name"):
        read(None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"orient": "row"}, "orient is 'row', but must be one of auto, columns, rows, vectors; did you mean 'rows'"),
        ({"key": "a"}, "only an NPZ file has keys"),
        ({"hop": 2}, "hop is 2, but there is no window"),
        ({"window": 7}, "window is 7 samples, but the signals have only 6"),
        ({"window": 0.5}, "window is 0.5, but must be a whole number"),
        ({"rate": -1}, "rate is -1, but must be above 0"),
        ({"channels": "EOG"}, "channels asks for 'EOG', which occurs not in .*: it has 'ECG', 'EEG'"),
        ({"channels": []}, r"channels is \[\], but must be one or more words"),
        ({"units": ["mV"]}, "units has 1 entries"),
        ({"units": [1, 2]}, "must be one or more words"),
    ],
)
def test_arguments(tmp_path: Path, arguments: dict[str, object], sentence: str) -> None:
    write(tmp_path / "a.csv", X)
    with pytest.raises(InputError, match=sentence):
        read(tmp_path / "a.csv", **arguments)  # type: ignore[arg-type]


def test_names_are_chosen_where_the_file_has_them_and_given_where_not(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", X)
    x = read(tmp_path / "a.csv", channels=["EEG", "ECG"], rate=5)
    assert (x.channels, x.units, x.rate) == (("EEG", "ECG"), ("µV", "mV"), 5)
    assert torch.equal(x.values, X.values[:, [1, 0]])
    x = read(tmp_path / "a.csv", channels="EEG", units="V", window=3, hop=1)
    assert (x.shape, x.channels, x.units) == ((4, 1, 3), ("EEG",), ("V",))
    np.save(tmp_path / "a.npy", X.values.numpy())
    x = read(tmp_path / "a.npy", channels=["a", "b"], units="V", rate=2)
    assert (x.channels, x.units, x.rate) == (("a", "b"), ("V", "V"), 2)
    with pytest.raises(InputError, match="channels has 1 entries, but values has 2 channels"):
        read(tmp_path / "a.npy", channels="a")
    (tmp_path / "b.csv").write_text("a,a\n1,2\n")
    with pytest.raises(InputError, match="'a', which occurs twice or more"):
        read(tmp_path / "b.csv", channels="a")


def test_machine_failures_while_reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "a.csv", X)
    for error, sentence in (
        (PermissionError(13, "no"), "permission denied"),
        (OSError(5, "broken disk"), "broken disk"),
        (MemoryError(), "memory"),
    ):

        def fail(*_: object, error: BaseException = error) -> None:
            raise error

        with monkeypatch.context() as patch:
            patch.setattr(delimited, "read", fail)
            with pytest.raises(RunError, match=sentence):
                read(tmp_path / "a.csv")


@pytest.mark.parametrize("suffix", ["csv", "tsv", "txt", "npy", "npz", "wav", "edf", "parquet"])
def test_nothing_is_replaced_without_force_and_suffixes_may_be_capitals(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix.upper()}"
    path.write_text("precious")
    with pytest.raises(InputError, match="exists: choose another path or pass force=True"):
        write(path, X)
    assert path.read_text() == "precious"


@pytest.mark.parametrize("suffix", ["csv", "npz", "npy"])
def test_failure_in_the_middle_of_writing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    write(path, X)
    before = path.read_bytes()

    def numpy(self: torch.Tensor) -> None:
        raise OSError(28, "full")

    with monkeypatch.context() as patch:
        patch.setattr(torch.Tensor, "numpy", numpy)
        with pytest.raises(RunError, match="No space left"):
            write(path, Signals(X.values * 2), force=True)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_where_nothing_can_be_written(tmp_path: Path) -> None:
    for path, sentence in (
        (tmp_path / "a.doc", "suffix of .*a.doc is '.doc'"),
        (tmp_path / "no" / "a.csv", "is not a folder: create it first"),
        (tmp_path, "suffix of"),
    ):
        with pytest.raises(InputError, match=sentence):
            write(path, X)
    if Path("/proc/self").exists():
        with pytest.raises((RunError, InputError), match="cannot be written"):
            write("/proc/self/a.csv", X)
