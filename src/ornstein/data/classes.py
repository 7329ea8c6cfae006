"""Words to classes: which labels are numbers, and which only look like them."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from ornstein.common.errors import InputError

Labels = list[int] | list[str]
_WHOLE = re.compile(r"[+-]?(0|[1-9]\d*)(\.0*)?")


def typed(values: Sequence[object]) -> Labels:
    """Class numbers where every label looks like a whole number and no two different ones become the same, otherwise words.

    "3", "3.0" and 3.0 look like one; "01" and "1_1" do not. A missing label is -1 among numbers and "" among words. Raises
    ``InputError`` where a number and a word would become one class.
    """
    refuse_merging(values)
    words = [_text(value) for value in values]
    known = {word for word in words if word}
    if all(_WHOLE.fullmatch(word) for word in known):
        numbers = {word: int(word.split(".")[0]) for word in known}
        if len(set(numbers.values())) == len(known):
            return [numbers[word] if word else -1 for word in words]
    return words


def refuse_merging(values: Sequence[object]) -> None:
    """Raises ``InputError`` where a number and a word would become one class."""
    spelt = {_text(value) for value in values if isinstance(value, str)}
    if both := sorted(spelt & {word for value in values if not isinstance(value, str) and (word := _text(value))}):
        raise InputError(f"labels holds {both[0]} as a number and as text: write all labels as numbers, or all as text")


def _text(value: object) -> str:
    """A label as text; NaN is none, and a number that is whole is written as one."""
    if isinstance(value, float) and not math.isnan(value) and value.is_integer():
        return str(int(value))
    text = str(value).strip()
    return "" if text.casefold() in ("nan", "none", "<na>", "nat") else text
