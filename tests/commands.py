"""The command line run inside a test: what it printed, without the line that every command prints about the file it read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ornstein.cli import main

START = ("read ", "读入 ")


def without_reading(told: str) -> str:
    """Standard error without that line."""
    return "".join(line for line in told.splitlines(keepends=True) if not line.startswith(START))


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    """(exit status, standard output, standard error)."""
    with pytest.raises(SystemExit) as stop:
        main(list(words))
    text = capsys.readouterr()
    return int(stop.value.code or 0), text.out, without_reading(text.err)


def refused(capsys: pytest.CaptureFixture[str], room: Path, words: list[str], says: str) -> None:
    """The words are answered with one sentence that holds ``says``, as JSON too, and nothing is written."""
    before = sorted(p.name for p in room.rglob("*"))
    code, out, err = run(capsys, *words)
    assert (code, out) == (2, "")
    assert says in err
    assert len(err.strip().splitlines()) == 1
    assert sorted(p.name for p in room.rglob("*")) == before
    assert json.loads(run(capsys, *words, "--json")[2])["code"] == 2
