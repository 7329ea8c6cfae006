"""Atomic writing: a failure, a full disk or a kill leaves the old file or the new one, and nothing else."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import ornstein.common.files
from ornstein.common.errors import InputError, RunError
from ornstein.common.files import atomic, write_bytes, write_json, write_text


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def interrupted(path: Path, force: bool) -> None:
    with atomic(path, force=force) as temporary:
        temporary.write_bytes(b"half")
        raise ZeroDivisionError


def overtaken(path: Path) -> None:
    with atomic(path) as temporary:
        temporary.write_text("mine")
        path.write_text("theirs")


def test_write_and_replace(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_text(path, "one\r\n通道")
    assert path.read_bytes() == "one\r\n通道".encode()
    with pytest.raises(InputError, match=r"a\.txt exists: choose another path or pass force=True \(--force\)"):
        write_text(path, "two")
    assert path.read_bytes() == "one\r\n通道".encode()
    write_text(path, "two", force=True)
    assert path.read_text() == "two"
    assert names(tmp_path) == ["a.txt"]


def test_permissions_of_a_replaced_file_stay(tmp_path: Path) -> None:
    path = tmp_path / "a"
    write_bytes(path, b"1")
    path.chmod(0o640)
    write_bytes(path, b"2", force=True)
    assert path.stat().st_mode & 0o777 == 0o640


def test_a_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to("real")
    write_text(tmp_path / "link", "new", force=True)
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "new"


@pytest.mark.parametrize("force", [False, True])
def test_failure_in_the_middle_leaves_everything_as_it_was(tmp_path: Path, force: bool) -> None:
    path = tmp_path / ("old.bin" if force else "new.bin")
    (tmp_path / "old.bin").write_bytes(b"old")
    with pytest.raises(ZeroDivisionError):
        interrupted(path, force)
    assert names(tmp_path) == ["old.bin"]
    assert (tmp_path / "old.bin").read_bytes() == b"old"


def test_a_file_that_appears_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "a"
    with pytest.raises(InputError, match="exists"):
        overtaken(path)
    assert path.read_text() == "theirs"
    assert names(tmp_path) == ["a"]


def test_file_systems_without_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr(os, "link", refuse)
    write_text(tmp_path / "a", "text")
    assert (tmp_path / "a").read_text() == "text"
    assert names(tmp_path) == ["a"]
    with pytest.raises(InputError, match="exists"):
        overtaken(tmp_path / "b")
    assert (tmp_path / "b").read_text() == "theirs"


def test_wrong_paths(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path, sentence in (
        (tmp_path / "no" / "a", "is not a folder: create it first"),
        (tmp_path / "file" / "a", "is not a folder"),
        (tmp_path, "is a folder, but must be a file name"),
        (Path("/dev/null"), "not a regular file"),
        (tmp_path / ("n" * 300), "File name too long"),
        ("", "empty"),
        ("a\0b", "NUL"),
    ):
        with pytest.raises(InputError, match=sentence):
            write_text(path, "x", force=True)
    with pytest.raises(InputError, match="must be a file name"):
        write_text(3, "x")  # type: ignore[arg-type]
    assert Path("/dev/null").is_char_device()


@pytest.mark.parametrize("code", [errno.EACCES, errno.ENOSPC, errno.EROFS])
@pytest.mark.parametrize("function", ["open", "fsync", "replace"])
def test_failures_of_the_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, function: str) -> None:
    path = tmp_path / "a"
    path.write_text("old")

    def fail(*_: object) -> None:
        raise OSError(code, "no")

    with monkeypatch.context() as patch:
        patch.setattr(os, function, fail)
        with pytest.raises(RunError, match=os.strerror(code)):
            write_text(path, "new", force=True)
    assert path.read_text() == "old"
    assert names(tmp_path) == ["a"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_full_disk_for_real(tmp_path: Path) -> None:
    def fill(path: Path) -> None:
        with atomic(path) as temporary:
            temporary.unlink()
            temporary.symlink_to("/dev/full")
            temporary.write_bytes(b"x")

    with pytest.raises(RunError, match="No space left on device"):
        fill(tmp_path / "a")
    assert names(tmp_path) == []


def test_json(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"name": "通道", "x": 0.1})
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8")) == {"name": "通道", "x": 0.1}
    for content in ({"x": float("nan")}, {"x": object()}):
        with pytest.raises(InputError, match="cannot be written as JSON"):
            write_json(tmp_path / "b.json", content)
    assert names(tmp_path) == ["a.json"]


_WRITER = """
import sys
from ornstein.common.files import write_bytes
content = {letter: letter * 3_000_000 for letter in (b"o", b"n")}
print("ready", flush=True)
while True:
    for letter in content.values():
        write_bytes(sys.argv[1], letter, force=True)
"""


def test_a_kill_leaves_the_old_or_the_new_file(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"o" * 3_000_000)
    root = Path(ornstein.__file__).parents[1]
    script = f"import sys, types; sys.modules['ornstein'] = p = types.ModuleType('ornstein'); p.__path__ = [{str(root / 'ornstein')!r}]\n"
    for attempt in range(20):
        with subprocess.Popen([sys.executable, "-c", script + _WRITER, str(path)], stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            time.sleep(0.0013 * attempt)
            process.send_signal(signal.SIGKILL)
        content = path.read_bytes()
        assert content in (b"o" * 3_000_000, b"n" * 3_000_000)
    assert [name for name in names(tmp_path) if not name.startswith(".ornstein-")] == ["a.bin"]
