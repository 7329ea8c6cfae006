"""How much of a file has been read, for whoever waits for it: readers say it where they are, and it is heard where it was asked for.

with heard(print):
    read("night.edf")
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

T = TypeVar("T")

_LISTENER: ContextVar[Callable[[float], None] | None] = ContextVar("listener", default=None)


@contextmanager
def heard(by: Callable[[float], None]) -> Iterator[None]:
    """Within the block ``by`` is told the share, in [0, 1], as files are read in this thread; what it raises ends the reading."""
    token = _LISTENER.set(by)
    try:
        yield
    finally:
        _LISTENER.reset(token)


def say(share: float) -> None:
    """Tell the share that is read, where somebody listens."""
    listener = _LISTENER.get()
    if listener is not None:
        listener(share)


def along(parts: Sequence[T]) -> Iterator[T]:
    """``parts`` one after another, each said when it is done."""
    for k, part in enumerate(parts):
        yield part
        say((k + 1) / len(parts))
