"""Whether what was asked for fits in memory: asked before anything is allocated."""

from __future__ import annotations

import contextlib
import functools
import os
from pathlib import Path

from ornstein.common import checks
from ornstein.common.errors import InputError

_CGROUPS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
"""Where Linux says how much a container may use."""
_UNITS = ("bytes", "kB", "MB", "GB", "TB", "PB", "EB")


def drawn(value: object, name: str, numbers: int, *, first: int = 0, size: int = 8) -> int:
    """``value`` as the number of cases to draw, of ``numbers`` entries of ``size`` bytes each, the first of them number ``first``.

    Raises ``InputError`` for what is no whole number of at least 1, for more than this machine can hold, and for cases whose number
    exceeds 64 bits.
    """
    count = checks.count(value, name)
    begin = checks.count(first, "first", at_least=0)
    needed = count * numbers * size
    if needed > machine():
        raise InputError(
            f"{name} is {count}, which takes {spoken(needed)} for the result alone, but this machine has {spoken(machine())}: "
            "ask for fewer at a time"
        )
    if begin + count - 1 > checks.COUNTABLE:
        raise InputError(f"first is {begin} and {name} is {count}, but the number of the last case must be at most {checks.COUNTABLE}")
    return count


def refuse(size: int, what: str, remedy: str) -> None:
    """Raise ``InputError`` for work that takes more bytes than this machine has."""
    if size > machine():
        raise InputError(f"{what} takes {spoken(size)}, but this machine has {spoken(machine())}: {remedy}")


@functools.cache
def machine() -> int:
    """The memory of this machine in bytes, or what its container may use; 1 TB where neither is told."""
    found = [1 << 40]
    with contextlib.suppress(AttributeError, ValueError, OSError):  # not on Windows
        found.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    for path in _CGROUPS:
        try:
            found.append(int(path.read_text(encoding="ascii")))
        except (OSError, ValueError):  # no such file, or "max"
            continue
    return min(n for n in found if n > 0)


def spoken(count: float) -> str:
    """Bytes in words: 8.4 GB."""
    scale = 0
    while count >= 999.5 and scale < len(_UNITS) - 1:
        count, scale = count / 1000, scale + 1
    return f"{count:.3g} {_UNITS[scale]}"
