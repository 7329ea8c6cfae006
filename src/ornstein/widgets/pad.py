"""A pad to draw a curve on."""

from __future__ import annotations

from typing import Any

from traitlets import Int, List

from ornstein.common import checks
from ornstein.widgets.base import View, module


class Pad(View):
    """Draw with the mouse, a finger or the arrow keys.

    points   how many values the curve has, 8 to 2000
    values   the curve, in -1 ... 1: empty before the first stroke, complete after each (what was left out is a straight line).
             Set it to draw from Python, to [] to clear.
    """

    _esm = module("pad")
    points = Int(100).tag(sync=True)
    values: Any = List(default_value=[]).tag(sync=True)

    def __init__(self, points: int = 100, *, language: str = "en") -> None:
        points = checks.count(points, "points", at_least=8)
        super().__init__("draw a curve" if language == "en" else "画一条曲线", language, points=min(points, 2000))
