"""The annotations of EDF+ files: when each record starts, and what happened when."""

from __future__ import annotations

import re
from typing import NamedTuple

_TAL = re.compile(rb"([+-]\d+(?:[.,]\d*)?)(?:\x15(\d+(?:[.,]\d*)?))?\x14([^\x00]*)\x14\x00")
_BAD = re.compile(r"bad([ _].*)?", re.IGNORECASE | re.DOTALL)


class Annotation(NamedTuple):
    """A text at ``onset`` seconds for ``duration`` seconds."""

    onset: float
    duration: float
    text: str

    @property
    def bad(self) -> bool:
        """Whether it marks a part that is no good, as MNE names them: BAD, BAD_blink, bad segment."""
        return bool(_BAD.fullmatch(self.text))


def parse(records: list[bytes]) -> tuple[list[float | None], list[Annotation]]:
    """(start of each record in seconds, None where it is not told; all annotations) of the annotation signal of each record."""
    starts: list[float | None] = []
    found = []
    for raw in records:
        start = None
        for onset, duration, texts in _TAL.findall(raw):
            at, span = _number(onset), _number(duration or b"0")
            parts = [_text(part) for part in texts.split(b"\x14")]
            if start is None and not parts[0]:
                start, parts = at, parts[1:]
            found += [Annotation(at, span, part) for part in parts if part]
        starts.append(start)
    return starts, found


def _number(raw: bytes) -> float:
    return float(raw.replace(b",", b"."))


def _text(raw: bytes) -> str:
    try:
        return raw.decode("utf-8").strip()
    except UnicodeDecodeError:
        return raw.decode("latin-1").strip()
