"""The commands by name, each imported when it is asked for: help, the version and a misspelt command need nothing heavy."""

from collections.abc import Iterable
from importlib import import_module
from importlib.metadata import version
from typing import Annotated, Any

import typer

from ornstein.cli import show
from ornstein.cli.help import App, Group
from ornstein.cli.words import Words

COMMANDS = {
    "fit": "fit",
    "sample": "sample",
    "score": "score",
    "compare": "compare",
    "check": "check",
    "impute": "impute",
    "forecast": "forecast",
    "spectrum": "spectrum",
    "bench": "bench",
    "export": "export",
    "report": "pages",
    "tour": "pages",
    "lab": "lab",
    "demo": "pages",
}
"""Command -> the module of ``ornstein.cli`` that registers it; its summary is the word of its name."""


class Commands(Group):
    """The top of the tree."""

    def list_commands(self, ctx: Any) -> list[str]:
        """The names, in the order of the help."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of that name, imported now."""
        self.known(cmd_name, COMMANDS)
        app = App()
        import_module(f"ornstein.cli.{COMMANDS[cmd_name]}").register(app, ctx.find_root().obj)
        return typer.main.get_group(app).commands[cmd_name]

    def summaries(self, ctx: Any) -> Iterable[tuple[str, str]]:
        """Name and help of each command, without importing any."""
        words: Words = ctx.find_root().obj
        return [(name, words(name)) for name in COMMANDS]


def build(words: Words) -> typer.Typer:
    """The command tree with its help in one language."""
    app = App(cls=Commands, help=words("app"), no_args_is_help=True)

    @app.callback()
    def top(
        lang: Annotated[str, typer.Option("--lang", help=words("lang"))] = words.written,
        show_version: Annotated[bool, typer.Option("--version", help=words("version"), is_eager=True, callback=_version)] = False,
    ) -> None:
        pass

    return app


def _version(wanted: bool) -> None:
    if wanted:
        show.line(version("ornstein"))
        raise typer.Exit
