"""The tidy table behind CSV and Parquet: ``case, time, <channel [unit]>, ...``, one row per case and time step."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ornstein.common.errors import InputError
from ornstein.common.signals import Signals
from ornstein.data import clock
from ornstein.data.loaded import Loaded

CASE = "case"


@dataclass(frozen=True, eq=False)
class Table:
    """``header`` names all columns (None: no header); ``texts`` are the leading text columns, ``numbers`` (row, column) the rest."""

    header: list[str] | None
    texts: list[list[str]]
    numbers: npt.NDArray[np.float64]


def split_name(cell: str) -> tuple[str, str]:
    """``"ECG [mV]"`` to ``("ECG", "mV")``; without brackets the unit is empty."""
    found = re.fullmatch(r"(.*?)\s*\[([^\[\]]*)\]", cell.strip(), re.DOTALL)
    return (found[1], found[2].strip()) if found else (cell.strip(), "")


def join_name(name: str, unit: str) -> str:
    """The inverse of ``split_name``. Raises ``InputError`` for a unit with brackets and for names that no file can hold."""
    if set("[]") & set(unit):
        raise InputError(f"units holds {unit!r}, but a unit in a table must not contain square brackets: rename it")
    try:
        (name + unit).encode()
    except UnicodeEncodeError:
        raise InputError(f"channels holds {name!r}, which is not valid text: rename it") from None
    if "\0" in name + unit:
        raise InputError(f"channels holds {name!r} [{unit!r}], but a name must not contain a NUL character: rename it")
    return f"{name} [{unit}]".strip() if unit or name.endswith("]") else name


def from_table(table: Table, orient: str, path: Path) -> Loaded:
    """Signals from a table, as ``read`` describes ``orient``."""
    names = [split_name(cell) for cell in table.header or []]
    numbers = table.numbers
    index = bool(names) and names[0][0].casefold() in clock.INDEX_NAMES and not table.texts and clock.is_index(numbers[:, 0])
    if orient == "rows" or (orient == "auto" and table.header is None and numbers.shape[1] > 1):
        rows = numbers[:, 1:] if index else numbers
        if not rows.size:
            raise InputError(f"{path} has no column with values")
        return Loaded(rows[:, None, :])
    texts = list(table.texts)
    sizes = _case_sizes(texts.pop(0), path) if names and names[0][0].casefold() == CASE and texts else [len(numbers)]
    cases, length = len(sizes), sizes[0]
    used = len(table.texts) - len(texts)
    names = names[used:]
    rate = None
    times = _times(texts, names, numbers, length)
    if times is not None:
        rate = _common_rate(times.reshape(cases, length), names[0][1] if names and not texts else "", path)
        names, numbers = names[1:], numbers if texts else numbers[:, 1:]
    elif names and names[0][0].casefold() in clock.INDEX_NAMES and all(map(clock.is_index, numbers[:, 0].reshape(cases, length))):
        names, numbers = names[1:], numbers[:, 1:]
    if not numbers.shape[1]:
        raise InputError(f"{path} has no column with values beside case and time")
    values = numbers.reshape(cases, length, -1).transpose(0, 2, 1)
    return Loaded(values, rate, tuple(name for name, _ in names), tuple(unit for _, unit in names))


def header_of(signals: Signals) -> list[str]:
    """The column names: case (where there are several), time or sample, then each channel with its unit."""
    case = [CASE] if len(signals) > 1 else []
    return [*case, clock.header(signals.rate), *map(join_name, signals.channels, signals.units)]


def columns_of(signals: Signals) -> list[npt.NDArray[np.generic]]:
    """The columns that ``header_of`` names, each with one entry per case and time step."""
    cases, channels, length = signals.shape
    steps = np.arange(length)
    time = steps if signals.rate is None else steps / signals.rate
    case = [np.repeat(np.arange(cases), length)] if cases > 1 else []
    values = signals.values.cpu().numpy().transpose(1, 0, 2).reshape(channels, -1)
    return [*case, np.tile(time, cases), *values]


def _case_sizes(labels: list[str], path: Path) -> list[int]:
    starts = [0, *(i for i in range(1, len(labels)) if labels[i] != labels[i - 1])]
    names = [labels[i] for i in starts]
    if len(set(names)) != len(names):
        name = next(name for name in names if names.count(name) > 1)
        raise InputError(f"case {name!r} stands in several places of {path}: sort the rows by case and time")
    sizes = [end - start for start, end in zip(starts, [*starts[1:], len(labels)], strict=True)]
    for name, size in zip(names, sizes, strict=True):
        if size != sizes[0]:
            first = f"case {names[0]!r} has {sizes[0]}"
            raise InputError(f"case {name!r} of {path} has {size} rows, but {first}: cut or pad them to one length")
    return sizes


def _times(
    texts: list[list[str]], names: list[tuple[str, str]], numbers: npt.NDArray[np.float64], length: int
) -> npt.NDArray[np.float64] | None:
    """The time of every row, from stamps or from a first column of that name; None where there is neither."""
    if texts:
        return np.concatenate([clock.seconds_of(texts[0][start : start + length]) for start in range(0, len(texts[0]), length)])
    return numbers[:, 0] if names and names[0][0].casefold() in clock.TIME_NAMES else None


def _common_rate(times: npt.NDArray[np.float64], unit: str, path: Path) -> float | None:
    try:
        rate = clock.rate_of(times[0], unit)
        for case in times[1:]:
            other = rate if np.array_equal(case, times[0]) else clock.rate_of(case, unit)
            if rate is not None and other is not None and abs(other / rate - 1) > 1e-3:
                raise InputError(f"cases were sampled at {rate:g} and {other:g} Hz: resample them to one rate")
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    return rate
