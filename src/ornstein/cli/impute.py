"""The command that fills gaps: impute."""

from pathlib import Path
from typing import Annotated, Any

import typer

import ornstein as orn
from ornstein.cli import show
from ornstein.cli.bands import bands_of
from ornstein.cli.common import example, options, taking
from ornstein.cli.progress import counting
from ornstein.cli.reading import read_as_told, reading_parameters
from ornstein.cli.shards import over_shards
from ornstein.cli.words import Words
from ornstein.common.errors import InputError
from ornstein.common.files import refuse_existing


def register(app: typer.Typer, words: Words) -> None:
    """Add the command, with help from ``words``."""
    option = options(words)

    @app.command(help=words("impute"), epilog=example(words, "ornstein impute days.model gaps.csv -o filled.csv --bands bands.csv"))
    @taking(reading_parameters(words, "labels"))
    def impute(
        path: Annotated[Path, typer.Argument(help=words("model-folder"))],
        signals: Annotated[Path, typer.Argument(help=words("data"))],
        output: Annotated[Path, option(("--output", "-o"), "impute-output")],
        draws: Annotated[int, option("--draws", "draws")] = 100,
        bands: Annotated[Path | None, option("--bands", "bands")] = None,
        level: Annotated[float, option("--level", "level")] = 0.9,
        seed: Annotated[int, option("--seed", "seed")] = 0,
        shards: Annotated[bool, option("--shards", "shards")] = False,
        workers: Annotated[int, option("--workers", "workers")] = 1,
        force: Annotated[bool, option("--force", "force")] = False,
        as_json: Annotated[bool, option("--json", "json")] = False,
        **reading: Any,
    ) -> None:
        if not 0 < level < 1:
            raise InputError(f"--level is {level:g}, but must lie between 0 and 1, such as 0.9")
        if shards:
            over_shards(
                orn.Imputer(path, levels=(0.5 - level / 2, 0.5 + level / 2), seed=seed), signals, output, workers, reading, words, as_json
            )
            return
        for target in filter(None, (output, bands)):
            refuse_existing(target, force)
        model = orn.load(path)
        if bands is not None and isinstance(model, orn.SymbolModel):
            raise InputError(f"--bands is {bands}, but symbols have no order and so no bands: leave it out")
        x = read_as_told(signals, reading, words, as_json)
        longer = x.shape[2] > model.event_shape[-1]
        levels = (0.5,) if bands is None else (0.5, 0.5 - level / 2, 0.5 + level / 2)
        with counting(words("imputing"), x.shape[0] * (x.shape[2] if longer else 1), as_json) as advance:
            if isinstance(model, orn.SymbolModel):
                found = model.impute(x, draws, seed=seed, progress=lambda n: advance(n, "")).mode(0).values.unsqueeze(0)
            else:
                found = model.quantiles(x, levels, draws=draws, seed=seed, progress=lambda n: advance(n, ""))
        gaps = int(x.values.isnan().sum())
        orn.write(output, model.signals(found[0], x), force=force)
        if bands is not None:
            orn.write(bands, bands_of(model, x, found[1:], levels[1:]), force=force)
        if as_json:
            show.machine({"cases": len(x), "missing": gaps, "draws": draws, "output": output, "bands": bands, "level": level})
            return
        text = words("imputed") if gaps else words("nothing-missing")
        show.line(text.format(gaps=gaps, cases=len(x), path=output if gaps else signals, output=output))
        if bands is not None:
            show.line(words("banded").format(level=level, path=bands))
