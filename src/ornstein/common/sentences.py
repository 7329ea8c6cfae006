"""Errors, warnings and remarks in the language of the reader: of the command line, the lab and the pages.

The library speaks English. ``text/sentences.zh.json`` holds each of its sentences as it is written in the source, with numbers for what
is filled in, and its translation: ``"t is {0}, but time runs from 0 (data) to 1 (noise)"``. A sentence that was raised is
recognised by the words between the numbers; what was filled in is translated the same way where it is a sentence or a phrase
itself. What no entry fits stays English.
"""

from __future__ import annotations

import json
import re
from functools import cache
from importlib.resources import files


class Remark(str):
    """What is told beside the progress of work and is to stay when the progress is gone."""


_PLACE = re.compile(r"\{\d+\}")


def translated(sentence: str, language: str) -> str:
    """``sentence`` in ``language``: of all entries that fit, the one with the most words of its own."""
    if language == "en":
        return sentence
    for pattern, translation, wordless in _patterns(language):
        if found := pattern.fullmatch(sentence):
            parts = tuple(translated(part, language) for part in found.groups())
            if parts != found.groups() or not wordless:
                return translation.format(*parts)
    return sentence


def catalogue(language: str) -> dict[str, str]:
    """English sentence -> translation: of the library, and (``parser``) of the parser, the system, and words that are filled in."""
    folder = files("ornstein.common").joinpath("text")
    return {
        english: translation
        for name in ("sentences", "parser")
        for english, translation in json.loads(folder.joinpath(f"{name}.{language}.json").read_text(encoding="utf-8")).items()
    }


@cache
def _patterns(language: str) -> list[tuple[re.Pattern[str], str, bool]]:
    """Each entry as a pattern, the longest text of its own first; one without a word of its own, "{0}: {1}", says so."""
    found = [(_PLACE.split(english.replace("{{", "{").replace("}}", "}")), text) for english, text in catalogue(language).items()]
    found.sort(key=lambda entry: -len("".join(entry[0])))
    joined = ((re.compile("(.*?)".join(map(re.escape, parts)), re.DOTALL), text, "".join(parts)) for parts, text in found)
    return [(pattern, text, not re.search("[a-z]", own)) for pattern, text, own in joined]
