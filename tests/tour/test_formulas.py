"""Formulas in pieces: nothing of them is lost, and no piece is wider than a phone."""

import re
import xml.etree.ElementTree as ET

import pytest

from ornstein.tour.formulas import GAP, breakable, formulas
from ornstein.tour.page import _read

SOURCE = dict(line.split("\t") for line in _read("formulas.html").splitlines()[1:])
WIDEST = 33
"""Signs on one line: as many as the widest piece has that a browser was seen to fit into the 313 pixels of a phone of 360."""


def pieces(formula):
    """[[tree of each piece] of each part]"""
    return [list(part) for part in ET.fromstring(f"<div>{formula}</div>")]


def text(element):
    return "".join(element.itertext())


@pytest.mark.parametrize("name", SOURCE)
def test_nothing_is_lost_and_every_piece_is_whole(name):
    whole, parts = ET.fromstring(SOURCE[name]), pieces(formulas()[name])
    assert "".join(text(piece) for part in parts for piece in part) == text(whole)
    elements = [e.tag for part in parts for piece in part for e in piece.iter() if e.tag not in ("math", "mrow", "mspace")]
    assert elements == [e.tag for e in whole.iter() if e.tag not in ("math", "mrow", "mspace")]
    assert len(parts) == 1 + sum(e.tag == "mspace" and e.get("width") == GAP for e in whole[0])


def signs(element):
    """How many stand side by side, a number counted as four; of a fraction only the longer half."""
    own = [len(re.sub(r"\{[^}]*\}", "0000", t or "")) for t in (element.text, *(child.tail for child in element))]
    return sum(own) + (max if element.tag == "mfrac" else sum)([0, *map(signs, element)])


@pytest.mark.parametrize("name", SOURCE)
def test_no_piece_is_wider_than_a_phone(name):
    for piece in (piece for part in pieces(formulas()[name]) for piece in part):
        assert max(map(signs, piece.findall(".//mtr") or [piece])) <= WIDEST, text(piece)


def test_lines_break_before_relations_and_keep_their_numbers():
    gap = '<mspace width="1.4em"></mspace>'
    formula = breakable(f"<math><mrow><mi>a</mi><mo>=</mo>{{mn x:1}}<mo>+</mo><mi>b</mi>{gap}{{mn ~y:2}}</mrow></math>")
    assert [[text(piece) for piece in part] for part in pieces(formula)] == [["a", "={mn x:1}+b"], ["{mn ~y:2}"]]
    assert '<mo form="infix">=</mo>' in formula


def test_no_bar_of_a_chinese_font():
    """‖ and ∣ are as wide as a Chinese character where a Chinese font supplies them; the bars of ASCII never are."""
    assert not re.search("[‖∣]", _read("formulas.html") + _read("text/zh.json") + _read("text/en.json"))
