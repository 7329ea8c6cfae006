"""The line that every command prints about the file it read."""

from __future__ import annotations

START = ("read ", "读入 ")


def without_reading(told: str) -> str:
    """Standard error without that line."""
    return "".join(line for line in told.splitlines(keepends=True) if not line.startswith(START))
