"""A text table to a sheet of named columns."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ornstein.common.errors import InputError
from ornstein.data import layout, names, plain, remarks, share
from ornstein.data.cells import Cells
from ornstein.data.lines import Lines
from ornstein.data.sheet import Column, Sheet

_HEAD = 1000
"""Rows that are looked at to find the table; it has to start among them."""


def parse(text: str, path: Path, wordy: frozenset[str] = frozenset(), chosen: frozenset[str] = frozenset()) -> Sheet:
    """The columns of ``text``; those named in ``wordy`` are read as words, in ``chosen`` as numbers. About 1 s per
    20 MB of plain numbers, per 5 MB where words, gaps or quotes stand among them.

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
    body: Iterator[tuple[int, list[str]]] = chain(head[plan.start :], rows)
    if width > 1:  # a blank line is a case of nothing in a single column only, whatever stands above the table
        body = (row for row in body if len(row[1]) > 1 or any(map(str.strip, row[1])))
    ours = titles is not None and layout.is_known_header(titles)
    kinds = list(plan.kinds)
    for i, title in enumerate(titles or ()):
        both = {title.strip(), names.foreign_name(title)[0]}
        if not ours and both & chosen:
            kinds[i] = "number"
        elif both & wordy or (title == names.CASE and i == 0 if ours else names.holds_words(title)):
            kinds[i] = "word"
        elif ours:
            kinds[i] = "number"
    first = head[plan.start][0]
    plainly = set(kinds) == {"number"} and not (cells.comma or cells.underscore or cells.mark)
    table = plain.numbers(lines.since(first), lines.delimiter, width) if plainly else None
    found = _Found.plain(table) if table is not None else _by_cell(body, kinds, plan.line, cells, lines)
    columns = [
        Column(
            (titles or [""] * width)[i],
            i + 1,
            found.numbers[i] if kinds[i] == "number" else None,
            None if kinds[i] == "number" else found.words[i],
            stamps=kinds[i] == "stamp",
            blank=found.blank[i],
            indexed=plan.corner and i == 0,
            unit=plan.units[i],
        )
        for i in range(width)
    ]
    named = titles is not None and not (plan.numbered or plan.timed)
    notes = ["the first line numbers the columns"] if plan.numbered else []
    notes += ["the first line gives the time of each column"] if plan.timed else []
    opened = None if named else _start_and_rate(columns)
    if opened is not None:
        columns = [Column(f"ch{i}", c.number, c.values[2:]) for i, c in enumerate(columns) if c.values is not None]
    return Sheet(columns, named or opened is not None, ours, opened or plan.rate, plan.across, notes)


class _Found(NamedTuple):
    """What stands below the header, a column each: its numbers or its words, and whether every cell is empty."""

    numbers: list[npt.NDArray[np.float64]]
    words: list[list[str]]
    blank: list[bool]

    @classmethod
    def plain(cls, table: npt.NDArray[np.float64]) -> _Found:
        columns = [*np.ascontiguousarray(table.T)]
        return cls(columns, [[] for _ in columns], [False] * len(columns))


def _by_cell(body: Iterator[tuple[int, list[str]]], kinds: list[str], line: int, cells: Cells, lines: Lines) -> _Found:
    """Every cell looked at as what its column holds; ``line`` is that of the header or first row, which sets the width."""
    width, path, count = len(kinds), lines.path, max(1, lines.first + lines.text.count("\n"))
    numbers = [array("d") for _ in kinds]
    words: list[list[str]] = [[] for _ in kinds]
    blank = [True] * width
    first = last = 0
    while block := list(islice(body, 4096)):
        for number, row in block:
            if len(row) != width:
                what = "every line must have the same number" if row else "write nan for a missing value"
                raise InputError(f"{path} line {number} has {len(row)} cells, but line {line} has {width}: {what}")
        for i, column in enumerate(zip(*(row for _, row in block), strict=True)):
            if kinds[i] == "number":
                numbers[i].extend(cells.numbers(block, i, column))
            else:
                words[i].extend(map(str.strip, column))
            blank[i] = blank[i] and not any(map(str.strip, column))
        first, last = first or block[0][0], block[-1][0]
        share.say(min(last / count, 1.0))
    cells.refuse_thousands()
    for number, remark in lines.comments:
        if first < number < last:
            raise InputError(f"{path} line {number} is the remark {remark[:40]!r} between rows of data: split the file there, or remove it")
    return _Found([np.frombuffer(column, dtype=np.float64) for column in numbers], words, blank)


def _start_and_rate(columns: list[Column]) -> float | None:
    """The rate, where the first two lines hold the start since 1970 and the rate, once per column."""
    values = [column.values for column in columns if column.values is not None]
    if len(values) < len(columns) or len(values[0]) < 3:
        return None
    return remarks.start_and_rate([float(v[0]) for v in values], [float(v[1]) for v in values])
