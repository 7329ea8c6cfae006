"""What the modules of a page import, read from their sources: to carry all of them, or to ask for all of them at once."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath

_IMPORT = re.compile(r"""(\bfrom|\bimport)(\s*\(?)"([^"]+\.js)\"""")


def reached(table: Mapping[str, Path], *begin: str) -> dict[str, str]:
    """Address -> source of the modules ``begin`` and of all that they import, however far, but for what they import only when asked."""
    found, wanted = dict[str, str](), [*begin]
    while wanted:
        address = wanted.pop(0)
        if address not in found:
            found[address] = table[address].read_text(encoding="utf-8")
            wanted += [joined(address, match[3]) for match in _IMPORT.finditer(found[address]) if "(" not in match[2]]
    return found


def renamed(address: str, source: str, name: Callable[[str], str]) -> str:
    """The source of a module with every import by another name, made of the address of what is imported."""
    return _IMPORT.sub(lambda match: f'{match[1]}{match[2]}"{name(joined(address, match[3]))}"', source)


def joined(here: str, path: str) -> str:
    """The address that ``path`` means in the module ``here``."""
    if path.startswith("/"):
        return path
    parts: list[str] = []
    for part in (PurePosixPath(here).parent / path).parts:
        parts = parts[:-1] if part == ".." else [*parts, part]
    return "/" + "/".join(parts[1:])
