"""A table as its file has it: named columns of numbers or words, before anything is decided about them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, eq=False)
class Column:
    """One column.

    name      as the file has it, unit included; "" where it has none
    number    its place, counted from 1
    values    numbers, NaN where a cell is missing; None for words
    words     the cells of a column of words or of time stamps; None for numbers
    stamps    the words are dates or times
    blank     every cell is empty
    indexed   the file's own metadata call it an index
    unit      the unit, where the file has it in a place of its own
    role      "case" where the file's own metadata say so
    """

    name: str
    number: int
    values: npt.NDArray[np.float64] | None = None
    words: list[str] | None = None
    stamps: bool = False
    blank: bool = False
    indexed: bool = False
    unit: str = ""
    role: str = ""

    @property
    def shown(self) -> str:
        """How a sentence calls it."""
        return f"`{self.name.strip()}`" if self.name.strip() else f"column {self.number}"

    def cells(self) -> list[str]:
        """The cells as words; whole numbers without a decimal point, missing ones empty."""
        if self.words is not None:
            return self.words
        assert self.values is not None
        return ["" if np.isnan(v) else str(int(v)) if float(v).is_integer() else repr(float(v)) for v in self.values]


@dataclass(frozen=True, eq=False)
class Sheet:
    """The columns of a file.

    named     a header names the columns; False: there is none, or it only counts them
    ours      ``write`` of this package wrote it: roles follow from the places of the columns
    rate      a sampling rate in Hz that stands in the file beside the table
    across    steps per second from a header of times, where each row is a signal
    notes     what was seen while reading, a sentence each
    """

    columns: list[Column]
    named: bool
    ours: bool = False
    rate: float | None = None
    across: float | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def rows(self) -> int:
        """How many rows there are."""
        first = self.columns[0]
        return len(first.words if first.words is not None else first.values if first.values is not None else [])
