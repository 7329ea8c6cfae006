"""Signs of life for who reads a log in place of a terminal: what is being done, a line with the seconds since the start."""

from __future__ import annotations

import threading
import time
from types import TracebackType

from rich.markup import escape

from ornstein.cli.show import err

FIRST = 1.0
"""Seconds of silence before the first line: what ends sooner says nothing."""
SHARE = 0.05
"""Pause between lines, as a share of the time since the start: an hour of training takes a few dozen lines."""


class Log:
    """with Log(quiet) as tell: tell(what) as often as there is news; about 20 lines per e-fold of time come out. Never two the same.

    A thread writes, so that a first stage of a minute is announced after a second. Silent with ``quiet``, and on a terminal, which
    has a bar.
    """

    def __init__(self, quiet: bool) -> None:
        self.began = time.monotonic()
        self.what = self.said = ""
        self.over = threading.Event()
        self.thread = None if quiet or err.is_terminal else threading.Thread(target=self._write, daemon=True)

    def __call__(self, what: str) -> None:
        """The present stage."""
        self.what = what

    def __enter__(self) -> Log:
        if self.thread is not None:
            self.thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.over.set()
        if self.thread is not None:
            self.thread.join()

    def _write(self) -> None:
        while not self.over.wait(max(FIRST, SHARE * (time.monotonic() - self.began))):
            if self.what != self.said:
                self.said = self.what
                err.print(escape(f"{time.monotonic() - self.began:6.1f} s  {self.said}"))
