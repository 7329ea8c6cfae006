"""The diary of a run: one JSON object per line, each on the disk before the next step."""

from __future__ import annotations

import json
import math
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ornstein.common.errors import RunError
from ornstein.training.record import Record


class Journal:
    """Appends records to a file of JSON lines; half a line that a kill left at its end is cut off first.

    with closing(Journal(folder / "events.jsonl")) as journal:
        journal(record)
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        try:
            self._file = self.path.open("ab+")
            self._cut()
        except OSError as error:
            raise self._failure(error) from None

    def __call__(self, record: Record) -> None:
        """Append a record, without the numbers it lacks. Raises ``RunError`` where the disk refuses."""
        self.event("record", **{name: value for name, value in asdict(record).items() if value is not None})

    def event(self, event: str, **content: Any) -> None:
        """Append something else that happened."""
        finite = {name: None if isinstance(v, float) and not math.isfinite(v) else v for name, v in content.items()}
        try:
            self._file.write((json.dumps({"event": event, **finite}, ensure_ascii=False, allow_nan=False) + "\n").encode())
            self._file.flush()
        except OSError as error:
            raise self._failure(error) from None

    def close(self) -> None:
        """Nothing more is appended."""
        self._file.close()

    def _cut(self) -> None:
        self._file.seek(0)
        end = 0
        for line in self._file:
            end += len(line) if line.endswith(b"\n") else 0
        self._file.truncate(end)

    def _failure(self, error: OSError) -> RunError:
        return RunError(f"{self.path} cannot be written ({error.strerror}): free space, change the permissions or choose another folder")


def read_journal(path: str | os.PathLike[str]) -> list[dict[str, Any]]:
    """All whole lines of a journal, oldest first."""
    lines = Path(path).read_bytes().split(b"\n")[:-1]
    return [json.loads(line) for line in lines]
