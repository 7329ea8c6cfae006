"""What the commands print: one sentence for an error, one JSON object for machines, tables and bars for people."""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from ornstein.cli.console import can_encode
from ornstein.common.sentences import translated

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)
_LABELS = {"en": ("error: ", "note: "), "zh": ("错误：", "说明：")}


def error(message: str, code: int, as_json: bool, language: str = "en") -> None:
    """One sentence on standard error, as JSON if the caller is a machine."""
    message = translated(message, language)
    if as_json:
        print(_json({"error": message, "code": code}, sys.stderr), file=sys.stderr)
    else:
        err.print(f"[bold red]{_LABELS[language][0]}[/]{escape(message)}")


def notes(language: str) -> Callable[..., None]:
    """What stands in for ``warnings.showwarning``: a line on standard error for each warning, and none for one that was said before."""
    said: set[str] = set()

    def note(message: Warning | str, *_: object, **__: object) -> None:
        if str(message) not in said:
            said.add(str(message))
            err.print(f"[bold yellow]{_LABELS[language][1]}[/]{escape(translated(str(message), language))}")

    return note


def aside(text: str) -> None:
    """A line for a person on standard error, quiet beside the result."""
    err.print(f"[dim]{escape(text)}[/]")


def machine(content: Mapping[str, object]) -> None:
    """One JSON object on standard output; infinite numbers become null, since JSON has none."""
    print(_json(_plain(content), sys.stdout))


def _json(content: object, stream: TextIO) -> str:
    """JSON with its letters as they are, or escaped where the stream cannot hold them: the content is the same."""
    text = json.dumps(content, ensure_ascii=False, allow_nan=False)
    return text if can_encode(text, stream.encoding) else json.dumps(content, allow_nan=False)


def _plain(value: object) -> object:
    if hasattr(value, "tolist"):  # a tensor or an array
        return _plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    return str(value) if isinstance(value, Path) else value


def line(text: str) -> None:
    """One line for a person."""
    out.print(escape(text))


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A small table for a person, numbers to the right."""
    grid = Table(title=escape(title), title_justify="left", header_style="bold")
    for k, name in enumerate(columns):
        grid.add_column(escape(name), justify="left" if k == 0 else "right")
    for row in rows:
        grid.add_row(*(escape(cell) for cell in row))
    out.print(grid)


@contextmanager
def bar(label: str, total: int | None, quiet: bool) -> Iterator[Callable[[int, str], None]]:
    """A transient progress bar on standard error; yields advance(steps, what). Silent where no person watches."""
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=err, transient=True, disable=quiet or not err.is_terminal) as progress:
        task = progress.add_task(label, total=total)

        def advance(steps: int = 1, what: str = "") -> None:
            progress.update(task, advance=steps, description=f"{label} {what}".strip())

        yield advance


@contextmanager
def stages(label: str, quiet: bool, language: str = "en") -> Iterator[Callable[[str], None]]:
    """Yields tell(what): what is being done now, in a bar where a person watches; elsewhere a line with the seconds since the start.

    The folds of one stage share a line.
    """
    began, last = time.monotonic(), ""
    with bar(label, None, quiet) as advance:

        def tell(what: str) -> None:
            nonlocal last
            stage = what.partition(", fold")[0]
            if stage != last and not quiet and not err.is_terminal:
                err.print(escape(f"{time.monotonic() - began:6.1f} s  {translated(stage, language)}"))
            last = stage
            advance(1, escape(translated(what, language)))

        yield tell
