"""Files that a person opened: kept under opaque ids, found by nothing else. The name a file had is words to show, never a path.

files/<id>/about.json   name, size in bytes, when
           data.<suffix>
"""

from __future__ import annotations

import json
import secrets
import shutil
import time
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass
from pathlib import Path, PureWindowsPath

from ornstein.common.files import write_json
from ornstein.data.read import SUFFIXES
from ornstein.lab.limits import Limits, bytes_told
from ornstein.lab.questions import IDENT
from ornstein.lab.refusals import Refused

LONGEST_NAME = 200


@dataclass(frozen=True)
class Kept:
    """One file: its id, the name it came with, its size in bytes, and when it came (seconds since 1970)."""

    id: str
    name: str
    size: int
    at: float


class Shelf:
    """The files of a folder."""

    def __init__(self, folder: Path, limits: Limits) -> None:
        self._root, self._folder, self._limits = folder, folder / "files", limits

    def open(self) -> None:
        """Make the folder."""
        self._folder.mkdir(parents=True, exist_ok=True)

    async def add(self, name: str, pieces: AsyncIterator[bytes]) -> Kept:
        """Keep a file; it is on the shelf when it is complete. Nothing of a broken upload stays."""
        shown = PureWindowsPath(name).name[:LONGEST_NAME]
        suffix = Path(shown).suffix.lower()
        if suffix not in SUFFIXES:
            known = ", ".join(sorted(SUFFIXES))
            raise Refused(
                422, f"the name of the file ends in {suffix!r}, but files of signals end in one of {known}: save it as one of these"
            )
        ident, size, room = secrets.token_hex(8), 0, self._limits.kept - used(self._root)
        arriving = self._folder / f".{ident}"
        arriving.mkdir()
        try:
            with (arriving / f"data{suffix}").open("wb") as file:
                async for piece in pieces:
                    size += len(piece)
                    if size > room:
                        raise Refused(413, f"this lab keeps at most {bytes_told(self._limits.kept)}: remove files or results first")
                    file.write(piece)
            if not size:
                raise Refused(422, "the file is empty: it holds no values")
            kept = Kept(ident, shown, size, time.time())
            write_json(arriving / "about.json", asdict(kept))
            arriving.rename(self._folder / ident)
        except BaseException:
            shutil.rmtree(arriving, ignore_errors=True)
            raise
        return kept

    def all(self) -> list[Kept]:
        """Every file, the oldest first."""
        found = (self._kept(entry) for entry in self._folder.iterdir() if IDENT.fullmatch(entry.name))
        return sorted((kept for kept in found if kept is not None), key=lambda kept: kept.at)

    def find(self, ident: str) -> Kept:
        """The file of an id; 404 where there is none."""
        kept = self._kept(self._folder / ident) if IDENT.fullmatch(ident) else None
        if kept is None:
            raise Refused(404, "there is no such file in this lab")
        return kept

    def path(self, ident: str) -> Path:
        """Where the content of a file is."""
        kept = self.find(ident)
        return self._folder / ident / f"data{Path(kept.name).suffix.lower()}"

    def delete(self, ident: str) -> None:
        """Remove a file."""
        shutil.rmtree(self._folder / self.find(ident).id)

    def _kept(self, entry: Path) -> Kept | None:
        if entry.is_symlink() or not entry.is_dir():
            return None
        try:
            kept = Kept(**json.loads((entry / "about.json").read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None
        content = entry / f"data{Path(kept.name).suffix.lower()}"
        return kept if kept.id == entry.name and content.is_file() and not content.is_symlink() else None


def used(folder: Path) -> int:
    """Bytes of all files under a folder; links are not followed."""
    return sum(file.lstat().st_size for file in folder.rglob("*") if file.is_file() and not file.is_symlink())
