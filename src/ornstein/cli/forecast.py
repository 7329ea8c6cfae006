"""The command that looks ahead: forecast."""

from pathlib import Path
from typing import Annotated, Any

import typer

import ornstein as orn
from ornstein.cli import show
from ornstein.cli.bands import bands_of
from ornstein.cli.common import example, options, taking
from ornstein.cli.errors import error_heads, errors_row
from ornstein.cli.progress import counting
from ornstein.cli.reading import read_as_told, reading_parameters
from ornstein.cli.simulations import of_signals
from ornstein.cli.words import Words
from ornstein.common.errors import InputError
from ornstein.common.files import refuse_existing
from ornstein.common.sentences import translated


def register(app: typer.Typer, words: Words) -> None:
    """Add the command, with help from ``words``."""
    option = options(words)

    @app.command(help=words("forecast"), epilog=example(words, "ornstein forecast hours.model history.csv --horizon 24 -o next.csv"))
    @taking(reading_parameters(words, "labels"))
    def forecast(
        path: Annotated[Path, typer.Argument(help=words("model-folder"))],
        signals: Annotated[Path, typer.Argument(help=words("history"))],
        horizon: Annotated[int, option("--horizon", "horizon")],
        output: Annotated[Path | None, option(("--output", "-o"), "forecast-output")] = None,
        bands: Annotated[Path | None, option("--bands", "bands")] = None,
        paths: Annotated[Path | None, option("--paths", "paths")] = None,
        level: Annotated[float, option("--level", "level")] = 0.9,
        draws: Annotated[int, option("--draws", "draws")] = 100,
        free: Annotated[str, option("--free", "free")] = "auto",
        local_scale: Annotated[str, option("--local-scale", "local-scale")] = "auto",
        backtest: Annotated[bool, option("--backtest", "backtest")] = False,
        season: Annotated[int | None, option("--season", "season")] = None,
        seed: Annotated[int, option("--seed", "seed")] = 0,
        force: Annotated[bool, option("--force", "force")] = False,
        as_json: Annotated[bool, option("--json", "json")] = False,
        **reading: Any,
    ) -> None:
        if output is None and not backtest:
            raise InputError("neither an output nor a backtest is asked for: give -o for a file, --backtest for a table, or both")
        for target in filter(None, (output, bands, paths)):
            refuse_existing(target, force)
        if not 0 < level < 1:
            raise InputError(f"--level is {level:g}, but must lie between 0 and 1, such as 0.9")
        from ornstein.metrics import backtest as measured

        model = of_signals(path)
        x = read_as_told(signals, reading, words, as_json)
        told: dict[str, Any] = {"horizon": horizon}
        how: dict[str, Any] = {"free": free, "local_scale": local_scale, "seed": seed}
        with counting(words("forecasting"), None, as_json):
            found = model.forecast(x, horizon, draws, **how) if output is not None else None
            tested = measured(model, x, horizon, season=season, **how) if backtest else None
        if found is not None and output is not None:
            low, middle, high = found.quantiles((0.5 - level / 2, 0.5, 0.5 + level / 2))
            orn.write(output, model.signals(middle, x), force=force)
            if bands is not None:
                orn.write(bands, bands_of(model, x, (low, high), (0.5 - level / 2, 0.5 + level / 2)), force=force)
            if paths is not None:
                orn.write(paths, model.signals(found.paths.flatten(0, 1), x), force=force)
            told |= {"free": found.free, "why": found.why} | _scale(found.local_scale, found.why_scale)
            told |= {"output": output, "bands": bands, "paths": paths}
        if as_json:
            table = None if tested is None else {name: vars(e) for name, e in tested.errors.items()}
            show.machine({**told, "backtest": table})
            return
        if found is not None:
            show.line(translated(found.why, words.spoken))
            show.line(translated(found.why_scale, words.spoken))
            show.line(words("forecast-written").format(horizon=horizon, path=output))
        if tested is not None:
            rows = [(words(f"way-{name}"), *errors_row(errors)) for name, errors in tested.errors.items()]
            show.table(words("backtest-title").format(origins=tested.origins), [words("way"), *error_heads(words)], rows)


def _scale(scale: "orn.LocalScale | None", why: str) -> dict[str, Any]:
    """What a machine reads of a local scale."""
    return {"local_scale": None if scale is None else {"half_life": scale.half_life, "power": scale.power}, "why_scale": why}
