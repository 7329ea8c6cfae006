"""The command that looks at eigenvalues: spectrum."""

from pathlib import Path
from typing import Annotated, Any

import typer

from ornstein.cli import show
from ornstein.cli.common import example, options, taking
from ornstein.cli.progress import counting
from ornstein.cli.reading import read_as_told, reading_parameters
from ornstein.cli.words import Words
from ornstein.common.errors import unknown_name
from ornstein.common.files import refuse_existing, write_bytes

SUFFIXES = (".html", ".svg", ".png")


def register(app: typer.Typer, words: Words) -> None:
    """Add the command, with help from ``words``."""
    option = options(words)

    @app.command(help=words("spectrum"), epilog=example(words, "ornstein spectrum days.csv -o spectrum.html"))
    @taking(reading_parameters(words, "labels"))
    def spectrum(
        path: Annotated[Path, typer.Argument(help=words("data"))],
        output: Annotated[Path | None, option(("--output", "-o"), "spectrum-output")] = None,
        top: Annotated[int, option("--top", "spectrum-top")] = 10,
        standardize: Annotated[str, option("--standardize", "standardize")] = "channel",
        false_alarm: Annotated[float, option("--false-alarm", "false-alarm")] = 0.05,
        force: Annotated[bool, option("--force", "force")] = False,
        as_json: Annotated[bool, option("--json", "json")] = False,
        **reading: Any,
    ) -> None:
        from ornstein.cli import spectrum_shown as shown
        from ornstein.common.checks import count
        from ornstein.metrics import sample_spectrum

        count(top, "--top")
        if output is not None:
            if output.suffix.lower() not in SUFFIXES:
                raise unknown_name(f"the suffix of {output.name}", output.suffix.lower(), SUFFIXES)
            refuse_existing(output, force)
        window, hop = reading["read_window"], reading["read_hop"]
        x = read_as_told(path, reading, words, as_json)
        overlap = window is not None and hop is not None and hop < window
        unit = x.units[0] if standardize == "none" and len(set(x.units)) == 1 else "SD" if standardize != "none" else ""
        with counting(words("working"), None, as_json):
            found = sample_spectrum(x, standardize=standardize, overlap=overlap, false_alarm=false_alarm)
            if output is not None:
                write_bytes(output, shown.drawn(found, output.suffix.lower(), path.name, unit, words, top), force=force)
        if as_json:
            show.machine(shown.numbers(found, x.shape, standardize) | {"output": output})
            return
        lines = shown.lines_of(found, unit, words)
        show.table(words("spectrum-title"), shown.head(words), shown.table_rows(found, top, words))
        for line in lines:
            show.line(line)
        if output is not None:
            show.line(words("wrote").format(path=output.resolve()))
