"""The lesson as one page that loads nothing: its modules, and what the lab would have answered, in the page itself.

    page = HTML + base64(gzip([length of the header, 4 bytes little-endian] + header in JSON + the answers one after another))

The header lists the modules by address, with every import written as "@" + address, and [address, first byte, one past the last, bytes of
a word] of each answer: arrays stand there as four planes, the first bytes of all words, the second ones and so on, which compress better.
``web/alone.js`` unpacks them, answers in place of the server, and shows the lesson.
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Mapping

import numpy as np

from ornstein.lab import imports, pages, wire

BEGIN = ("/web/frame/frame.js", "/web/lesson/lesson.js")
LANGUAGES = {"en": "en", "zh": "zh-CN"}
HEAD = """<!doctype html>
<html lang="{lang}" data-alone>
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Ornstein</title>
<style>{style}</style>
</head>
<body>
<header id="frame"></header>
<main id="main" tabindex="-1"></main>
<script type="text/plain" id="packed">{packed}</script>
<script>{script}</script>
</body>
</html>
"""


def page(answers: Mapping[str, str | bytes], language: str) -> str:
    """The page. ``answers`` are those of the server by address; files of the lesson (words, programs) are added here."""
    table = pages.table()
    static = {address: file.read_bytes() for address, file in table.items() if _said(address)}
    places, contents, at = [], [], 0
    for address, content in (static | dict(answers)).items():
        arrays = isinstance(content, bytes) and address in answers
        contents.append(content.encode() if isinstance(content, str) else _planes(content) if arrays else content)
        places.append([address, at, at + len(contents[-1]), 4 if arrays else 1])
        at += len(contents[-1])
    header = json.dumps({"modules": modules(), "answers": places, "lang": language}, ensure_ascii=False).encode()
    packed = gzip.compress(len(header).to_bytes(4, "little") + header + b"".join(contents), 9, mtime=0)
    style, script = (table[f"/web/{name}"].read_text(encoding="utf-8") for name in ("style.css", "alone.js"))
    return HEAD.format(lang=LANGUAGES[language], style=style, packed=base64.b64encode(packed).decode("ascii"), script=script)


def _planes(content: bytes) -> bytes:
    return np.frombuffer(content, np.uint8).reshape(-1, 4).T.tobytes()


def _said(address: str) -> bool:
    return address.endswith(".json") or address.startswith("/web/lesson/python/")


def modules() -> dict[str, str]:
    """Address -> source of every module that the lesson imports, however far; each import is written "@" + address."""
    found = imports.reached(pages.table(), *BEGIN)
    return {address: imports.renamed(address, source, "@{}".format) for address, source in found.items()}


def coarse(packed: bytes) -> bytes:
    """Arrays (``wire``) to 16 bits of their significand, within 2^-16 of a value: what a page shows, and a quarter less to carry."""
    told, arrays = wire.unpack(packed)
    rounded = {}
    for name, values in arrays.items():
        bits = np.ascontiguousarray(values, "<f4").view("<u4")
        rounded[name] = ((bits + 0x80) & 0xFFFFFF00).view("<f4").reshape(values.shape)
    return wire.pack(told, rounded)
