"""Help in one language, at any width: names of options are folded, never cut, and titles and defaults are words like all others."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

from rich.cells import cell_len
from rich.markup import escape
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from typer import Context, Typer
from typer.core import TyperCommand, TyperGroup

from ornstein.cli.show import out
from ornstein.common.errors import unknown_name

if TYPE_CHECKING:
    from ornstein.cli.words import Words

F = TypeVar("F", bound=Callable[..., Any])
_NAMES = 0.45
"""Share of the width that names may take before they are folded."""
_KINDS = {"path": "help-path", "str": "help-text", "int": "help-whole", "float": "help-number"}
"""What the parser calls the sorts of values, and the key of the word for each."""
_FRAME = 4
"""Cells of the two borders of a panel and of the blanks inside them."""
_GAP = 2
_WIDE = "\u2e80-\u9fff\uff00-\uffef"
_OPEN, _CLOSE = "（《「『【", "，。、；：？！）》」』】"
_PIECES = re.compile(rf"\[[^\]]*\]\s*|[{_OPEN}]*(?:[{_WIDE}]|[^\s{_WIDE}]+\s*)[{_CLOSE}]*\s*|\s+|.")
"""What a line may be broken behind: a remark in brackets, or a Chinese letter or a word with the marks that open and close it."""


class Command(TyperCommand):
    """A command whose help is in the language of the context's words."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Print the help; the parser asks for it by this name."""
        _print_help(self, ctx, ())


class Group(TyperGroup):
    """A command that holds commands."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Print the help; the parser asks for it by this name."""
        _print_help(self, ctx, self.summaries(ctx))

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of that name."""
        self.known(cmd_name, self.commands)
        return self.commands[cmd_name]

    @staticmethod
    def known(name: str, names: Iterable[str]) -> None:
        """Raise ``InputError`` for a command that does not exist, naming the nearest."""
        if name not in names:
            raise unknown_name("command", name, names)

    def summaries(self, ctx: Any) -> Iterable[tuple[str, str]]:
        """Name and help of each command."""
        return [(name, command.help or "") for name, command in self.commands.items()]


class App(Typer):
    """A ``Typer`` whose commands and groups are those above."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**{"cls": Group, "add_completion": False, "pretty_exceptions_enable": False, **settings})

    def command(self, name: str | None = None, **settings: Any) -> Callable[[F], F]:
        """Register a command."""
        return super().command(name, **{"cls": Command, **settings})


def _print_help(command: Any, ctx: Context, commands: Iterable[tuple[str, str]]) -> None:
    words: Words = ctx.find_root().obj
    pieces = " ".join(command.collect_usage_pieces(ctx))
    for metavar, key in (("[OPTIONS]", "help-some-options"), ("COMMAND [ARGS]...", "help-a-command")):
        pieces = pieces.replace(metavar, words(key))
    _print_text(f"{words('help-usage')}{ctx.command_path} {pieces}", "bold")
    _print_text(command.help or "")
    parameters = [p for p in command.get_params(ctx) if not getattr(p, "hidden", False)]
    panels: dict[str, list[tuple[str, str]]] = {words("help-arguments"): [], words("help-options"): []}
    for p in parameters:
        title = getattr(p, "rich_help_panel", None) or words(f"help-{p.param_type_name}s")
        panels.setdefault(title, []).append(_row(p, ctx, words))
    for title, rows in panels.items():
        _print_panel(title, rows)
    _print_panel(words("help-commands"), list(commands))
    if command.epilog:
        _print_text(command.epilog)


def _row(parameter: Any, ctx: Context, words: Words) -> tuple[str, str]:
    """Names with the type of the value, and the help with default or need."""
    names = parameter.get_help_record(ctx)[0]
    names = re.sub(r"<(\w+)>", lambda kind: f"<{words(_KINDS[kind[1]]) if kind[1] in _KINDS else kind[1]}>", names)
    parts = [words("help-help") if parameter.name == "help" else parameter.help or ""]
    if parameter.required:
        parts.append(words("help-required"))
    elif parameter.default is not None and not isinstance(parameter.default, bool):
        parts.append(words("help-default").format(parameter.default))
    return names, " ".join(parts)


def _print_panel(title: str, rows: list[tuple[str, str]]) -> None:
    if not rows:
        return
    inside = out.width - _FRAME
    left = min(max(cell_len(name) for name, _ in rows), max(int(_NAMES * inside), 1))
    grid = Table.grid(padding=(0, _GAP, 0, 0))
    grid.add_column(overflow="fold", width=left, style="cyan")
    grid.add_column(overflow="fold")
    for name, text in rows:
        grid.add_row(escape(name), escape(wrapped(text, inside - left - _GAP)))
    panel = Panel(grid, title=f"[bold]{escape(title)}[/]", title_align="left", border_style="dim", width=out.width)
    out.print(panel, soft_wrap=False)


def _print_text(text: str, style: str = "") -> None:
    """A paragraph with a blank line after it."""
    out.print(Padding(escape(wrapped(text, out.width - 2)), (0, 1, 1, 1)), style=style, soft_wrap=False)


def wrapped(text: str, width: int) -> str:
    """``text`` in lines of at most ``width`` cells: broken at blanks and between Chinese letters, never before a closing mark."""
    lines, line = [], ""
    for piece in _PIECES.findall(text):
        if line and cell_len(line + piece.rstrip()) > width:
            lines.append(line.rstrip())
            line = ""
        line += piece
    return "\n".join([*lines, line.rstrip()])
