"""The two ways a call can fail, and the one sentence that says so.

A message names the argument, what is allowed, what came, and what to do.
The command line turns ``InputError`` into exit code 2 and ``RunError`` into 3.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence


class OrnsteinError(Exception):
    """Base of every error that Ornstein raises on purpose."""


class InputError(OrnsteinError, ValueError):
    """The data or an argument cannot be used as given."""


class RunError(OrnsteinError, RuntimeError):
    """The input was fine, but the work could not be finished (disk, memory, permissions)."""


def unknown_name(what: str, name: object, allowed: Iterable[str]) -> InputError:
    """The error for a name that is not in a table, with the nearest one that is."""
    names = sorted(allowed)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5) if isinstance(name, str) else []
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return InputError(f"{what} is {short(name)}, but must be one of {listed(names, 40)}{hint}")


def short(value: object, most: int = 60) -> str:
    """A value in a sentence: what Python shows of it, on one line and cut off."""
    try:
        text = " ".join(repr(value).split())
    except Exception:  # a repr of someone else's, or more digits than Python writes
        return f"a {type(value).__name__} that cannot be shown"
    return text if len(text) <= most else f"{text[: most - 3]}..."


def listed(names: Sequence[str], most: int = 8) -> str:
    """``names`` with commas between, and of more than ``most`` the first ones and the last: a message stays one line."""
    if len(names) <= most:
        return ", ".join(names)
    return f"{', '.join(names[: most - 1])}, ..., {names[-1]}"


def counted(number: int, thing: str) -> str:
    """ "1 case", "2 cases"."""
    return f"{number} {thing}{'s' * (number != 1)}"
