"""The command that fills gaps: impute."""

import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import ornstein as orn
from ornstein.cli import show
from ornstein.cli.bands import bands_of
from ornstein.cli.common import example, options, taking
from ornstein.cli.progress import counting
from ornstein.cli.reading import read_as_told, reading_parameters
from ornstein.cli.shards import over_shards, refuse_with_shards
from ornstein.cli.simulations import of_signals
from ornstein.cli.words import Words
from ornstein.common.errors import InputError
from ornstein.common.files import refuse_existing

if TYPE_CHECKING:
    from ornstein import Signals
    from ornstein.metrics import BandCheck

NONE = "–"
"""What stands in a table where there was no gap to look into."""


def register(app: typer.Typer, words: Words) -> None:
    """Add the command, with help from ``words``."""
    option = options(words)

    @app.command(help=words("impute"), epilog=example(words, "ornstein impute days.model gaps.csv -o filled.csv --bands bands.csv"))
    @taking(reading_parameters(words, "labels"))
    def impute(
        path: Annotated[Path, typer.Argument(help=words("model-folder"))],
        signals: Annotated[Path, typer.Argument(help=words("data"))],
        output: Annotated[Path | None, option(("--output", "-o"), "impute-output")] = None,
        draws: Annotated[int, option("--draws", "draws")] = 100,
        bands: Annotated[Path | None, option("--bands", "bands")] = None,
        level: Annotated[float, option("--level", "level")] = 0.9,
        check: Annotated[bool, option("--check", "check")] = False,
        correct: Annotated[bool, option("--correct", "correct")] = False,
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
            refuse_with_shards({"--bands": bands is not None, "--check": check, "--correct": correct})
            over_shards(
                orn.Imputer(path, levels=(0.5 - level / 2, 0.5 + level / 2), seed=seed), signals, output, workers, reading, words, as_json
            )
            return
        if check or correct:
            if beside := " and ".join(name for name, given in (("-o", output), ("--bands", bands)) if given is not None):
                raise InputError(
                    f"{beside} is given with --check or --correct, which write no signals: leave it out, or fill in a run of its own"
                )
            _check(path, read_as_told(signals, reading, words, as_json), correct, seed, as_json, words)
            return
        if output is None:
            raise InputError("no output is given: name a file with -o, or ask for a check of the bands with --check")
        for target in filter(None, (output, bands)):
            refuse_existing(target, force)
        model = of_signals(path)
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


def _check(path: Path, x: "Signals", correct: bool, seed: int, as_json: bool, words: Words) -> None:
    """Coverage in held-out gaps as a table, and the model with the correction in its place where that is asked for."""
    from ornstein.metrics import check_bands

    model = of_signals(path)
    with counting(words("checking"), None, as_json):
        found = check_bands(model, x, seed=seed)
    changed = correct and not found.holds
    if changed:
        replace(model, bands=found.stretch).save(path, force=True)
    if as_json:
        told = {name: getattr(found, name) for name in ("lengths", "coverage", "error", "corrected")}
        show.machine({**told, "saved": changed})
        return
    names = model.channels or tuple(f"ch{c}" for c in range(found.coverage.shape[1]))
    shares = [
        [f"{100 * v:.0f} ± {100 * e:.0f} %" if math.isfinite(v) else NONE for v, e in zip(*row, strict=True)] for row in _pairs(found)
    ]
    cells = [(name, str(length)) for name in names for length in found.lengths]
    rows = [(*cell, *share) for cell, share in zip(cells, shares, strict=True)]
    show.table(words("check-title"), [words(k) for k in ("channel", "gap-length", "head-50", "head-80", "head-90")], rows)
    if found.holds:
        show.line(words("bands-hold"))
    for c, name in enumerate(names):
        if c in found.broken:
            show.line(
                words("bands-corrected").format(
                    channel=name, held=" / ".join(f"{100 * v:.0f}" if math.isfinite(v) else NONE for v in found.corrected[c].tolist())
                )
            )
    if not found.holds:
        show.line(words("bands-saved" if changed else "bands-ask").format(path=path))


def _pairs(found: "BandCheck") -> list[tuple[list[float], list[float]]]:
    """(coverage, error) of every channel and length, in the order of the table."""
    return list(zip(found.coverage.transpose(0, 1).flatten(0, 1).tolist(), found.error.transpose(0, 1).flatten(0, 1).tolist(), strict=True))
