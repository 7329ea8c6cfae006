"""Consoles that cannot show every letter: what they lack is spelt out, and no command fails for it."""

from __future__ import annotations

import codecs
import sys

_SPELT = {
    "±": "+/-", "×": "x", "–": "-", "—": "-", "−": "-", "…": "...", "·": "*", "²": "^2", "³": "^3", "µ": "u", "μ": "mu", "σ": "sigma",
    "Ψ": "Psi", "α": "alpha", "λ": "lambda", "Σ": "Sigma", "∞": "inf", "≥": ">=", "≤": "<=", "→": "->", "’": "'", "“": '"', "”": '"',
}  # fmt: skip
"""Signs of the output and how they are read; any other is shown by its number, as Python writes it."""
_SAMPLE = {"en": "a", "zh": "中文帮助：，。"}


def prepare() -> None:
    """Let standard output and error spell out what their encoding lacks, in place of failing."""
    codecs.register_error("ornstein", _spell)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="ornstein")


def speakable(language: str) -> str:
    """``language``, or English where it is none of ours, or standard output or error has no letters for it."""
    streams = (sys.stdout, sys.stderr)
    shown = language in _SAMPLE and all(can_encode(_SAMPLE[language], getattr(stream, "encoding", None)) for stream in streams)
    return language if shown else "en"


def can_encode(text: str, encoding: str | None) -> bool:
    """Whether a stream of that encoding holds every letter of ``text``."""
    try:
        text.encode(encoding or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _spell(error: UnicodeError) -> tuple[str | bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    missing = error.object[error.start : error.end]
    return "".join(_SPELT.get(letter) or letter.encode("ascii", "backslashreplace").decode() for letter in missing), error.end
