"""Many modules as one, so that a page asks for one file where it asked for fifty; made of the sources when the lab starts.

    // module m at its address                 const m = (() => {
    import { a, b as c } from "./n.js";   ->     const { a, b: c } = n;
    export const d = a + c;                      const d = a + c;
                                                 return { d };
                                               })();

A module stands behind all that it imports. What is imported when it is asked for, ``import("./n.js")``, becomes a promise of ``n`` where n
is among them, and stays an address where it is not.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from ornstein.lab.imports import joined, reached

_IMPORT = re.compile(r'^import (?:\{ ([^}]*) \}|\* as (\w+)) from "([^"]+)";$', re.M)
_EXPORT = re.compile(r"^export (?=(?:async )?(?:const|function) (\w+))", re.M)
_LATER = re.compile(r'import\("([^"]+)"\)')


def whole(table: Mapping[str, Path], main: str, *parts: str) -> str:
    """The source of ``main``, which exports nothing, with all that it and ``parts`` import before it.

    Raises ``ValueError`` for a module that imports or exports in another form than those above, or a name that is not exported, and for
    modules that import one another in a circle.
    """
    sources = reached(table, main, *parts)
    order = _ordered(sources)
    names = {address: f"m{k}" for k, address in enumerate(order)}
    exported = {address: set(_EXPORT.findall(source)) for address, source in sources.items()}

    def taken(address: str, match: re.Match[str]) -> str:
        of = joined(address, match[3])
        if match[2]:
            return f"const {match[2]} = {names[of]};"
        if missing := {name.split(" as ")[0] for name in match[1].split(", ")} - exported[of]:
            raise ValueError(f"{address} imports {', '.join(sorted(missing))}, which {of} does not export")
        return f"const {{ {match[1].replace(' as ', ': ')} }} = {names[of]};"

    def asked(address: str, match: re.Match[str]) -> str:
        of = joined(address, match[1])
        return f"Promise.resolve({names[of]})" if of in names else f'import("{of}")'

    found = []
    for address in order:
        source = _IMPORT.sub(partial(taken, address), sources[address])
        source = _LATER.sub(partial(asked, address), source)
        source = _EXPORT.sub("", source)
        if left := re.search(r"^(?:import|export)\b.*", source, re.M):
            raise ValueError(f"{address} has a line that cannot be joined: {left[0]}")
        if address != main:
            source = f"const {names[address]} = (() => {{\n{source}return {{ {', '.join(sorted(exported[address]))} }};\n}})();\n"
        found.append(source)
    return "".join(found)


def _ordered(sources: Mapping[str, str]) -> list[str]:
    """Addresses, each behind all that it imports; the first last."""
    order: list[str] = []

    def place(address: str, path: tuple[str, ...]) -> None:
        if address in path:
            raise ValueError(f"modules import one another in a circle: {' -> '.join((*path, address))}")
        if address not in order:
            for match in _IMPORT.finditer(sources[address]):
                place(joined(address, match[3]), (*path, address))
            order.append(address)

    main, *parts = sources
    for address in (*parts, main):
        place(address, ())
    return order
