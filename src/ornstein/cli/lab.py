"""The command that opens the lab."""

import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from ornstein.cli import show
from ornstein.cli.common import example, options
from ornstein.cli.words import Words
from ornstein.common.errors import InputError
from ornstein.common.sentences import translated


def register(app: typer.Typer, words: Words) -> None:
    """Add the command, with help from ``words``."""
    option = options(words)

    @app.command(help=words("lab"), epilog=example(words, "ornstein lab"))
    def lab(
        folder: Annotated[Path, option("--folder", "lab-folder")] = Path("ornstein-lab"),
        port: Annotated[int, option("--port", "lab-port")] = 0,
        host: Annotated[str, option("--host", "lab-host")] = "127.0.0.1",
        allow_remote: Annotated[bool, option("--allow-remote", "lab-allow-remote")] = False,
        token: Annotated[str | None, option("--token", "lab-token")] = None,
        browser: Annotated[bool, option("--browser/--no-browser", "lab-browser")] = True,
    ) -> None:
        try:
            from ornstein.lab.serve import serve
        except ModuleNotFoundError as missing:
            raise InputError(f"the lab needs {missing.name}: pip install 'ornstein[lab]'") from None

        def ready(address: str) -> None:
            opened = f"{address}&lang={words.written}"
            show.line(words("lab-ready").format(address=opened, folder=folder.resolve()))
            if browser:
                webbrowser.open(opened)

        serve(folder, host=host, port=port, remote=allow_remote, token=token, translate=translated, ready=ready)
