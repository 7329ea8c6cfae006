"""Every word that the command line says: ``text/en.json`` and ``text/zh.json`` hold the same keys (a test compares them)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

LANGUAGES = ("en", "zh")


@dataclass(frozen=True)
class Words:
    """words(key) is a sentence in ``spoken``, the language of the console; ``written`` is that of the pages it is asked to write.

    The two differ only where a console cannot show the letters of the language that was asked for.
    """

    spoken: str
    written: str

    def __call__(self, key: str) -> str:
        """The word of a key."""
        return dictionary(self.spoken)[key]


@cache
def dictionary(language: str) -> dict[str, str]:
    """The words of one language by key."""
    found: dict[str, str] = json.loads(files("ornstein.cli").joinpath(f"text/{language}.json").read_text(encoding="utf-8"))
    return found


def preferred(environment: Mapping[str, str]) -> tuple[str, str]:
    """The language that the environment asks for, and the variable that does: ``ORNSTEIN_LANG``, or else the locale, read as gettext does.

    Of ``LANGUAGE``, ``LC_ALL``, ``LC_MESSAGES`` and ``LANG`` the first that is set counts; in ``LANGUAGE``, the first entry spoken here.
    """
    if own := environment.get("ORNSTEIN_LANG"):
        return own, "ORNSTEIN_LANG"
    for name in ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        if given := environment.get(name):
            spoken = [entry.replace("-", "_").split("_")[0].split(".")[0].lower() for entry in given.split(":")]
            return next((language for language in spoken if language in LANGUAGES), LANGUAGES[0]), name
    return LANGUAGES[0], ""
