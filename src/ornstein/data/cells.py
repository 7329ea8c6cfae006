"""Cells of text to numbers: decimal marks, missing cells, and an exact place for every complaint."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path

from ornstein.common.errors import InputError
from ornstein.data import stamps

_MEANT = re.compile(r"[+-]?\d[\d.,_']*(?:[eE][+-]?\d+)?")
MISSING = {"", "na", "nan", "n/a", "#n/a", "null", "none", "<na>"}


@dataclass
class Cells:
    """How the cells of one file become numbers; ``comma`` is the decimal comma."""

    path: Path
    comma: bool
    underscore: bool
    comma_in: int = 0
    point_in: int = 0

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
