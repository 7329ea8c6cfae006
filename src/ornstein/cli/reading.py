"""How a command reads a file of signals: one list of options for all of them, and one line that says what was read."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import ornstein as orn
from ornstein.cli import show
from ornstein.cli.words import Words
from ornstein.common.sentences import translated

if TYPE_CHECKING:
    from ornstein import Signals

_OWN = "read_"
_OPTIONS = {
    "orient": str,
    "window": int,
    "hop": int,
    "rate": float,
    "resample": float,
    "key": str,
    "time": str,
    "index": str,
    "channels": str,
    "labels": str,
    "uneven": bool,
    "events": str,
    "before": float,
    "after": float,
}
"""Arguments of ``ornstein.read`` that are options of the same name here, and the rate to resample to."""
_LISTS = ("channels", "events")


def reading_parameters(words: Words, *without: str) -> list[inspect.Parameter]:
    """One parameter of a command per option of reading, unset by default, in a panel of their own."""
    found = []
    for name, kind in _OPTIONS.items():
        if name not in without:
            option = typer.Option(f"--{name}", help=words(name), rich_help_panel=words("help-reading"))
            annotation: Any = Annotated[kind | None, option]
            found.append(inspect.Parameter(_OWN + name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation))
    return found


def read_as_told(path: Path, arguments: dict[str, Any], words: Words, as_json: bool, **more: object) -> Signals:
    """The signals of ``path`` as the options say, which are taken out of ``arguments``; a person is told what was read."""
    told = reading_told(arguments, **more)
    signals = _resampled(path, told.pop("resample"), told) if "resample" in told else orn.read(path, **told)
    if not as_json:
        cases, length, *parts = (translated(part, words.spoken) for part in signals.parts())
        summary = words("read-joint").join([words("read-shape").format(cases=cases, length=length), *parts])
        show.aside(words("read").format(path=path, summary=summary))
    return signals


def overlap_told(arguments: dict[str, Any]) -> int:
    """How many neighbours on either side share samples with a window, as the options cut them."""
    window, hop = arguments.get(_OWN + "window"), arguments.get(_OWN + "hop")
    return max(0, -(-window // hop) - 1) if window and hop and hop > 0 else 0


def reading_told(arguments: dict[str, Any], **more: object) -> dict[str, Any]:
    """What was said about reading, as arguments of ``ornstein.read`` and ``resample``, taken out of ``arguments``."""
    given = {name: arguments.pop(_OWN + name, None) for name in _OPTIONS}
    told = {name: value for name, value in (given | more).items() if value is not None}
    for name in _LISTS:
        if isinstance(told.get(name), str):
            told[name] = [word.strip() for word in told[name].split(",")]
    return told


def _resampled(path: Path, rate: float, told: dict[str, Any]) -> Signals:
    """The signals of ``path`` at another rate; windows are cut afterwards, in samples of that rate."""
    if "events" in told or "window" not in told:
        return orn.read(path, **told).resampled(rate)
    window, hop = told.pop("window"), told.pop("hop", None)
    return orn.read(path, **told).resampled(rate).windows(window, hop)
