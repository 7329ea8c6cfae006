"""Ctrl-C and SIGTERM, put off to the end of a step."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Any


@dataclass
class Asked:
    """Which signal came, or None."""

    signal: int | None = None

    def __call__(self) -> bool:
        return self.signal is not None


@contextmanager
def deferred() -> Iterator[Asked]:
    """The first SIGINT or SIGTERM inside is only noted, so that no step ends halfway; a second one does what it always did.

    Signals reach the main thread alone; in any other nothing changes.
    """
    asked = Asked()
    before: dict[int, Any] = {}
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return

    def note(number: int, _: FrameType | None) -> None:
        asked.signal = number
        restore()

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    for number in (signal.SIGINT, signal.SIGTERM):
        before[number] = signal.getsignal(number) or signal.SIG_DFL
        signal.signal(number, note)
    try:
        yield asked
    finally:
        restore()
