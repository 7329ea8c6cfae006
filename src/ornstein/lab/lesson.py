"""What the pages of the lesson are given: the scene of a curve, and the words."""

from __future__ import annotations

import json
from collections.abc import Sequence

from ornstein.lab import wire
from ornstein.lab.pages import WEB


def scene(curve: Sequence[float] | None, seed: int) -> bytes:
    """Everything that figures draw of a curve (None: five random cosines), with the eigenbases of its two laws (``wire``)."""
    from ornstein.tour.compute import laws, opening

    tour = opening(curve, seed)
    bases = {f"basis_{name}": law.basis for name, law in zip(("kernel", "ensemble"), laws(tour.curve.values), strict=True)}
    told = {"numbers": tour.numbers, "own": tour.curve.own, "averaged": tour.curve.length > len(tour.curve.values), "seed": seed}
    return wire.pack(told, tour.arrays | bases)


def words() -> str:
    """What the tour says in both languages, and all formulas, as JSON."""
    from ornstein.tour.formulas import formulas, parsed
    from ornstein.tour.page import LANGUAGES, dictionary

    own = parsed((WEB / "lesson" / "formulas.html").read_text(encoding="utf-8"))
    return json.dumps({**{language: dictionary(language) for language in LANGUAGES}, "formulas": formulas() | own}, ensure_ascii=False)
