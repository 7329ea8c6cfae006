"""How much is done of a file that is read or of gaps that a network draws, for whoever waits: said where it happens, heard where asked for.

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
    """Within the block ``by`` is told the share, in [0, 1], of what this thread reads or draws; what it raises ends that."""
    token = _LISTENER.set(by)
    try:
        yield
    finally:
        _LISTENER.reset(token)


def say(share: float) -> None:
    """Tell the share that is done, where somebody listens."""
    listener = _LISTENER.get()
    if listener is not None:
        listener(share)


def along(parts: Sequence[T]) -> Iterator[T]:
    """``parts`` one after another, each said when it is done."""
    for k, part in enumerate(parts):
        yield part
        say((k + 1) / len(parts))
