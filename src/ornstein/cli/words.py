"""Every word that the command line says: ``text/en.json`` and ``text/zh.json`` hold the same keys (a test compares them)."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files

LANGUAGES = ("en", "zh")


@cache
def dictionary(language: str) -> dict[str, str]:
    """The words of one language by key."""
    found: dict[str, str] = json.loads(files("ornstein.cli").joinpath(f"text/{language}.json").read_text(encoding="utf-8"))
    return found
