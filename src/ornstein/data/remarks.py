"""What stands beside a table: rates, names and units in remarks, and two lines of start and rate."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

_RATE = re.compile(
    r"(?:sampl\w*[\s_.-]*(?:rate|freq\w*|hz)?|fs|srate|采样率)[^\w\d]*(?:\(hz\)|\[hz\])?"
    r"[\s:=,;\t\"']*(\d+(?:[.,]\d+)?)\s*(k?hz)?\b",
    re.IGNORECASE,
)
_INTERVAL = re.compile(
    r"(?:sampl\w*\s*)?interval\s*[:=,;\t]+\s*(\d+(?:[.,]\d+)?(?:e[+-]?\d+)?)\s*(s|ms|µs|us)\b",
    re.IGNORECASE,
)
_FACTOR = {"s": 1.0, "ms": 1e-3, "µs": 1e-6, "us": 1e-6}


def rate_in(remarks: Iterable[str]) -> float | None:
    """The sampling rate in Hz that remarks state ("Sample Rate = 250 Hz", "Interval= 0.001 s"), None where none or several do."""
    found = set()
    for text in remarks:
        for number, unit in re.findall(_RATE, text):
            if unit or re.search(r"rate|freq|hz|fs\b|采样率", text, re.IGNORECASE):
                found.add(float(number.replace(",", ".")) * (1e3 if unit.casefold() == "khz" else 1.0))
        for number, unit in re.findall(_INTERVAL, text):
            seconds = float(number.replace(",", ".")) * _FACTOR[unit.casefold()]
            if seconds > 0:
                found.add(float(f"{1 / seconds:.12g}"))
    return found.pop() if len(found) == 1 and min(found) > 0 else None


def described(remarks: Iterable[str], width: int) -> tuple[list[str] | None, float | None]:
    """(names of ``width`` columns, or of all but an empty last one, rate) from a remark in JSON, as OpenSignals writes it."""
    for text in remarks:
        start = text.find("{")
        try:
            content = json.loads(text[start:]) if start >= 0 else None
        except ValueError:
            continue
        for part in _dicts(content):
            names = next((part[key] for key in ("column", "columns", "ColumnNames") if isinstance(part.get(key), list)), None)
            if names and len(names) in (width, width - 1) and all(isinstance(name, str) for name in names):
                rate = next((part[key] for key in part if re.fullmatch(r"sampl\w*[ _]rate|fs", key, re.IGNORECASE)), None)
                return names, float(rate) if isinstance(rate, int | float) and rate > 0 else None
    return None, None


def _dicts(content: object) -> Iterable[dict[str, Any]]:
    if isinstance(content, dict):
        yield content
        for part in content.values():
            yield from _dicts(part)


def start_and_rate(first: list[float], second: list[float]) -> float | None:
    """The rate where a table without header opens with its start since 1970 and its rate, once per column (Empatica)."""
    same = len(set(first)) == len(set(second)) == 1
    return second[0] if same and 6.3e8 < first[0] < 4.11e9 and 0 < second[0] < 1e5 else None
