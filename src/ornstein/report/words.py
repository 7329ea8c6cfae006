"""Numbers and sentences: every number carries its exact value, and every sentence exists in both languages."""

from __future__ import annotations

import html
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files as resources

from ornstein.common.sentences import translated
from ornstein.metrics import Candidate, Mean

LANGUAGES = {"en": "en", "zh": "zh-CN"}
_MINUS = "−"
_ROUNDING = 1e-12


@dataclass(frozen=True)
class Number:
    """A value with its unit and standard error, and how it is shown: as a share of 1 in %, or as it is."""

    value: float
    error: float | None = None
    unit: str = ""
    percent: bool = False

    @classmethod
    def of(cls, mean: Mean, unit: str = "", *, percent: bool = False) -> Number:
        """A mean with its standard error."""
        return cls(mean.value, mean.error, unit, percent)

    def text(self) -> str:
        """62.9 ± 1.9%: decimals up to the second digit of the error, or three significant digits without one."""
        factor = 100.0 if self.percent else 1.0
        value, suffix = self.value * factor, "%" if self.percent else f" {self.unit}" if self.unit else ""
        if not math.isfinite(value):
            return f"{_MINUS if value < 0 else ''}∞{suffix}"
        if self.error is None or not math.isfinite(self.error):
            whole = float(value).is_integer() and abs(value) < 1e7
            return (f"{value:.0f}" if whole else _significant(value)).replace("-", _MINUS) + suffix
        error = self.error * factor
        if max(abs(value), error) < _ROUNDING:
            return f"0{suffix}"
        decimals = min(max(1 - math.floor(math.log10(error)), 0), 8) if error > 0 else 3
        if abs(value) >= 1e7:
            return f"{value:.3g} ± {error:.2g}{suffix}".replace("-", _MINUS)
        return f"{value:.{decimals}f} ± {error:.{decimals}f}{suffix}".replace("-", _MINUS)

    def html(self, key: str) -> str:
        """The text in a span that also holds the exact numbers, so that a page can be checked against a computation."""
        error = "" if self.error is None else f' data-error="{self.error!r}"'
        return f'<span class="n" data-key="{html.escape(key)}" data-value="{self.value!r}"{error}>{html.escape(self.text())}</span>'


def _significant(value: float) -> str:
    if value == 0:
        return "0"
    if not 1e-4 <= abs(value) < 1e6:
        return f"{value:.3g}"
    return f"{value:.{max(2 - math.floor(math.log10(abs(value))), 0)}f}"


def dictionary(language: str) -> dict[str, str]:
    """The sentences of a language, with {placeholders} for numbers."""
    words: dict[str, str] = json.loads(read(f"text/{language}.json"))
    return words


def read(name: str) -> str:
    """A file of this folder."""
    return resources("ornstein.report").joinpath(name).read_text(encoding="utf-8")


class Words:
    """Sentences in both languages side by side; the page shows one of them at a time.

    ``values`` fill the placeholders of every language, ``spoken[code]`` those that differ by language.
    """

    def __init__(self, values: Mapping[str, str], spoken: Mapping[str, Mapping[str, str]]) -> None:
        self.texts = {code: dictionary(name) for name, code in LANGUAGES.items()}
        self.values = {code: {**values, **spoken[code]} for code in self.texts}
        phrases: dict[str, str] = json.loads(read("text/figures.json"))
        self.phrases = {html.escape(english, quote=False): chinese for english, chinese in phrases.items()}
        longest_first = sorted(self.phrases, key=len, reverse=True)
        self.pattern = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, longest_first))})(?!\w)")

    def both(self, key: str, tag: str = "span") -> str:
        """The sentence in both languages, each in its own element."""
        return "".join(f'<{tag} lang="{code}">{texts[key].format_map(self.values[code])}</{tag}>' for code, texts in self.texts.items())

    def pair(self, english: str, chinese: str) -> str:
        """Two texts, already HTML, of which the page shows one."""
        return f'<span lang="en">{english}</span><span lang="zh-CN">{chinese}</span>'

    def said(self, sentence: str) -> str:
        """A sentence of the library, which is English, in both languages."""
        return self.pair(*(html.escape(spoken(sentence)[code]) for code in LANGUAGES.values()))

    def figure(self, svg: str, keep: set[str], names: Mapping[str, Mapping[str, str]]) -> str:
        """The texts of a figure in both languages; those in ``keep`` (names of channels) stay as they are.

        ``names`` are texts that both languages write in their own way, such as the laws.
        """

        def both(match: re.Match[str]) -> str:
            start, text, end = match.groups()
            if html.unescape(text) in keep:
                return match[0]
            known = names.get(html.unescape(text))
            english, chinese = (known["en"], known["zh-CN"]) if known else (text, self.pattern.sub(lambda m: self.phrases[m[0]], text))
            if chinese == text:
                return match[0]
            return f'{start}<tspan lang="en">{english}</tspan><tspan lang="zh-CN">{chinese}</tspan>{end}'

        return re.sub(r"(<text\b[^>]*>)([^<]+)(</text>)", both, svg)


def spoken(sentence: str) -> dict[str, str]:
    """A sentence of the library by language."""
    return {code: translated(sentence, name) for name, code in LANGUAGES.items()}


def law_names(candidate: Candidate) -> dict[str, str]:
    """What a law is called, by language; structures without a word of their own keep their name."""
    found = {}
    for name, code in LANGUAGES.items():
        words = dictionary(name)
        factors = [words.get(f"structure.{part}", html.escape(part)) for part in str(candidate.structure).split("*")]
        found[code] = f"{words[f'law.{candidate.model}']} · {' × '.join(factors)}"
    return found
