"""The tour as one HTML file: template, words, formulas and data put together, with nothing left to load."""

from __future__ import annotations

import base64
import html
import json
import os
import re
from importlib.resources import files as resources
from pathlib import Path

import numpy as np
from torch import Tensor

from ornstein import views
from ornstein.common import files
from ornstein.common.errors import unknown_name
from ornstein.tour.compute import Progress, Tour, compute
from ornstein.tour.formulas import formulas
from ornstein.tour.learned import TRAINING

LANGUAGES = {"en": "en", "zh": "zh-CN"}
SCRIPTS = ("scene", "figures", "numbers", "page")
"""Modules of this page in the order of their imports: they follow the views they show."""


def write_tour(
    path: str | os.PathLike[str],
    curve: object = None,
    *,
    seed: int = 0,
    training: int = TRAINING,
    language: str = "en",
    force: bool = False,
    progress: Progress | None = None,
) -> Path:
    """Write the tour of ``curve`` as one self-contained bilingual HTML page, and return its path.

    curve     (length,), 8 to 2000 numbers; None means five random cosines. It is shown standardised.
    seed      of the noise, of the network, and of the default curve
    training  steps of the network that learns the way back, 20 or more
    language  "en" or "zh": what the page opens in
    progress  is told what begins and the share of it that is done: as ``compute``, then "page"

    Raises ``InputError`` for a curve that cannot be used, an unknown language, or a path that exists (unless ``force``);
    ``RunError`` where the file cannot be written. Cost: the training, about 5 s of one core for 100 points and 10 s for 200;
    the page has 0.5 to 1.5 MB.
    """
    files.refuse_existing(path, force)
    _known(language)
    tour = compute(curve, seed, training=training, progress=progress)
    if progress is not None:
        progress("page", 0.0)
    page = render(tour, language)
    files.write_text(path, page, force=force)
    return Path(path)


def render(tour: Tour, language: str = "en") -> str:
    """The page as a string. Raises ``InputError`` for an unknown language."""
    _known(language)
    words = {name: dictionary(name) for name in LANGUAGES}
    texts = {name: _texts(tour, found) for name, found in words.items()}
    sent = {
        "language": language,
        "numbers": tour.numbers,
        "texts": {name: {"html": code, "texts": texts[name], "words": views.words(name)} for name, code in LANGUAGES.items()},
        "arrays": {name: encode(values) for name, values in tour.arrays.items()},
    }
    page = _read("tour.html")
    page = re.sub(r'(<(\w+)[^>]*\bdata-t="([^"]+)"[^>]*>)(?=</\2>)', lambda m: m[1] + texts[language][m[3]], page)
    page = re.sub(r'data-alt="([^"]+)"', lambda m: f'{m[0]} aria-label="{html.escape(_plain(texts[language][m[1]]))}"', page)
    payload = json.dumps(sent, ensure_ascii=False, allow_nan=False).replace("</", "<\\/")
    parts = {"LANGUAGE": LANGUAGES[language], "TITLE": _plain(texts[language]["page.title"]), "STYLE": _read("tour.css"), "DATA": payload}
    for name, content in {**parts, "SCRIPT": script()}.items():
        page = page.replace(f"<!--{name}-->", content)
    return page


def _known(language: str) -> None:
    if language not in LANGUAGES:
        raise unknown_name("language", language, LANGUAGES)


def dictionary(language: str) -> dict[str, str]:
    """The words of a language as written: text keys with their placeholders."""
    words: dict[str, str] = json.loads(_read(f"text/{language}.json"))
    return words


def script() -> str:
    """The views and the modules of this page as one module without imports."""
    return views.bundle(*(_read(f"js/{name}.js") for name in SCRIPTS))


def encode(values: Tensor) -> dict[str, object]:
    """An array as little-endian Float32 in base64, with its shape."""
    raw = values.numpy().astype(np.dtype("<f4")).tobytes()
    return {"shape": list(values.shape), "data": base64.b64encode(raw).decode("ascii")}


def number(value: float, digits: str) -> str:
    """A number as the page shows it: a fixed count of digits, or "e" for powers of ten."""
    if digits == "e":
        if value == 0:
            return "0"
        mantissa, exponent = f"{value:.1e}".split("e")
        return f"{mantissa} × 10{str(int(exponent)).translate(str.maketrans('-0123456789', '⁻⁰¹²³⁴⁵⁶⁷⁸⁹'))}".replace("-", "−")
    if digits == "g":
        return f"{value:.4g}".replace("-", "−")
    return f"{value:.{digits}f}".replace("-", "−")


def _texts(tour: Tour, words: dict[str, str]) -> dict[str, str]:
    """The text keys of one language with formulas and numbers in place; some of them depend on the curve."""
    chosen = dict(words)
    chosen["intro.origin"] = words["intro.own" if tour.curve.own else "intro.cosines"]
    chosen["intro.points"] = words["intro.averaged" if tour.curve.length > len(tour.curve.values) else "intro.every"]
    chosen["5f.caption"] = words["5f.own" if tour.curve.own else "5f.cosines"]
    chosen["5b.verdict"] = words["5b.there" if tour.arrived else "5b.short"]
    chosen["learned.warning"] = "" if tour.arrived else words["5b.short"]
    chosen |= {f"formula.{name}": formula for name, formula in formulas().items()}
    return {key: _fill(text, tour, words) for key, text in chosen.items()}


def _fill(text: str, tour: Tour, words: dict[str, str]) -> str:
    """{word.key} becomes a word, {name:digits} a number of the tour, {~name:digits} one that the script keeps present."""

    def placed(match: re.Match[str]) -> str:
        tag, live, name, digits = match[1] or "span", match[2], match[3], match[4]
        if live:
            return f'<{tag} data-live="{name}" data-digits="{digits}"></{tag}>'
        value = tour.numbers[name]
        return f'<{tag} class="n" data-n="{name}" data-value="{value!r}">{number(value, digits)}</{tag}>'

    text = re.sub(r"\{(word\.\w+)\}", lambda m: words[m[1]], text)
    return re.sub(r"\{(?:(mn) )?(~?)(\w+):(\w+)\}", placed, text)


def _plain(text: str) -> str:
    return re.sub(r"<[^>]*>", "", text)


def _read(name: str) -> str:
    return resources("ornstein.tour").joinpath(name).read_text(encoding="utf-8")
