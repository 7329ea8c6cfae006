"""Where in a text the table stands: remarks above it, lines of names and units, and what each column holds."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import pairwise

from ornstein.common.errors import InputError
from ornstein.data import clock, names, remarks, stamps
from ornstein.data.cells import MISSING, Cells

Row = tuple[int, list[str]]


@dataclass(frozen=True)
class Layout:
    """``start`` rows stand above the data; ``titles`` and ``units`` are one per column, ``titles`` None without a header.

    kinds     "number", "stamp" or "word" of each column
    line      the line that says how wide the table is
    numbered  the header only counts the columns: it names nothing
    timed     the header gives the time of each column, after those that it names
    corner    beside a blank first cell, so that the first column is the index of the frame
    across    steps per second of a header of times
    rate      a rate that stands above the table
    """

    start: int
    titles: list[str] | None
    units: list[str]
    kinds: list[str]
    line: int
    numbered: bool = False
    timed: bool = False
    corner: bool = False
    across: float | None = None
    rate: float | None = None


def found(head: list[Row], comments: list[tuple[int, str]], cells: Cells) -> Layout:
    """The layout of a table from its first rows. Raises ``InputError`` where it has no values, or lines that fit nowhere."""
    width = _width(head)
    kinds = _kinds(head, width, cells)
    start = _start(head, kinds, cells)
    above, data = head[:start], head[start:]
    beside = [text for _, text in comments if not data or _ < data[0][0]] + [" ".join(row) for _, row in above]
    stated = remarks.rate_in(beside)
    stack = _stack(above, data, width, cells)
    if not data:
        raise InputError(f"{cells.path} has a header, but no values below it")
    if stack:
        titles, units = _titles(stack, data, width, cells)
        lead = _lead(titles)
        if lead is not None:  # one row a signal, one column a moment
            corner = not titles[0].strip() and lead > 0
            names_left = [*titles[:lead], *[""] * (width - lead)]
            return Layout(start, names_left, units, kinds, stack[0][0], False, True, corner, _across(titles[lead:]), stated)
        _refuse_mixture(stack[-1], titles, kinds, data, cells)
        return Layout(start, titles, units, kinds, stack[0][0], rate=stated)
    if not above:
        counted = _numbered(data, width, cells)
        if counted is not None:
            return Layout(1, [""] * width, [""] * width, kinds, data[0][0], True, False, *counted, stated)
    named, rate = remarks.described((text for _, text in comments), width)
    if named is None and not above:
        named = _from_comment(comments, data[0][0], width, cells)
    return Layout(start, named and _filled(named, data, width), [""] * width, kinds, data[0][0], rate=rate or stated)


def _width(head: list[Row]) -> int:
    """The usual number of cells of the last rows, that of the first row among equals."""
    counts = Counter(len(row) for _, row in head[-30:])
    most = max(counts.values())
    return next(len(row) for _, row in head if counts.get(len(row)) == most)


def _kinds(head: list[Row], width: int, cells: Cells) -> list[str]:
    """What most of the last rows hold in each column; numbers among equals, and where all are missing."""
    tail = [row for _, row in head[-min(30, (len(head) + 1) // 2) :] if len(row) == width] or [row for _, row in head if len(row) == width]
    kinds = []
    for column in zip(*tail, strict=True):
        seen = Counter(filter(None, map(cells.kind, column)))
        kinds.append(max(("number", "stamp", "word"), key=lambda kind: seen[kind]))
    if "number" not in kinds:  # one of them must be: the place of the mistake is told when it is read
        kinds = ["stamp" if kind == "stamp" else "number" for kind in kinds]
    return kinds


def _start(head: list[Row], kinds: list[str], cells: Cells) -> int:
    """The first row that holds what the columns hold; rows of missing values right above it belong to it, unless a header is above them."""
    start = next((i for i, (_, row) in enumerate(head) if _fits(row, kinds, cells)), None)
    if start is None:  # no row of numbers at all: below a header, the first row is where the mistake is told
        return min(1, len(head)) if len(head) > 1 or all(cells.kind(c) in ("word", "") for c in head[0][1]) else 0
    while start and len(head[start - 1][1]) == len(kinds) and all(cell.strip().casefold() in MISSING for cell in head[start - 1][1]):
        start -= 1
    return start


def _fits(row: list[str], kinds: list[str], cells: Cells) -> bool:
    if len(row) != len(kinds):
        return False
    here = [cells.kind(cell) for cell in row]
    return any(k in ("number", "stamp") for k in here) and all(
        k in ("", kind) or kind == "word" for k, kind in zip(here, kinds, strict=True)
    )


def _stack(above: list[Row], data: list[Row], width: int, cells: Cells) -> list[Row]:
    """The header lines: those right above the data that have a cell for (almost) every column."""
    stack: list[Row] = []
    for line, row in reversed(above):
        filled = sum(bool(cell.strip()) for cell in row)
        if abs(len(row) - width) > 1 or (stack and (filled < width / 2 or len(row) != len(stack[0][1]))) or not filled:
            break
        if (len(row) == 2 and width > 2 and not (width == 3 and not stack and _words(row, cells))) or (
            len(row) > width and row[-1].strip() and row[-1].strip().casefold() != "comment"
        ):
            break
        stack.insert(0, (line, row))
    if not stack and above:
        line, row = above[-1]
        if 2 * len(row) == width > 2 and _words(row, cells) and data and all(cells.kind(cell) == "number" for cell in data[0][1]):
            raise InputError(
                f"{cells.path} line {line} names {len(row)} columns, but the rows below have {width} cells, as numbers with decimal commas "
                "between commas do: write the table with semicolons, or numbers with points"
            )
        told = cells.kind(row[0]) == "word" and (len(row) < 3 or row[0].strip().endswith(("=", ":")))
        if sum(bool(cell.strip()) for cell in row) > 1 and len(row) != width and not told:
            number, first = data[0] if data else (line, row)
            raise InputError(
                f"{cells.path} line {number} has {len(first)} cells, but line {line} has {len(row)}: every line must have the same number"
            )
    return stack


def _words(row: list[str], cells: Cells) -> bool:
    """Whether every cell is a word, and the first introduces nothing."""
    return all(cells.kind(cell) == "word" for cell in row) and not row[0].strip().endswith(("=", ":"))


def _titles(stack: list[Row], data: list[Row], width: int, cells: Cells) -> tuple[list[str], list[str]]:
    """One name and one unit per column, from one line of names, or several: keyed ones, names over units, or parts of names."""
    keyed = {row[0].strip().rstrip("=:").casefold(): row for _, row in stack if row[0].strip().endswith("=")}
    if keyed:
        title = next(
            (row for key, row in keyed.items() if "title" in key or "channel" in key or ("name" in key and "unit" not in key)), None
        )
        unit = next((row for key, row in keyed.items() if "unit" in key), None)
        rows = [["", *(row or [""] * width)[1:]] for row in (title, unit)]
        return _filled(rows[0], data, width), _filled(rows[1], data, width)
    lines = [_filled(row, data, width) for _, row in stack]
    units = [""] * width
    if len(lines) > 1 and all(not names.bare(cell) or _unitlike(cell) for cell in lines[-1]):
        units = [names.bare(cell).strip("()[]") for cell in lines.pop()]
    titles = (
        [" ".join(dict.fromkeys(filter(None, map(str.strip, parts)))) for parts in zip(*lines, strict=True)] if len(lines) > 1 else lines[0]
    )
    return titles, units


def _unitlike(cell: str) -> bool:
    bare = names.bare(cell)
    inner = bare.strip("()[]")
    return (
        names.is_unit(inner)
        or inner != bare
        or inner.casefold() in ("no_units", "no units", "unixtime", "hh:mm:ss.mmm", "mm:ss.mmm", "nd", "-", "n/a")
    )


def _filled(row: list[str], data: list[Row], width: int) -> list[str]:
    """``row`` as wide as the data: R leaves out the name of its row names, many programs that of an empty last column."""
    if len(row) == width - 1:
        trailing = all(len(cells) < width or not cells[-1].strip() for _, cells in data)
        return [*row, ""] if trailing else ["", *row]
    return row[:width] + [""] * (width - len(row))


def _refuse_mixture(row: Row, titles: list[str], kinds: list[str], data: list[Row], cells: Cells) -> None:
    """A line of names and numbers is a mistake in the data, unless it starts with a name that is known."""
    first = titles[0]
    known = not first.strip() or names.clock(first) or names.is_index(first) or names.is_case(first) or names.is_label(first)
    line, words = row
    if known or len(words) != len(kinds):
        return
    here = [cells.kind(cell) for cell in words]
    if "number" in here or "stamp" in here:
        column = next((i for i, (k, kind) in enumerate(zip(here, kinds, strict=True)) if k == "word" and kind != "word"), None)
        if column is not None:
            raise cells.refused(line, column, words[column])


def _numbered(data: list[Row], width: int, cells: Cells) -> tuple[bool, float | None] | None:
    """(corner, steps per second) of a first row that only counts the columns or gives their times; None for data.

    pandas writes ``,0,1,2`` above a frame without names, ``0,1,2`` without its index, and ``,0.0,0.004`` where columns are times.
    """
    row, below = data[0][1], [one for _, one in data[1:]]
    corner = not row[0].strip() and all(r[0].strip() for r in below if r)
    counting = row[int(corner) :]
    if not below or len(counting) < 2 or any(cells.kind(cell) != "number" for cell in counting):
        return None
    values = [cells.number(cell) for cell in counting]
    whole = all(cell.strip().isdigit() for cell in counting)
    if whole and values == [*range(len(values))]:
        fraction = any(mark in cell for r in below for cell in r for mark in (".", "," if cells.comma else "."))
        goes_on = all(cells.kind(c) == "number" for r in below for c in r) and _arange(
            [values, *([cells.number(c) for c in r] for r in below)]
        )
        return (corner, None) if corner or fraction or (len(values) > 2 and not goes_on) else None
    steps = [b - a for a, b in pairwise(values)]
    if corner and len(values) > 2 and steps[0] > 0 and max(steps) - min(steps) <= 0.2 * steps[0]:
        step = (values[-1] - values[0]) / len(steps)
        return corner, None if whole else float(f"{1 / step:.6g}")
    return (corner, None) if corner else None


def _lead(titles: list[str]) -> int | None:
    """How many names stand before a header of dates or times, None for any other header."""
    lead = next((k for k, title in enumerate(titles) if stamps.is_stamp(title)), len(titles))
    moments = titles[lead:]
    return lead if len(moments) > 2 and lead < 4 and all(map(stamps.is_stamp, moments)) and len(set(moments)) == len(moments) else None


def _across(moments: list[str]) -> float | None:
    """Steps per second of a header of dates or times, None where they are uneven or may mean two things.

    Hours and minutes that make one whole day are that, not minutes and seconds.
    """
    for name in ("hh:mm", "time"):
        try:
            times = stamps.wall_clock(stamps.seconds_of(moments, name))
            rate = clock.rate_of(times, "s")
        except InputError:
            continue
        if rate and (name != "hh:mm" or abs(len(moments) / rate - 86400) < 1):
            return rate
    return None


def _arange(matrix: list[list[float]]) -> bool:
    """Whether whole numbers simply go on from row to row."""
    flat = [value for row in matrix for value in row]
    return flat == [*range(len(flat))]


def _from_comment(comments: list[tuple[int, str]], first: int, width: int, cells: Cells) -> list[str] | None:
    """The names in the last comment line above the data, if it has one word for every column (``numpy.savetxt(header=...)``)."""
    before = [text.lstrip("#%/ ") for line, text in comments if line < first]
    if not before or width < 2:
        return None
    text = before[-1]
    for delimiter in "\t;, ":
        row = [part.strip().strip('"') for part in (text.split() if delimiter == " " else text.split(delimiter))]
        if len(row) == width and all(cells.kind(cell) == "word" for cell in row) and not row[0].endswith(":"):
            return row
    return None


def is_known_header(titles: list[str]) -> bool:
    """Whether ``write`` of this package wrote these names."""
    lead = [clock.is_ours(title) for title in titles[:2]]
    return bool(lead) and (lead[0] or (titles[0] == names.CASE and lead[-1]))
