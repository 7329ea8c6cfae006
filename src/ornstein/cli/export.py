"""The command that writes a network as a program: export."""

from pathlib import Path
from typing import Annotated

import typer

import ornstein as orn
from ornstein.cli import show
from ornstein.cli.common import example, options
from ornstein.cli.progress import counting
from ornstein.cli.simulations import of_signals
from ornstein.cli.words import Words
from ornstein.common.files import refuse_existing


def register(app: typer.Typer, words: Words) -> None:
    """Add the command, with help from ``words``."""
    option = options(words)

    @app.command(help=words("export"), epilog=example(words, "ornstein export net.model -o net.pt2"))
    def export(
        path: Annotated[Path, typer.Argument(help=words("model-folder"))],
        output: Annotated[Path, option(("--output", "-o"), "export-output")],
        force: Annotated[bool, option("--force", "force")] = False,
        as_json: Annotated[bool, option("--json", "json")] = False,
    ) -> None:
        refuse_existing(output, force)
        with counting(words("export"), None, as_json):
            model = of_signals(path)
            orn.export(model, output, force=force)
        if as_json:
            show.machine({"shape": list(model.event_shape), "output": output})
        else:
            show.line(words("exported").format(shape=model.event_shape, path=output))
