"""Commands that write something to look at: report, tour, demo."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ornstein.cli import show
from ornstein.cli.common import example, options, taking
from ornstein.cli.reading import overlap_told, read_as_told, reading_parameters
from ornstein.cli.simulations import of_signals
from ornstein.cli.words import Words
from ornstein.common.errors import InputError, unknown_name
from ornstein.common.files import refuse_existing

if TYPE_CHECKING:
    from torch import Tensor

    from ornstein import Signals


def register(app: typer.Typer, words: Words) -> None:
    """Add the commands, with help from ``words``."""
    option, language = options(words), words.written

    @app.command(help=words("report"), epilog=example(words, "ornstein report days.csv -o report.html"))
    @taking(reading_parameters(words, "labels"))
    def report(
        path: Annotated[Path, typer.Argument(help=words("data"))],
        output: Annotated[Path, option(("--output", "-o"), "report-output")] = Path("report.html"),
        model: Annotated[str, option("--model", "report-model")] = "gaussian",
        structure: Annotated[str | None, option("--structure", "structure")] = None,
        minutes: Annotated[float | None, option("--minutes", "minutes")] = None,
        fitted: Annotated[Path | None, option("--fitted", "compare-fitted")] = None,
        by: Annotated[list[Path] | None, option("--by", "report-by")] = None,
        image: Annotated[bool, option("--image", "image")] = False,
        seed: Annotated[int, option("--seed", "seed")] = 0,
        force: Annotated[bool, option("--force", "force")] = False,
        as_json: Annotated[bool, option("--json", "json")] = False,
        **reading: Any,
    ) -> None:
        from ornstein.report import write_report, write_scored

        refuse_existing(output, force)
        if by:
            models = {folder.name: of_signals(folder) for folder in by}
            overlap = overlap_told(reading)
            x, *train = [read_as_told(p, dict(reading), words, as_json) for p in (path, *filter(None, [fitted]))]
            with show.stages(words("working"), as_json, words.spoken):
                written = write_scored(
                    output,
                    models,
                    x,
                    train=train[0] if train else None,
                    overlap=overlap,
                    seed=seed,
                    language=language,
                    title=path.name,
                    force=force,
                )
            _done([written], words, as_json)
            return
        if fitted is not None:
            raise InputError(f"--fitted is {fitted}, but it belongs to --by, which shows saved models: leave it out")
        overlap = overlap_told(reading)
        x = read_as_told(path, reading, words, as_json)
        with show.stages(words("working"), as_json, words.spoken) as tell:
            written = write_report(
                output,
                x,
                model=model,
                structure=structure,
                seed=seed,
                language=language,
                title=path.name,
                overlap=overlap,
                minutes=minutes,
                images=image,
                force=force,
                progress=tell,
            )
        _done([written], words, as_json)

    @app.command(help=words("tour"), epilog=example(words, "ornstein tour curve.csv -o tour.html"))
    @taking(reading_parameters(words, "labels"))
    def tour(
        curve: Annotated[Path | None, typer.Argument(help=words("curve"))] = None,
        case: Annotated[int | None, option("--case", "tour-case")] = None,
        channel: Annotated[str | None, option("--channel", "tour-channel")] = None,
        output: Annotated[Path, option(("--output", "-o"), "tour-output")] = Path("tour.html"),
        seed: Annotated[int, option("--seed", "seed")] = 0,
        force: Annotated[bool, option("--force", "force")] = False,
        as_json: Annotated[bool, option("--json", "json")] = False,
        **reading: Any,
    ) -> None:
        from ornstein.tour import write_tour

        refuse_existing(output, force)
        values = None if curve is None else _one_curve(read_as_told(curve, reading, words, as_json), curve, case, channel)
        with show.stages(words("working"), as_json, words.spoken) as tell:

            def told(stage: str, share: float) -> None:
                tell(words(f"tour-{stage}") + (f" {100 * share:.0f} %" if share else ""))

            written = write_tour(output, values, seed=seed, language=language, force=force, progress=told)
        _done([written], words, as_json)

    @app.command(help=words("demo"), epilog=example(words, "ornstein demo -o demo"))
    def demo(
        output: Annotated[Path, option(("--output", "-o"), "demo-output")] = Path("demo"),
        seed: Annotated[int, option("--seed", "seed")] = 0,
        force: Annotated[bool, option("--force", "force")] = False,
        as_json: Annotated[bool, option("--json", "json")] = False,
    ) -> None:
        from ornstein.demo import run_demo

        with show.stages(words("working"), as_json, words.spoken) as tell:
            written = run_demo(output, seed=seed, language=language, force=force, progress=tell)
        _done(written, words, as_json)


def _one_curve(x: "Signals", path: Path, case: int | None, channel: str | None) -> "Tensor":
    """The chosen case and channel of the signals of a file, (time,)."""
    x = x if case is None else x[case]
    if channel is not None:
        if channel not in x.channels:
            raise unknown_name("--channel", channel, x.channels)
        place = x.channels.index(channel)
        x = replace(x, values=x.values[:, place : place + 1], channels=(channel,), units=x.units[place : place + 1])
    if len(x) > 1:
        raise InputError(f"{path} holds {len(x)} signals, but the tour takes one curve: choose it with --case, 0 to {len(x) - 1}")
    if x.shape[1] > 1:
        raise InputError(
            f"{path} has {x.shape[1]} channels, but the tour takes one curve: choose it with --channel, such as --channel {x.channels[0]!r}"
        )
    return x.values[0, 0]


def _done(paths: list[Path], words: Words, as_json: bool) -> None:
    if as_json:
        show.machine({"written": [p.resolve() for p in paths]})
        return
    for path in paths:
        if path.suffix == ".html":
            show.line(words("wrote").format(path=path.resolve()))
