"""What a page asks in JSON, checked once: strict JSON, and for each field its kind and range."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ornstein.lab.refusals import Refused

IDENT = re.compile(r"[0-9a-f]{16}")
"""An opaque id: what files and jobs are called, and all that is ever looked up."""

Check = Callable[[str, Any], Any]


def parsed(content: bytes, depth: int) -> dict[str, Any]:
    """The object that ``content`` holds. NaN, numbers beyond float64, deeper nesting and anything but an object are refused (422)."""
    if _levels(content) > depth:
        raise Refused(422, f"the question nests deeper than {depth} levels, which none of ours does")
    try:
        found = json.loads(content.decode("utf-8"), parse_constant=_constant, parse_float=_finite)
    except (ValueError, RecursionError):
        raise Refused(422, "the question is not JSON in UTF-8 with finite numbers") from None
    if not isinstance(found, dict):
        raise Refused(422, "the question must be one JSON object")
    return found


def _levels(content: bytes) -> int:
    """An upper bound of the nesting: brackets inside words count too, and a word of ours holds few."""
    deepest = level = 0
    for mark in re.findall(rb"[\[\]{}]", content):
        level += 1 if mark in b"[{" else -1
        deepest = max(deepest, level)
    return deepest


def _constant(word: str) -> float:
    raise ValueError(word)


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(text)
    return value


def taken(asked: dict[str, Any], checks: dict[str, Check], optional: Iterable[str] = ()) -> dict[str, Any]:
    """The fields of ``asked``, each through its check; ``optional`` ones may be missing or null. Unknown ones are refused."""
    for name in asked:
        if name not in checks:
            raise Refused(422, f"the question has a field {name[:40]!r}, but takes only {', '.join(checks)}")
    found, free = {}, set(optional)
    for name, check in checks.items():
        if asked.get(name) is None:
            if name not in free:
                raise Refused(422, f"the question lacks {name}")
            continue
        found[name] = check(name, asked[name])
    return found


def ident(name: str, value: Any) -> str:
    """An id of a file or a job."""
    if not isinstance(value, str) or not IDENT.fullmatch(value):
        raise Refused(422, f"{name} must be an id of this lab")
    return value


def whole(low: int, high: int) -> Check:
    """A whole number from ``low`` to ``high``."""

    def check(name: str, value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise Refused(422, f"{name} is {_shown(value)}, but must be a whole number from {low} to {high}")
        return value

    return check


def number(low: float, high: float) -> Check:
    """A number from ``low`` to ``high``."""

    def check(name: str, value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise Refused(422, f"{name} is {_shown(value)}, but must be a number from {low:g} to {high:g}")
        return float(value)

    return check


def one_of(*allowed: str) -> Check:
    """One of some words."""

    def check(name: str, value: Any) -> str:
        if value not in allowed:
            raise Refused(422, f"{name} is {_shown(value)}, but must be one of {', '.join(allowed)}")
        return str(value)

    return check


def text(longest: int) -> Check:
    """Words, neither empty nor longer than ``longest`` letters."""

    def check(name: str, value: Any) -> str:
        if not isinstance(value, str) or not 0 < len(value) <= longest:
            raise Refused(422, f"{name} must be 1 to {longest} letters")
        return value

    return check


def several(check: Check, most: int) -> Check:
    """A list of at most ``most``, each through ``check``."""

    def check_all(name: str, value: Any) -> list[Any]:
        if not isinstance(value, list) or len(value) > most:
            raise Refused(422, f"{name} must be a list of at most {most}")
        return [check(name, item) for item in value]

    return check_all


def _shown(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= 40 else f"{shown[:37]}..."


def flag(name: str, value: Any) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise Refused(422, f"{name} is {_shown(value)}, but must be true or false")
    return value


def triple(most: int) -> Check:
    """A stretch [channel, first sample, one past the last], whole numbers up to ``most``."""

    def check(name: str, value: Any) -> list[int]:
        found = [whole(0, most)(name, part) for part in value] if isinstance(value, list) else []
        if len(found) != 3 or found[2] <= found[1]:
            raise Refused(422, f"{name} holds {_shown(value)}, but each must be [channel, first sample, one past the last]")
        return found

    return check


def parsed_query(query: Mapping[str, str], checks: dict[str, Check]) -> dict[str, Any]:
    """Whole numbers of a query, each through its check."""
    found = {}
    for name, check in checks.items():
        word = query.get(name, "")
        if not word.isascii() or not word.isdigit() or len(word) > 18:
            raise Refused(422, f"the question lacks {name}")
        found[name] = check(name, int(word))
    return found
