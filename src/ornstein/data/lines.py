"""Text to rows of cells: encodings, comment lines, ``sep=``, delimiters and quotes."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from ornstein.common.errors import InputError

_MARKS = ("#", "%", "//")
_ARROW = re.compile(r"^(\d\d:\d\d:\d\d\.\d{1,6}) -> ", re.MULTILINE)
"""What the serial monitor of the Arduino IDE writes before every line."""
_SEPARATOR_LINE = re.compile(r'"?sep=(\\t|[^"])"?[\t;,]*', re.IGNORECASE)


def decode(raw: bytes, path: Path) -> str:
    """``raw`` as text: UTF-8 with or without mark, UTF-16, GB18030, or Windows-1252 where every non-ASCII byte stands alone.

    Common GB18030 characters are pairs of high bytes, while a single one between ASCII letters is a degree or micro sign.
    UTF-16 without a mark is known by its zeros: every other byte of ASCII letters is one.
    """
    wide = _wide(raw)
    pairs = not raw.isascii() and re.search(rb"[\x80-\xff]{2}", raw) is not None
    for encoding in (wide,) if wide else ("utf-8-sig", "gb18030" if pairs else "cp1252"):
        try:
            text = raw.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" in text:
            break
        return text
    raise InputError(f"{path} is not text in UTF-8, UTF-16 or GB18030: save it as UTF-8, or give it its format's suffix")


def _wide(raw: bytes) -> str:
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    start = raw[:400]
    for offset, encoding in ((1, "utf-16-le"), (0, "utf-16-be")):
        if len(start) > 7 and not any(start[offset::2]) and 0 not in start[1 - offset :: 2]:
            return encoding
    return ""


@dataclass
class Lines:
    """The rows of one text, and its comment lines (line number, text)."""

    text: str
    path: Path
    delimiter: str
    first: int = 0
    comments: list[tuple[int, str]] = field(default_factory=list)
    number: int = 0

    @classmethod
    def of(cls, text: str, path: Path) -> Lines:
        """Find the delimiter: that of a line ``sep=``, or the one that the opening lines use; an arrow behind a moment becomes one."""
        head, _, rest = text.lstrip("\ufeff").partition("\n")
        named = _SEPARATOR_LINE.fullmatch(head.strip("\r "))
        if named:
            return cls(rest, path, "\t" if named[1] == "\\t" else named[1], first=1)
        if _ARROW.match(text):
            bare = delimiter_of(_ARROW.sub("", text))
            header = re.match(r"[^\n]* -> [^\n]*(?<![\w.])(?!nan|inf)[^\W\d_]", text, re.IGNORECASE)
            split = _ARROW.sub(lambda moment: ("time" if header and not moment.start() else moment[1]) + bare, text)
            return cls(split, path, bare)
        return cls(text, path, delimiter_of(text))

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """(line number, cells) of every line that is not blank; in a single column a blank line between others is an empty list."""
        self.comments, self.number = [], self.first
        body = self._body()
        single = None
        reader = csv.reader(body, delimiter=self.delimiter, skipinitialspace=True, strict=True)
        words = ([cell.strip('"') for cell in re.findall(r'"[^"]*"|\S+', line)] for line in body)
        try:
            for row in words if self.delimiter == " " else reader:
                blank = len(row) < 2 and not any(map(str.strip, row))
                if blank and not single:
                    continue
                single = len(row) < 2 if single is None else single
                yield self.number, row
        except csv.Error as error:
            raise InputError(f"{self.path} line {self.number} cannot be split into cells ({error}): check its quotes") from None

    def _body(self) -> Iterator[str]:
        """The lines without comments; a ``#`` inside quotes opens none."""
        quoted, remarks = False, any(mark in self.text for mark in _MARKS)
        for line in io.StringIO(self.text.rstrip(" \r\n"), newline=""):
            self.number += 1
            if remarks:
                if not quoted and is_comment(line):
                    self.comments.append((self.number, line.strip()))
                    continue
                quoted ^= line.count('"') % 2 == 1
            yield line

    def since(self, number: int) -> str:
        """The text from a line on, by the number that ``rows`` gave it; a line may end in a carriage return alone, as there."""
        rest = io.StringIO(self.text, newline="")
        for _ in range(number - self.first - 1):
            rest.readline()
        return rest.read()


def is_comment(line: str) -> bool:
    """Whether a line is a remark: #, % or // at its start."""
    return line.lstrip(" \t").startswith(_MARKS)


def delimiter_of(text: str) -> str:
    """Tab, semicolon, bar, comma or blanks, in this order: the first that most lines hold outside quotes.

    The last thirty of the opening lines vote, since programs write remarks above their tables.
    """
    unquoted = re.sub(r'"[^"]*"', '""', text[:200_000])
    lines = list(islice((line for line in io.StringIO(unquoted, newline=None) if line.strip() and not is_comment(line)), 400))[-30:]
    for delimiter in "\t;|, ":
        if 2 * sum(delimiter in line.strip(" \r\n") for line in lines) > len(lines):
            return delimiter
    return ","
