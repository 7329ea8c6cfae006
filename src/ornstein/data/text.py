"""Delimited text to header and numbers: encodings, delimiters, decimal commas, missing cells, and an exact place for every complaint."""

from __future__ import annotations

import csv
import io
import math
import re
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

import numpy as np

from ornstein.common.errors import InputError
from ornstein.data import clock
from ornstein.data.table import CASE, Table, split_name

MISSING = {"", "na", "nan", "n/a", "#n/a", "null"}


def decode(raw: bytes, path: Path) -> str:
    """``raw`` as text: UTF-8 with or without mark, UTF-16 with mark, GB18030, or Windows-1252 where every non-ASCII byte stands alone.

    Common GB18030 characters are pairs of high bytes, while a single one between ASCII letters is a degree or micro sign.
    """
    wide = raw.startswith((b"\xff\xfe", b"\xfe\xff"))
    pairs = not raw.isascii() and re.search(rb"[\x80-\xff]{2}", raw) is not None
    for encoding in ("utf-16",) if wide else ("utf-8-sig", "gb18030" if pairs else "cp1252"):
        try:
            text = raw.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" in text:
            break
        return text
    raise InputError(f"{path} is not text in UTF-8, UTF-16 with mark or GB18030: save it as UTF-8, or give it its format's suffix")


def delimiter_of(text: str) -> str:
    """Tab, semicolon, comma or blanks, in this order: the first that most of the opening lines hold outside quotes."""
    unquoted = re.sub(r'"[^"]*"', "", text[:200_000])
    lines = list(islice(filter(str.strip, io.StringIO(unquoted, newline=None)), 30))
    for delimiter in "\t;, ":
        if 2 * sum(delimiter in line.strip(" \r\n") for line in lines) > len(lines):
            return delimiter
    return ","


@dataclass(frozen=True)
class Cells:
    """How the cells of one file become numbers; ``comma`` is the decimal comma."""

    path: Path
    comma: bool
    underscore: bool

    def number(self, cell: str) -> float:
        """The value of ``cell``, NaN where it is missing. Raises ``ValueError`` for anything else, ``1_000`` included."""
        cell = cell.strip()
        if cell.casefold() in MISSING:
            return math.nan
        if "_" in cell:
            raise ValueError
        return float(cell.replace(",", ".") if self.comma else cell)

    def is_number(self, cell: str) -> bool:
        """Whether ``cell`` holds a number; a missing one does not."""
        try:
            self.number(cell)
        except ValueError:
            return False
        return cell.strip().casefold() not in MISSING

    def block(self, rows: list[tuple[int, list[str]]], leading: int, separators: _Separators) -> list[float]:
        """The values of some (line number, cells) behind the ``leading`` text cells: all at once if they are plain numbers."""
        if not (self.comma or self.underscore):
            try:
                return [*map(float, chain.from_iterable(row[leading:] for _, row in rows))]
            except ValueError:
                pass  # a missing cell or a mistake: look at each one
        values = []
        for line, row in rows:
            if self.comma:
                separators.see(line, row[leading:])
            for column, cell in enumerate(row[leading:], start=leading + 1):
                try:
                    values.append(self.number(cell))
                except ValueError:
                    shown = cell if len(cell) <= 40 else cell[:40] + "..."
                    raise InputError(f"{self.path} line {line}, column {column} is {shown!r}, but must be a number or empty") from None
        return values


def parse(text: str, path: Path) -> Table:
    """The header, leading text columns (case, time stamps) and numbers of ``text``; about 1 s per 25 MB."""
    delimiter = delimiter_of(text)
    cells = Cells(path, comma=delimiter in "\t;" and "," in text, underscore="_" in text)
    rows = _rows(text, delimiter, path)
    line, first = next(rows, (0, []))
    if not line:
        raise InputError(f"{path} is empty: it holds no values")
    width, header = len(first), _header(first, cells)
    start = line
    if header is not None:
        start, first = next(rows, (0, []))
        if not start:
            raise InputError(f"{path} has a header, but no values below it")
    leading = int(header is not None and split_name(header[0])[0].casefold() == CASE)
    if len(first) > leading and clock.is_stamp(first[leading]):
        leading += 1
    numbers = array("d")
    texts: list[list[str]] = [[] for _ in range(leading)]
    separators = _Separators(path)
    dangling = width > leading + 1 and (header is None or not header[-1])
    body = chain([(start, first)], rows)
    while block := list(islice(body, 4096)):
        for number, row in block:
            if len(row) != width:
                what = "every line must have the same number" if row else "write nan for a missing value"
                raise InputError(f"{path} line {number} has {len(row)} cells, but line {line} has {width}: {what}")
        for index, column in enumerate(texts):
            column.extend(row[index].strip() for _, row in block)
        dangling = dangling and not any(row[-1] for _, row in block)
        numbers.extend(cells.block(block, leading, separators))
    matrix = np.frombuffer(numbers, dtype=np.float64).reshape(-1, width - leading)
    if dangling:  # every line ends with a delimiter, and nothing follows it
        header, matrix = header and header[:-1], matrix[:, :-1]
    return Table(header, texts, matrix)


@dataclass
class _Separators:
    """1,5 and 1.5 in one file: one of them is a thousands separator, and nobody can tell which."""

    path: Path
    comma: int = 0
    point: int = 0

    def see(self, line: int, row: list[str]) -> None:
        text = " ".join(row)
        self.comma = self.comma or line * ("," in text)
        self.point = self.point or line * ("." in text)
        if self.comma and self.point:
            raise InputError(f"{self.path} has a comma in line {self.comma} and a point in line {self.point}: use one decimal mark")


def _rows(text: str, delimiter: str, path: Path) -> Iterator[tuple[int, list[str]]]:
    """(line number, cells) of every line that is not blank; in a single column a blank line between others is an empty list."""
    body = io.StringIO(text.rstrip(" \r\n"), newline="")
    reader = csv.reader(body, delimiter=delimiter, skipinitialspace=True, strict=True)
    words = ((number, [cell.strip('"') for cell in re.findall(r'"[^"]*"|\S+', line)]) for number, line in enumerate(body, start=1))
    single = None
    try:
        for number, row in words if delimiter == " " else ((reader.line_num, row) for row in reader):
            blank = len(row) < 2 and not any(map(str.strip, row))
            if blank and not single:
                continue
            single = len(row) < 2 if single is None else single
            yield number, row
    except csv.Error as error:
        raise InputError(f"{path} line {reader.line_num} cannot be split into cells ({error}): check its quotes") from None


def _header(row: list[str], cells: Cells) -> list[str] | None:
    """``row`` if it names columns. A mixture of names and numbers is a mistake in the data, unless it starts with a known name."""
    known = clock.TIME_NAMES | clock.INDEX_NAMES - {""} | {CASE}
    words = [cell for cell in row if cell.strip().casefold() not in MISSING]
    named = bool(words) and not any(cells.is_number(cell) or clock.is_stamp(cell.strip()) for cell in words)
    return row if named or split_name(row[0])[0].casefold() in known else None
