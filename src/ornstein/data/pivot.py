"""Long tables, one row per case, moment and channel, made wide."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from ornstein.common.errors import InputError
from ornstein.data import names
from ornstein.data.records import gathered
from ornstein.data.roles import Roles
from ornstein.data.sheet import Column


def wide(roles: Roles, where: Path | str) -> Roles:
    """A column of values beside one that names their channel, as one column per channel; anything else is left as it is.

    Where channels or cases have other rows (times) than the first, all are placed on the times of all: see ``records``. Raises
    ``InputError`` for such a table without a clock.
    """
    variable = roles.variable
    values = [c for c in roles.channels if names.is_value(c.name)] or roles.channels
    if variable is None or len(values) != 1 or values[0].values is None:
        shown = "" if variable is None else variable.shown
        return replace(roles, variable=None, notes=[*roles.notes, f"{shown} is left out"])
    named = variable.cells()
    channels = list(dict.fromkeys(named))
    of = {name: np.flatnonzero(np.array(named, dtype=object) == name) for name in channels}
    first = of[channels[0]]
    keys = [c for c in (*roles.cases, *roles.clocks) if c is not None]
    notes = [*roles.notes, f"{variable.shown} names the channels of {values[0].shown}"]
    for name, rows in of.items():
        same = len(rows) == len(first) and all(_take(c, rows).cells() == _take(c, first).cells() for c in keys)
        if not same and roles.clocks:
            return gathered(replace(roles, channels=values, notes=notes), named, where)
        if not same:
            raise InputError(
                f"{name!r} of {variable.shown} in {where} has other rows than {channels[0]!r}: give every channel the same times"
            )
    return Roles(
        clocks=[_take(c, first) for c in roles.clocks],
        cases=[_take(c, first) for c in roles.cases],
        label=None if roles.label is None else _take(roles.label, first),
        channels=[replace(_take(values[0], rows), name=name, unit="") for name, rows in of.items()],
        empty=roles.empty,
        notes=notes,
    )


def _take(column: Column, rows: np.ndarray[tuple[int], np.dtype[np.intp]]) -> Column:
    """Some rows of a column."""
    if column.words is not None:
        return replace(column, words=[column.words[i] for i in rows])
    assert column.values is not None
    return replace(column, values=column.values[rows])
