"""What a run leaves to read: its journal, its display, TensorBoard."""

from __future__ import annotations

import errno
import io
import os
import sys
from contextlib import closing
from pathlib import Path

import pytest
from rich.console import Console

from ornstein.common.errors import InputError, RunError
from ornstein.training import Display, Journal, Record, TensorBoard, read_journal
from ornstein.training.show import duration, said

BEGIN = Record(0, 0.0, 2.0)
LATER = Record(200, 0.25, 12.0, loss=0.91234, best=0.8, gaussian=0.9, skipped=2)


def test_records_are_lines_that_stay(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    with closing(Journal(path)) as journal:
        journal(Record(1, 0.5, 2.0, loss=float("inf"), candidate="weights"))
        assert read_journal(path) == [  # on the disk before the journal is closed
            {"event": "record", "step": 1, "share": 0.5, "seconds": 2.0, "loss": None, "skipped": 0, "part": 0, "candidate": "weights"}
        ]
    with closing(Journal(path)) as journal:
        journal.event("start", step=1, loss=float("nan"))
    assert read_journal(path)[1:] == [{"event": "start", "step": 1, "loss": None}]


def test_half_a_line_that_a_kill_left_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(b'{"event": "a"}\n{"event": "b"}\n{"eve')
    assert [line["event"] for line in read_journal(path)] == ["a", "b"]
    with closing(Journal(path)) as journal:
        journal.event("c")
    assert path.read_bytes() == b'{"event": "a"}\n{"event": "b"}\n{"event": "c"}\n'


def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(io.BytesIO):
        def flush(self) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    journal = Journal(tmp_path / "events.jsonl")
    journal.close()
    monkeypatch.setattr(journal, "_file", Full())
    with pytest.raises(RunError, match=r"events.jsonl cannot be written \(No space left on device\): free space"):
        journal.event("a")


def test_a_journal_that_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="cannot be written"):
        Journal(tmp_path)


def test_the_numbers_in_words() -> None:
    assert said(BEGIN, BEGIN) == ""
    words = said(LATER, BEGIN, 0.91234)
    assert words == "loss 0.912, held out 0.800, Gaussian 0.900, 20 steps/s, 0:30 left, 2 steps skipped"
    assert [duration(s) for s in (7, 59.6, 750, 11100)] == ["0:07", "1:00", "12:30", "3:05:00"]


def test_the_display_shows_them_to_a_person_and_to_nobody_else() -> None:
    for terminal in (True, False):
        screen = io.StringIO()
        with Display(console=Console(file=screen, force_terminal=terminal, width=150)) as display:
            display(BEGIN)
            display(LATER)
            display.progress.refresh()
        assert ("loss 0.912, held out 0.800, Gaussian 0.900, 20 steps/s, 0:30 left" in screen.getvalue()) is terminal


def test_tensorboard_is_an_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(InputError, match=r"TensorBoard needs the extra tensorboard: pip install '\.\[tensorboard\]'"):
        TensorBoard(tmp_path)


def test_tensorboard_gets_the_numbers_of_every_record(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[object] = []

    class SummaryWriter:
        def __init__(self, folder: str) -> None:
            written.append(folder)

        def add_scalar(self, name: str, value: float, step: int) -> None:
            written.append((name, value, step))

        def close(self) -> None:
            written.append("closed")

    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", type(sys)("tensorboard"))
    monkeypatch.setattr(sys.modules["torch.utils.tensorboard"], "SummaryWriter", SummaryWriter, raising=False)
    board = TensorBoard("runs/a")
    board(Record(7, 0.1, 1.0, loss=0.5, stopped="steps"))
    assert written == ["runs/a", ("loss", 0.5, 7), ("skipped", 0, 7), "closed"]
