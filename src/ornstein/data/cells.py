"""Cells of text to numbers: decimal marks, missing cells, and an exact place for every complaint."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from ornstein.common.errors import InputError
from ornstein.data import stamps

_MEANT = re.compile(r"[+-]?\d[\d.,_']*(?:[eE][+-]?\d+)?")
_GROUPED = re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+")
MISSING = {"", "na", "nan", "n/a", "#n/a", "null", "none", "<na>"}


@dataclass
class Cells:
    """How the cells of one file become numbers; ``comma`` is the decimal comma.

    mark    the character that may be a decimal mark or part thousands; "" where nobody would write thousands so
    marks   what was seen in each column: "grouped" as 1,037, another "decimal" as 0,5, and a "whole" number of up to three digits
    """

    path: Path
    comma: bool
    underscore: bool
    comma_in: int = 0
    point_in: int = 0
    mark: str = ""
    marks: dict[int, set[str]] = field(default_factory=dict)

    def number(self, cell: str) -> float:
        """The value of ``cell``, NaN where it is missing. Raises ``ValueError`` for anything else, ``1_000`` included."""
        cell = cell.strip()
        if cell.casefold() in MISSING:
            return math.nan
        if "_" in cell:
            raise ValueError
        return float(cell.replace(",", ".") if self.comma else cell)

    def kind(self, cell: str) -> str:
        """ "number", "stamp" or "word"; "" for a missing cell. What was meant as a number counts as one: 1_000, 1.234,5."""
        if cell.strip().casefold() in MISSING:
            return ""
        try:
            self.number(cell)
        except ValueError:
            return "stamp" if stamps.is_stamp(cell) else "number" if _MEANT.fullmatch(cell.strip()) else "word"
        return "number"

    def numbers(self, rows: list[tuple[int, list[str]]], column: int, cells: tuple[str, ...]) -> list[float]:
        """The values of one column of some (line number, cells): all at once if they are plain numbers."""
        if self.mark:
            self._look(column, cells)
        if not (self.comma or self.underscore):
            try:
                return [*map(float, cells)]
            except ValueError:
                pass  # a missing cell or a mistake: look at each one
        values = []
        for (line, _), cell in zip(rows, cells, strict=True):
            if self.comma:
                self._one_mark(line, cell)
            try:
                values.append(self.number(cell))
            except ValueError:
                raise self.refused(line, column, cell) from None
        return values

    def _look(self, column: int, cells: Iterable[str]) -> None:
        """Note how the numbers of a column are written, until one shows that its mark is a decimal one."""
        seen = self.marks.setdefault(column, set())
        for cell in cells:
            if "decimal" in seen:
                return
            if self.mark in cell:
                seen.add("grouped" if _GROUPED.fullmatch(cell.strip().replace(self.mark, ",")) else "decimal")
            elif cell.strip().lstrip("+-").isdigit() and len(cell.strip()) < 5:
                seen.add("whole")

    def refuse_thousands(self) -> None:
        """Whole numbers beside numbers that all have three digits after the mark: it parts thousands, or nobody knows."""
        for column, seen in self.marks.items():
            if seen == {"grouped", "whole"}:
                raise InputError(
                    f"{self.path}, column {column + 1} holds whole numbers beside numbers such as 1{self.mark}234, which may be "
                    f"1234 or 1.234: write them without a mark of thousands"
                )

    def refused(self, line: int, column: int, cell: str) -> InputError:
        """The error for a cell that is no number; ``column`` counts from 0."""
        shown = cell if len(cell) <= 40 else cell[:40] + "..."
        return InputError(f"{self.path} line {line}, column {column + 1} is {shown!r}, but must be a number or empty")

    def _one_mark(self, line: int, cell: str) -> None:
        """1,5 and 1.5 in one file: one of them is a thousands separator, and nobody can tell which."""
        self.comma_in = self.comma_in or line * ("," in cell)
        self.point_in = self.point_in or line * ("." in cell)
        if self.comma_in and self.point_in:
            places = f"a comma in line {self.comma_in} and a point in line {self.point_in}"
            raise InputError(f"{self.path} has {places}: use one decimal mark")
