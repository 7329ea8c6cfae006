"""The commands that measure: bench samplers, bench gaps."""

import math
from pathlib import Path
from typing import Annotated, Any

import typer

from ornstein.cli import bench_gaps, show
from ornstein.cli.common import example, options, taking
from ornstein.cli.help import App
from ornstein.cli.progress import counting
from ornstein.cli.reading import read_as_told, reading_parameters
from ornstein.cli.words import Words
from ornstein.common.errors import unknown_name
from ornstein.common.files import refuse_existing, write_bytes
from ornstein.common.sentences import translated

SUFFIXES = (".svg", ".png")


def register(app: typer.Typer, words: Words) -> None:
    """Add the commands, with help from ``words``."""
    option = options(words)
    shown = example(words, "ornstein bench samplers days.csv --steps 5,10,20 -o samplers.svg")
    bench = App(help=words("bench"), epilog=shown, no_args_is_help=True)
    app.add_typer(bench, name="bench")

    @bench.callback()
    def top() -> None:
        pass

    bench_gaps.register(bench, words)

    @bench.command(help=words("bench-samplers"), epilog=shown)
    @taking(reading_parameters(words, "labels"))
    def samplers(
        path: Annotated[Path | None, typer.Argument(help=words("bench-data"))] = None,
        output: Annotated[Path | None, option(("--output", "-o"), "bench-output")] = None,
        sampler: Annotated[str | None, option("--sampler", "bench-sampler")] = None,
        steps: Annotated[str, option("--steps", "bench-steps")] = "5,10,20,50",
        schedule: Annotated[str, option("--schedule", "schedule")] = "vp",
        grid: Annotated[str, option("--grid", "bench-grid")] = "own",
        law: Annotated[str, option("--law", "bench-law")] = "ornstein-uhlenbeck",
        structure: Annotated[str | None, option("--structure", "structure")] = None,
        standardize: Annotated[str, option("--standardize", "standardize")] = "channel",
        force: Annotated[bool, option("--force", "force")] = False,
        as_json: Annotated[bool, option("--json", "json")] = False,
        **reading: Any,
    ) -> None:
        from ornstein.cli import bench_runs as found
        from ornstein.model.methods import look_up

        names, numbers = found.samplers_named(sampler), found.step_numbers(steps)
        plan, built_in = found.plan_named(schedule, grid), look_up("--law", law, found.LAWS)
        if output is not None:
            if output.suffix.lower() not in SUFFIXES:
                raise unknown_name(f"the suffix of {output.name}", output.suffix.lower(), SUFFIXES)
            refuse_existing(output, force)
        gaussian = found.gaussian_of(path, built_in, lambda file: read_as_told(file, reading, words, as_json), structure, standardize)
        with counting(words("working"), len(names), as_json) as advance:
            runs, skipped = found.measure(names, numbers, plan, grid, gaussian, advance)
        if output is not None:
            write_bytes(output, found.drawn(runs, output.suffix.lower(), "SD²" if path is not None else ""), force=force)
        size, rank = gaussian.covariance().size, gaussian.covariance().rank()
        if as_json:
            described = {"size": size, "rank": rank, "schedule": schedule, "grid": grid}
            show.machine({**described, "runs": [found.numbers(run) for run in runs], "skipped": skipped, "output": output})
            return
        show.table(words("bench-title"), words("bench-columns").split(","), [found.row(run) for run in runs])
        deviation = math.sqrt(float(gaussian.covariance().trace()))
        show.line(words("bench-law-line").format(size=size, rank=rank, deviation=deviation, schedule=schedule, grid=grid))
        show.line(words("bench-reading"))
        for name, reason in skipped.items():
            show.line(words("bench-skipped").format(sampler=name, reason=translated(reason, words.spoken)))
        if output is not None:
            show.line(words("wrote").format(path=output.resolve()))
