"""The formulas of the page: MathML in pieces between which a line may break, since a phone is narrower than a formula."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from importlib.resources import files

GAP = "1.4em"
"""The space in ``formulas.html`` between two statements on one line; each becomes a part that moves to the next line as a whole."""

RELATIONS = frozenset("=≈→∼∈×")
"""A part that is too long is broken before one of these, where it stands outside every bracket and fraction."""


def formulas() -> dict[str, str]:
    """Name -> HTML of each formula of the tour, with the placeholders of its numbers still in it."""
    return parsed(files(__package__).joinpath("formulas.html").read_text(encoding="utf-8"))


def parsed(source: str) -> dict[str, str]:
    """The same of a file as ``formulas.html`` is: a remark, and a formula on each further line."""
    return {name: breakable(math) for name, math in (line.split("\t") for line in source.splitlines()[1:])}


def breakable(math: str) -> str:
    """One <math> as spans of small ones: a span for each statement, and in it a <math> for each side of a relation."""
    row = ET.fromstring(math)[0]
    parts = [[""]]
    for child in [None, *row] if row.tag == "mrow" else [row]:
        if child is None:
            parts[-1][-1] += row.text or ""
            continue
        tail, child.tail = child.tail or "", None
        if child.tag == "mspace" and child.get("width") == GAP:
            parts.append([tail])
            continue
        if child.tag == "mo" and child.text in RELATIONS and parts[-1] != [""]:
            child.set("form", "infix")  # alone at the beginning of a row it would be set without its space
            parts[-1].append("")
        parts[-1][-1] += ET.tostring(child, encoding="unicode", short_empty_elements=False) + tail
    return "".join(f'<span class="part">{"".join(map(_piece, part))}</span>' for part in parts)


def _piece(content: str) -> str:
    return f'<math displaystyle="true"><mrow>{content}</mrow></math>'
