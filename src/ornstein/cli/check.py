"""The command that tries the posteriors of a model: check."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import ornstein as orn
from ornstein.cli import show
from ornstein.cli.common import example, options, taking
from ornstein.cli.progress import counting
from ornstein.cli.reading import read_as_told, reading_parameters
from ornstein.cli.simulations import of_signals
from ornstein.cli.words import Words
from ornstein.common.errors import InputError, unknown_name

if TYPE_CHECKING:
    from ornstein.measurements import Measurement

SAID = 0.9
"""The band that the verdict speaks of."""

KINDS = ("average", "every", "blur", "first", "hide")


def register(app: typer.Typer, words: Words) -> None:
    """Add the command, with help from ``words``."""
    option = options(words)

    @app.command(help=words("check"), epilog=example(words, "ornstein check days.model --measure average:4 --noise 0.1"))
    @taking(reading_parameters(words, "labels"))
    def check(
        path: Annotated[Path, typer.Argument(help=words("model-folder"))],
        signals: Annotated[Path | None, typer.Argument(help=words("check-data"))] = None,
        measure: Annotated[str, option("--measure", "check-measure")] = "hide:0.25",
        noise: Annotated[float, option("--noise", "check-noise")] = 0.0,
        cases: Annotated[int, option("--cases", "check-cases")] = 200,
        draws: Annotated[int, option("--draws", "check-draws")] = 99,
        level: Annotated[float, option("--level", "check-level")] = 0.01,
        seed: Annotated[int, option("--seed", "seed")] = 0,
        as_json: Annotated[bool, option("--json", "json")] = False,
        **reading: Any,
    ) -> None:
        from ornstein.metrics import check as checked

        model = of_signals(path)
        measurement = measured(measure, model.event_shape[-1])
        x = None if signals is None else model.signals_of(read_as_told(signals, reading, words, as_json))
        with counting(words("checking"), None, as_json):
            found = checked(model, measurement, noise, x=x, cases=cases, draws=draws, level=level, close=True, seed=seed)
        result, close = found.result, found.close
        if as_json:
            show.machine(
                {
                    "verdict": found.verdict,
                    "p_value": result.p_value,
                    "level": result.level,
                    "cases": found.cases,
                    "coverage": {f"{c.level:g}": c.value for c in result.coverage},
                    "tests": {"shift": result.shift, "spread": result.spread.p_value, "regions": result.regions},
                    "crps": result.crps,
                    "energy_score": result.energy,
                    "interval_score": result.interval,
                    "c2st": None if close is None else close.c2st,
                    "stein": None if close is None or close.stein is None else close.stein._asdict(),
                    "effective": found.effective,
                }
            )
            return
        at = next(c for c in result.coverage if c.level == SAID)
        spoken = {"share": f"{100 * at.value:.0f} %", "cases": found.cases, "p": f"{result.p_value:.2g}"}
        show.line(words(f"check-{found.verdict}".replace(" ", "-")).format(**spoken))
        rows = [(f"{100 * c.level:g} %", f"{100 * c.value:.1f} % ± {100 * c.error:.1f}") for c in result.coverage]
        show.table(words("check-title"), [words("check-band"), words("check-held")], rows)
        show.line(words("check-scores").format(crps=result.crps, energy=result.energy, interval=result.interval))
        if close is not None:
            show.line(words("check-c2st" if close.stein is None else "check-stein").format(c2st=close.c2st or 0.5, p=close.p_value))


def measured(told: str, length: int) -> "Measurement":
    """The measurement of a word such as "average:4". Raises ``InputError`` for other words."""
    import torch  # help needs nothing heavy

    from ornstein.common import checks

    kind, _, amount = told.partition(":")
    if kind not in KINDS:
        raise unknown_name("--measure", kind, KINDS)
    try:
        number = float(amount)
    except ValueError:
        raise InputError(f"--measure is {told!r}, but must be a name and a number, such as average:4 or hide:0.25") from None
    at = torch.arange(length)
    if kind == "hide":
        if not 0 < number < 1:
            raise InputError(f"--measure is {told!r}, but the share that is hidden must lie between 0 and 1")
        width = max(1, round(number * length))
        begin = (length - width) // 2
        return orn.Mask((at < begin) | (at >= begin + width))
    count = checks.count(int(number) if number == int(number) else number, "--measure", at_most=length)
    if kind == "first":
        return orn.Mask(at < count)
    if kind == "blur":
        return orn.Blur(torch.full((count,), 1 / count, dtype=torch.float64))
    return orn.Average(count) if kind == "average" else orn.Downsample(count)
