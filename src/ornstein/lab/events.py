"""Events of a job: an append-only file of JSON lines, streamed as server-sent events that a reload continues where it stopped.

The id of an event is the number of its line, from 1. A page that comes back says the last one that it saw (Last-Event-ID, or
``?after=``) and gets the rest; a job that has ended and has nothing left answers 204, at which a browser stops asking.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

LAST = ("done", "failed", "cancelled")
"""What the last event of a job ``is``."""

LOOK, BEAT = 0.015, 10.0
"""Seconds between two looks at the file, and between two signs of life where nothing happens."""

Event = dict[str, Any]


def append(file: Path, event: Event) -> None:
    """Add one event in one write; the first after a broken line (a writer was killed) begins on a line of its own."""
    line = json.dumps({"at": time.time(), **event}, ensure_ascii=False, allow_nan=False) + "\n"
    handle = os.open(file, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        size = os.fstat(handle).st_size
        broken = size > 0 and os.pread(handle, 1, size - 1) != b"\n"
        os.write(handle, (b"\n" if broken else b"") + line.encode())
    finally:
        os.close(handle)


def read(file: Path, start: int = 0) -> Iterator[tuple[int, Event]]:
    """(place after it, event) of every complete line from byte ``start``; lines that were broken are empty events."""
    with file.open("rb") as content:
        content.seek(start)
        for line in content:
            if not line.endswith(b"\n"):
                return
            start += len(line)
            yield start, _parsed(line)


def _parsed(line: bytes) -> Event:
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def last(file: Path) -> Event:
    """The newest event; empty where there is none."""
    newest: Event = {}
    for _, event in read(file):
        newest = event or newest
    return newest


def ended(event: Event) -> bool:
    """Whether it is the last one of a job."""
    return event.get("is") in LAST


async def stream(file: Path, after: int, translate: Callable[[str], str]) -> AsyncIterator[bytes]:
    """The events of a job behind number ``after`` as they come, until the last one."""
    number, place, quiet = 0, 0, time.monotonic()
    yield b"retry: 300\n\n"
    while True:
        for after_it, event in read(file, place):
            number, place = number + 1, after_it
            if number > after and event:
                if "why" in event:
                    event["why"] = translate(event["why"])
                yield f"id: {number}\ndata: {json.dumps(event, ensure_ascii=False)}\n\n".encode()
                quiet = time.monotonic()
            if ended(event):
                return
        if time.monotonic() - quiet > BEAT:
            yield b": still here\n\n"
            quiet = time.monotonic()
        await asyncio.sleep(LOOK)
