"""A text table to a sheet of named columns."""

from __future__ import annotations

from array import array
from itertools import chain, islice
from pathlib import Path

import numpy as np

from ornstein.common.errors import InputError
from ornstein.data import layout, names, remarks
from ornstein.data.cells import Cells
from ornstein.data.lines import Lines
from ornstein.data.sheet import Column, Sheet

_HEAD = 1000
"""Rows that are looked at to find the table; it has to start among them."""


def parse(text: str, path: Path, wordy: frozenset[str] = frozenset(), plain: frozenset[str] = frozenset()) -> Sheet:
    """The columns of ``text``; those named in ``wordy`` are read as words, in ``plain`` as numbers. About 1 s per 5 MB.

    Raises ``InputError`` with line and column for ragged lines, cells that are no numbers, two decimal marks, and remarks between
    rows of data.
    """
    lines = Lines.of(text, path)
    cells = Cells(path, comma=lines.delimiter in "\t;" and "," in text, underscore="_" in text)
    cells.mark = "," if cells.comma else "." if lines.delimiter == ";" else ""
    rows = lines.rows()
    head = list(islice(rows, _HEAD))
    if not head:
        raise InputError(f"{path} is empty: it holds no values")
    plan = layout.found(head, lines.comments, cells)
    width, titles = len(plan.kinds), plan.titles
    ours = titles is not None and layout.is_known_header(titles)
    kinds = list(plan.kinds)
    for i, title in enumerate(titles or ()):
        both = {title.strip(), names.foreign_name(title)[0]}
        if not ours and both & plain:
            kinds[i] = "number"
        elif both & wordy or (title == names.CASE and i == 0 if ours else names.holds_words(title)):
            kinds[i] = "word"
        elif ours:
            kinds[i] = "number"
    numbers = [array("d") for _ in kinds]
    words: list[list[str]] = [[] for _ in kinds]
    blank = [True] * width
    last, body = 0, chain(head[plan.start :], rows)
    while block := list(islice(body, 4096)):
        for number, row in block:
            if len(row) != width:
                what = "every line must have the same number" if row else "write nan for a missing value"
                raise InputError(f"{path} line {number} has {len(row)} cells, but line {plan.line} has {width}: {what}")
        for i, column in enumerate(zip(*(row for _, row in block), strict=True)):
            if kinds[i] == "number":
                numbers[i].extend(cells.numbers(block, i, column))
            else:
                words[i].extend(map(str.strip, column))
            blank[i] = blank[i] and not any(map(str.strip, column))
        last = block[-1][0]
    cells.refuse_thousands()
    first = head[plan.start][0]
    for number, remark in lines.comments:
        if first < number < last:
            raise InputError(f"{path} line {number} is the remark {remark[:40]!r} between rows of data: split the file there, or remove it")
    columns = [
        Column(
            (titles or [""] * width)[i],
            i + 1,
            np.frombuffer(numbers[i], dtype=np.float64) if kinds[i] == "number" else None,
            None if kinds[i] == "number" else words[i],
            stamps=kinds[i] == "stamp",
            blank=blank[i],
            indexed=plan.corner and i == 0,
            unit=plan.units[i],
        )
        for i in range(width)
    ]
    named = titles is not None and not plan.numbered
    notes = ["the first line numbers the columns"] if plan.numbered else []
    opened = None if named else _start_and_rate(columns)
    if opened is not None:
        columns = [Column(f"ch{i}", c.number, c.values[2:]) for i, c in enumerate(columns) if c.values is not None]
    return Sheet(columns, named or opened is not None, ours, opened or plan.rate, plan.across, notes)


def _start_and_rate(columns: list[Column]) -> float | None:
    """The rate, where the first two lines hold the start since 1970 and the rate, once per column."""
    values = [column.values for column in columns if column.values is not None]
    if len(values) < len(columns) or len(values[0]) < 3:
        return None
    return remarks.start_and_rate([float(v[0]) for v in values], [float(v[1]) for v in values])
