"""CSV, TSV and TXT files."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from ornstein.common.signals import Signals
from ornstein.data.lines import decode
from ornstein.data.loaded import Loaded
from ornstein.data.roles import NONE, Asked
from ornstein.data.table import columns_of, from_sheet, header_of
from ornstein.data.text import parse


def read(path: Path, asked: Asked) -> Loaded:
    """The signals of a text table; see ``ornstein.data.read`` for what may be asked and the accepted forms."""
    wordy = frozenset() if asked.labels in (None, NONE) else frozenset({str(asked.labels)})
    return from_sheet(parse(decode(path.read_bytes(), path), path, wordy, frozenset(asked.channels)), asked, path)


def write(path: Path, signals: Signals, separator: str) -> None:
    """The table ``case, time, <channel [unit]>, ...`` as text; every float in the fewest digits that give it back exactly."""
    header = header_of(signals)
    top = io.StringIO(newline="")
    # A line end of "\r\n" makes the writer quote both characters; with "\n" alone it would leave a carriage return bare.
    csv.writer(top, delimiter=separator, lineterminator="\r\n").writerow(header)
    text = top.getvalue().removesuffix("\r\n") + "\n"
    # Spreadsheet programs read UTF-8 only with a mark at the start; plain ASCII needs none.
    with path.open("w", encoding="utf-8" if text.isascii() else "utf-8-sig", newline="") as file:
        file.write(text)
        rows = zip(*(column.tolist() for column in columns_of(signals)), strict=True)
        csv.writer(file, delimiter=separator, lineterminator="\n").writerows(rows)
