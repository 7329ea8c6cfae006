"""What one lab allows: sizes, counts and patience. Each is named in the sentence that refuses what exceeds it."""

from __future__ import annotations

from dataclasses import dataclass

KIB, MIB, GIB = 2**10, 2**20, 2**30


@dataclass(frozen=True)
class Limits:
    """Bytes of a question (``body``), of a file (``upload``) and of the whole folder (``kept``); jobs at once and in line; seconds.

    depth    levels of nested JSON
    streams  pages that follow jobs at the same time
    head     seconds for the head of a request, ``pause`` between two pieces of its body, ``grace`` from cancelling a job to killing it
    """

    body: int = MIB
    upload: int = 2 * GIB
    kept: int = 16 * GIB
    depth: int = 16
    running: int = 2
    waiting: int = 6
    streams: int = 32
    head: float = 10.0
    pause: float = 20.0
    grace: float = 2.0


def bytes_told(count: int) -> str:
    """A size as a person reads it: "1 MiB", "512 bytes"."""
    for unit, size in (("GiB", GIB), ("MiB", MIB), ("KiB", KIB)):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count} bytes"
