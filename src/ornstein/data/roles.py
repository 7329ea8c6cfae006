"""What each column of a sheet is: clock, row number, case, label, event or channel, and the evidence for it."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ornstein.common.errors import InputError, counted, listed
from ornstein.data import clock, names
from ornstein.data.cells import MISSING
from ornstein.data.sheet import Column, Sheet

NONE = "none"
"""``time="none"``: no column is one."""


@dataclass(frozen=True)
class Asked:
    """What the caller of ``read`` says about the columns of a table; a column is given by its name or its number from 1."""

    orient: str = "auto"
    time: str | int | None = None
    index: str | int | None = None
    labels: str | int | None = None
    channels: tuple[str, ...] = ()
    rate: float | None = None
    uneven: bool = False


@dataclass
class Roles:
    """The columns of a sheet by their role, and a sentence for everything that was assumed or left out."""

    clocks: list[Column] = field(default_factory=list)
    index: list[Column] = field(default_factory=list)
    cases: list[Column] = field(default_factory=list)
    label: Column | None = None
    events: Column | None = None
    variable: Column | None = None
    channels: list[Column] = field(default_factory=list)
    empty: list[Column] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def without_empty(self) -> Roles:
        """The same, where it is said of empty columns that they are left out."""
        if not self.empty:
            return self
        shown = listed([one.shown for one in self.empty], 4)
        return replace(self, empty=[], notes=[f"{shown} {'is' if len(self.empty) == 1 else 'are'} empty and left out", *self.notes])

    def with_empty(self) -> Roles:
        """The same, with empty columns among the channels, all missing: where rows are cases, they are moments that nobody observed.

        A single one at the end is what a delimiter after every row leaves, and is left out, which is said.
        """
        if not self.empty:
            return self
        last = max(self.channels, key=lambda one: one.number).number
        if len(self.empty) == 1 and self.empty[0].number > last and not self.empty[0].name.strip():
            return self.without_empty()
        kept = [replace(one, values=np.full(len(self.channels[0].cells()), np.nan), words=None) for one in self.empty]
        many = counted(len(kept), "column")
        columns = sorted([*self.channels, *kept], key=lambda one: one.number)
        return replace(
            self,
            channels=columns,
            empty=[],
            notes=[*self.notes, f"{many} without a value in any row, kept as moments that nobody observed"],
        )


def decide(sheet: Sheet, asked: Asked, where: Path | str) -> Roles:
    """The role of every column. What is asked for wins, then what a name says, then what the values look like.

    Raises ``InputError`` for a column that is asked for and missing, and for one without a name that could be anything.
    """
    roles = Roles(notes=list(sheet.notes))
    if sheet.ours:
        return _ours(sheet, asked, roles, where)
    told = {what: column(sheet, wish, what, where) for what, wish in _wishes(asked).items() if wish not in (None, NONE)}
    left_out: list[str] = []
    for one in sheet.columns:
        role = next((what for what, found in told.items() if found is one), "")
        if role == "labels":
            roles.label = one
        elif role == "time":
            roles.clocks.append(one)
        elif role == "index":
            roles.index.append(one)
        elif sheet.named and one.name.strip() and _title(one) in asked.channels:
            roles.channels.append(_as_channel(one, where))
        elif one.blank:
            # a delimiter at the end of every line leaves one under an empty title
            if one.name.strip() or not sheet.named or one is not sheet.columns[-1]:
                roles.empty.append(one)
        else:
            _by_name(one, sheet.named, asked, roles, left_out, where)
    if left_out:
        roles.notes.append(f"{listed(left_out, 4)} {'is' if len(left_out) == 1 else 'are'} left out")
    if roles.clocks and roles.index and any(c.stamps or not clock.counts(_numbers(c)) for c in roles.clocks):
        roles.clocks = [c for c in roles.clocks if c.name.strip() or c.stamps] or roles.clocks
    return roles


def column(sheet: Sheet, wish: str | int | None, what: str, where: Path | str) -> Column:
    """The column that a caller names: by its full name, its name without unit, either in other letters, or its number."""
    ways = (lambda c: c.name.strip(), _title, lambda c: c.name.strip().casefold(), lambda c: _title(c).casefold(), lambda c: str(c.number))
    for way in ways:
        wanted = str(wish).strip()
        found = [c for c in sheet.columns if way(c) in (wanted, wanted.casefold()) and (way(c) or wanted == "")]
        if len(found) == 1:
            return found[0]
        if found:
            raise InputError(f"{what} is {wish!r}, but {len(found)} columns of {where} have this name: give its number, counted from 1")
    known = [c.name.strip() or str(c.number) for c in sheet.columns]
    raise InputError(f"{what} is {wish!r}, but must be a column of {where}: it has {listed(known, 12)}")


def refuse_ramp(columns: list[Column], where: Path | str, remedy: str) -> None:
    """The net below all names: a column that rises in equal steps beside others that do not is a clock or a row number."""
    ramps = [
        c for c in columns if c.values is not None and (clock.rises_evenly(c.values) or clock.moves_on(c.values) or _stamped(c.values))
    ]
    if ramps and len(ramps) < len(columns):
        one = ramps[0]
        goes = "rises in equal steps" if one.values is not None and clock.rises_evenly(one.values) else "goes on in one direction"
        raise InputError(
            f"{one.shown} of {where} {goes} from row to row, as a clock or a row number does, "
            f"and the other columns do not: {remedy.format(name=repr(one.name.strip() or one.number))}"
        )


def title_and_unit(one: Column) -> tuple[str, str]:
    """Name and unit of a channel."""
    name, unit = names.foreign_name(one.name)
    return name, unit or ("" if one.unit.casefold() in ("no_units", "no units", "nd", "-", "n/a") else one.unit)


def _wishes(asked: Asked) -> dict[str, str | int | None]:
    return {"time": asked.time, "index": asked.index, "labels": asked.labels}


def _title(one: Column) -> str:
    return names.foreign_name(one.name)[0]


def _ours(sheet: Sheet, asked: Asked, roles: Roles, where: Path | str) -> Roles:
    rest = list(sheet.columns)
    if not clock.is_ours(rest[0].name):
        roles.cases.append(rest.pop(0))
    first = rest.pop(0)
    (roles.index if first.name == clock.NO_RATE else roles.clocks).append(first)
    if asked.labels not in (None, NONE):
        roles.label = column(replace(sheet, columns=rest), asked.labels, "labels", where)
        rest.remove(roles.label)
        if not rest:
            raise InputError(f"{roles.label.shown} is the only channel, so nothing is left to fit: give labels in a file of their own")
    roles.channels = rest
    return roles


def _by_name(one: Column, named: bool, asked: Asked, roles: Roles, left_out: list[str], where: Path | str) -> None:
    """The role that the name of a column suggests, if its values do not speak against it."""
    name = one.name
    unnamed_index = one.indexed or (named and not name.strip()) or name.startswith(("Unnamed: ", "__index_level"))
    if one.role == names.CASE:
        roles.cases.append(one)
    elif one.stamps or names.clock(name):
        if asked.time is None:
            roles.clocks.append(one)
        else:
            left_out.append(one.shown)
    elif unnamed_index and _first(one, roles):
        _unnamed(one, asked, roles, where)
    elif names.is_index(name) and one.values is not None and name.strip() and clock.counts(one.values) and asked.index != NONE:
        roles.index.append(one)
    elif names.is_event(name):
        if roles.events is None and _id_like(name):
            roles.events = one
        else:
            left_out.append(one.shown)
    elif names.is_case(name) and asked.time is None and (moments := _moments(one)) is not None:
        roles.clocks.append(moments)
    elif names.is_case(name) and _whole_or_words(one):
        roles.cases.append(one)
    elif names.is_label(name) and _whole_or_words(one) and asked.labels is None:
        roles.label = one
    elif names.is_variable(name) and one.words is not None:
        roles.variable = one
    elif one.words is not None and not (named or name.strip()) and not _numeric(one.words):
        raise InputError(
            f"{one.shown} of {where} holds words such as {one.words[0]!r}, and no header says what they are: say labels={one.number} if "
            f"they are classes, index={one.number} if they name the rows (--labels, --index), or transpose the file if they name channels"
        )
    elif one.words is not None and not _numeric(one.words):
        if not asked.channels:
            _refuse_near_numbers(one, where)
        left_out.append(one.shown)
    elif names.is_meta(name):
        left_out.append(one.shown)
    else:
        roles.channels.append(_as_channel(one, where))


def _first(one: Column, roles: Roles) -> bool:
    return one.indexed or one.name.startswith(("Unnamed", "__index")) or not (roles.channels or roles.clocks)


def _unnamed(one: Column, asked: Asked, roles: Roles, where: Path | str) -> None:
    """A column without a name of its own: row names, row numbers, or times."""
    if asked.index == NONE:
        roles.channels.append(_as_channel(one, where))
    elif one.values is None or clock.counts(one.values):
        roles.index.append(one)
    elif asked.time is None and (clock.rises_evenly(one.values) or (one.indexed and roles.cases)):
        roles.clocks.append(one)
    elif not one.indexed:
        raise InputError(
            f"column {one.number} of {where} has no name and is neither a row number nor a clock: name it in the file, or say "
            f"index={one.number} (--index {one.number}) to leave it out, time={one.number} or index='none'"
        )
    else:
        roles.index.append(one)


def _moments(one: Column) -> Column | None:
    """A column called epoch or record whose values are moments since 1970, as numbers; None where they tell cases apart."""
    found = [_float(word) for word in one.words] if one.words is not None else []
    values = one.values if one.words is None else np.array(found, dtype=np.float64) if None not in found else None
    return replace(one, values=values, words=None) if values is not None and _stamped(values) else None


def _id_like(name: str) -> bool:
    """Of several columns about events the one that says which."""
    return not any(word in name.casefold() for word in ("date", "duration"))


def _whole_or_words(one: Column) -> bool:
    if one.words is None:
        return one.values is not None and bool((np.isnan(one.values) | (one.values == np.round(one.values))).all())
    found = [_float(word) for word in one.words]
    return not all(v is not None for v in found) or all(v is None or math.isnan(v) or v.is_integer() for v in found)


_NEAR = re.compile(
    r"[\s$€£¥<>≤≥≈~(\[−+-]*(0x[0-9a-f]+|\.?\d[\d.,' \u00a0]*([de][+-]?\d+)?)\s*(%|[µμ]?\w{0,3}|°C|[+-]\s*[\d.]+j|/\s*\d+)[)\s]*"
    r"|\[.*\]|\{.*\}|b'.*'",
    re.IGNORECASE,
)
"""A number with something around it: $1.5, (3), 0x1f, 1.5D+02, 1+2j, 1/3, 12 mV, [1, 2]."""


def _refuse_near_numbers(one: Column, where: Path | str) -> None:
    """A column that is left out because of its words must hold no numbers, or they would be lost without a trace."""
    words = one.words or []
    known = [(i, word.strip()) for i, word in enumerate(words) if word.strip().casefold() not in MISSING]
    plain = [_float(word) is not None for _, word in known]
    if any(plain) or all(_NEAR.fullmatch(word) for _, word in known):
        row, word = known[plain.index(False)]
        raise InputError(
            f"{one.shown} of {where} holds {word[:40]!r} in data row {row + 1}, which is no plain number: write it as one, or leave it "
            "empty where it is missing, or name the columns to keep with channels= (--channels)"
        )


def _float(word: str) -> float | None:
    word = word.strip()
    if word.casefold() in MISSING:
        return math.nan
    if word.casefold() in ("true", "false"):
        return float(word.casefold() == "true")
    try:
        return float(word.replace(",", "."))
    except ValueError:
        return None


def _numeric(words: list[str]) -> bool:
    return all(_float(word) is not None for word in words)


def _numbers(one: Column) -> npt.NDArray[np.float64]:
    return one.values if one.values is not None else np.full(1, np.nan)


def _stamped(values: npt.NDArray[np.float64]) -> bool:
    """Strictly rising numbers that all are moments of the years 1990 to 2100: a clock with jitter."""
    return len(values) > 4 and bool(np.isfinite(values).all()) and bool((np.diff(values) > 0).all()) and bool(clock.since_1970(values))


def _as_channel(one: Column, where: Path | str) -> Column:
    """A column of words that all are numbers, as numbers."""
    if one.values is not None:
        return one
    found = [_float(word) for word in one.words or []]
    if any(value is None for value in found):
        row = next(i for i, value in enumerate(found) if value is None)
        shown = (one.words or [])[row]
        raise InputError(f"{one.shown} of {where} holds {shown!r} in data row {row + 1}, but a channel must hold numbers: leave it out")
    return replace(one, values=np.array(found, dtype=np.float64), words=None)
