"""Curves of the lesson: drawn by hand or taken from a file, one JSON file each under an opaque id."""

from __future__ import annotations

import json
import secrets
from pathlib import Path

from ornstein.common.files import write_json
from ornstein.lab.questions import IDENT
from ornstein.lab.refusals import Refused

MOST = 1000
"""Curves that one lab keeps; the oldest go first."""


class Curves:
    """The curves of a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def open(self) -> None:
        """Make the folder."""
        self._folder.mkdir(parents=True, exist_ok=True)

    def add(self, values: list[float]) -> str:
        """Keep a curve; what the lesson cannot use raises ``InputError``."""
        from ornstein.tour.curve import prepare

        prepare(values)
        known = sorted((file for file in self._folder.iterdir() if IDENT.fullmatch(file.stem)), key=lambda file: file.lstat().st_mtime)
        for old in known[: max(0, len(known) + 1 - MOST)]:
            old.unlink()
        name = secrets.token_hex(8)
        write_json(self._folder / f"{name}.json", {"values": values})
        return name

    def find(self, name: str) -> list[float]:
        """The values of a curve; 404 where there is none."""
        file = self._folder / f"{name}.json"
        if not IDENT.fullmatch(name) or file.is_symlink() or not file.is_file():
            raise Refused(404, "there is no such curve in this lab")
        values: list[float] = json.loads(file.read_text(encoding="utf-8"))["values"]
        return values
