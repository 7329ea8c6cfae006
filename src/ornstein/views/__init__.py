"""Views: each figure drawn by one JavaScript module, data in, canvas or SVG out, for every page that shows it.

A view is ``name(surface, {data})``. It fetches nothing, knows no page, reads no global but the language's own, and contains no word
of any language: the surface (``surface.js``, ``svg.js``) carries what it draws on, the palette and the words of ``text/``. What
a page does with it – where the data come from, which control moves what – is the page's own.
"""

from __future__ import annotations

import json
import re
from importlib.resources import files

BASE = ("arrays", "ticks", "colours", "veil", "surface", "svg", "pointer", "marks", "keys", "axes", "heat")
"""Modules that views are made of, in the order of their imports."""

EXACT = ("linear", "normals", "gaussian", "conditioning", "eigen", "fewsteps", "strokes")
"""Modules that compute what is drawn of a Gaussian law, frame by frame, with Python's own numbers; they draw nothing."""

VIEWS = ("forward", "copies", "spectra", "reverse", "learned", "gap", "odds", "accuracy", "bells", "pad")
"""Modules of views; each uses modules of ``BASE`` and ``EXACT`` only."""

BENCH = ("sensed", "ensemble", "filled", "ranked", "trained", "honest", "edge", "recording")
"""Views of the workbench and what they compute, which a page that stands alone does not carry; in the order of their imports."""

LANGUAGES = ("en", "zh")


def source(name: str) -> str:
    """A module as it is: an ES module that imports its neighbours by relative paths."""
    return files(__name__).joinpath(f"{name}.js").read_text(encoding="utf-8")


def words(language: str) -> dict[str, str]:
    """The words that views write, in a language of ``LANGUAGES``."""
    found: dict[str, str] = json.loads(files(__name__).joinpath(f"text/{language}.json").read_text(encoding="utf-8"))
    return found


def bundle(*more: str) -> str:
    """All modules, and after them the sources ``more`` of a host, as one script without imports, for a page that loads nothing."""
    joined = "\n".join((*map(source, (*BASE, *EXACT, *VIEWS)), *more))
    return re.sub(r"^export ", "", re.sub(r"^import [^;]*;\n", "", joined, flags=re.M), flags=re.M)
