"""The command that measures samplers: bench samplers."""

import io
import math
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import torch
import typer
from torch import Tensor

import ornstein as orn
from ornstein import plots
from ornstein.cli import show
from ornstein.common.checks import count
from ornstein.common.errors import InputError, unknown_name
from ornstein.common.files import refuse_existing, write_bytes
from ornstein.covariance import Dense, Spectral, as_spectral
from ornstein.data.laws import cosines_covariance, ornstein_uhlenbeck_covariance
from ornstein.denoisers import Gaussian
from ornstein.model.methods import AWARE, GRIDS, SAMPLERS, SCHEDULES, SPECTRAL, grid_named, look_up
from ornstein.samplers import Sampler
from ornstein.samplers.certificate import Certificate
from ornstein.samplers.certify import certify
from ornstein.schedules import Grid, Schedule

Words = Callable[[str], str]

SUFFIXES = (".svg", ".png")
LAWS: dict[str, Callable[[], Tensor]] = {"cosines": cosines_covariance, "ornstein-uhlenbeck": ornstein_uhlenbeck_covariance}
_DPI = 150
_ROUNDING = 1e-10
"""Errors below this are those of float64, and shown as 0."""


class Run(NamedTuple):
    """A sampler, a number of steps, and what came of them."""

    sampler: str
    steps: int
    found: Certificate


def register(app: typer.Typer, words: Words) -> None:
    """Add the commands, with help from ``words``."""

    def option(names: str | tuple[str, ...], key: str) -> Any:
        return typer.Option(*([names] if isinstance(names, str) else names), help=words(key))

    example = f"{words('example')}: ornstein bench samplers days.csv --steps 5,10,20 -o samplers.svg"
    bench = typer.Typer(help=words("bench"), epilog=example, no_args_is_help=True)
    app.add_typer(bench, name="bench")

    @bench.callback()
    def top() -> None:
        pass

    @bench.command(help=words("bench-samplers"), epilog=example)
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
        orient: Annotated[str, option("--orient", "orient")] = "auto",
        window: Annotated[int | None, option("--window", "window")] = None,
        hop: Annotated[int | None, option("--hop", "hop")] = None,
        rate: Annotated[float | None, option("--rate", "rate")] = None,
        key: Annotated[str | None, option("--key", "key")] = None,
        force: Annotated[bool, option("--force", "force")] = False,
        as_json: Annotated[bool, option("--json", "json")] = False,
    ) -> None:
        chosen = [*SAMPLERS, *AWARE] if sampler is None else _chosen(sampler)
        numbers = sorted({_whole(number) for number in steps.split(",")})
        plan, built_in = look_up("--schedule", schedule, SCHEDULES)(), look_up("--law", law, LAWS)
        if grid not in (*GRIDS, SPECTRAL):
            raise unknown_name("--grid", grid, (*GRIDS, SPECTRAL))
        if output is not None:
            if output.suffix.lower() not in SUFFIXES:
                raise unknown_name(f"the suffix of {output.name}", output.suffix.lower(), SUFFIXES)
            refuse_existing(output, force)
        reading = {"orient": orient, "window": window, "hop": hop, "rate": rate, "key": key}
        gaussian = _centred(Dense(built_in())) if path is None else _matched(path, reading, structure, standardize)
        covariance = as_spectral(gaussian.covariance())
        methods = {name: AWARE[name](gaussian) if name in AWARE else SAMPLERS[name] for name in chosen}
        grids = {name: [grid_named(grid, plan, n, method, lambda: covariance) for n in numbers] for name, method in methods.items()}
        runs: list[Run] = []
        skipped: dict[str, str] = {}
        with show.bar(words("working"), len(chosen), as_json) as advance:
            for name in chosen:
                try:
                    runs += _measured(name, methods[name], numbers, grids[name], plan, covariance, gaussian.mean())
                except InputError as problem:
                    skipped[name] = str(problem)
                advance(1, name)
        if not runs:
            raise InputError(next(iter(skipped.values())))
        if output is not None:
            write_bytes(output, _drawn(runs, output.suffix.lower(), "SD²" if path is not None else ""), force=force)
        if as_json:
            described = {"size": covariance.size, "rank": covariance.rank(), "schedule": schedule, "grid": grid}
            show.machine({**described, "runs": [_numbers(run) for run in runs], "skipped": skipped, "output": output})
            return
        show.table(words("bench-title"), words("bench-columns").split(","), [_row(run) for run in runs])
        size, rank, deviation = covariance.size, covariance.rank(), math.sqrt(float(covariance.trace()))
        show.line(words("bench-law-line").format(size=size, rank=rank, deviation=deviation, schedule=schedule, grid=grid))
        show.line(words("bench-reading"))
        for name, reason in skipped.items():
            show.line(words("bench-skipped").format(sampler=name, reason=reason))
        if output is not None:
            show.line(words("wrote").format(path=output.resolve()))


def _measured(
    name: str, method: Sampler, numbers: list[int], grids: list[Grid], schedule: Schedule, covariance: Spectral, mean: Tensor
) -> list[Run]:
    with warnings.catch_warnings():
        # fewer steps than a method looks back to are part of what is measured
        warnings.filterwarnings("ignore", message=".*steps leave no.*")
        pairs = zip(numbers, grids, strict=True)
        return [Run(name, steps, certify(method, grid, schedule, covariance, mean)) for steps, grid in pairs]


def _centred(covariance: Spectral) -> Gaussian:
    return Gaussian(torch.zeros(covariance.size), covariance)


def _matched(path: Path, reading: dict[str, Any], structure: str | None, standardize: str) -> Gaussian:
    """The Gaussian with mean and covariance of a model, or fitted to data, in standardised coordinates, where samplers run."""
    if path.is_dir():
        model = orn.load(path)
    else:
        model = orn.fit(orn.read(path, **reading), "gaussian", structure=structure, standardize=standardize, folds=0)
    law = model.moments
    if law.batch_shape:
        raise InputError(f"{path} holds one law per case, but a certificate is of one: save a single posterior")
    return Gaussian(law.mean(), as_spectral(law.covariance()))


def _chosen(given: str) -> list[str]:
    """The samplers of a list with commas, each once."""
    names = list(dict.fromkeys(name.strip() for name in given.split(",")))
    for name in names:
        look_up("--sampler", name, {**SAMPLERS, **AWARE})
    return names


def _whole(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        raise InputError(f"--steps holds {text!r}, but must be whole numbers of at least 1 with commas between, such as 5,10,20") from None
    return count(number, "--steps")


def _row(run: Run) -> tuple[str, ...]:
    found, worst = run.found, int(run.found.worst()[0])
    w2 = "0" if found.relative_w2 < _ROUNDING else f"{100 * found.relative_w2:.3g} %"
    mean = "0" if found.mean_error < _ROUNDING else f"{found.mean_error:.2g}"
    off = "–" if w2 == "0" else f"{float(found.eigenvalues[worst]):.3g}: {100 * (float(found.ratio[worst]) - 1):+.1f} %"
    return run.sampler, str(run.steps), str(found.calls), w2, mean, off


def _numbers(run: Run) -> dict[str, object]:
    found, worst = run.found, int(run.found.worst()[0])
    return {
        "sampler": run.sampler,
        "steps": run.steps,
        "calls": found.calls,
        "w2": found.w2,
        "relative_w2": found.relative_w2,
        "mean_error": found.mean_error,
        "covariance_error": found.covariance_error,
        "worst": {"variance": float(found.eigenvalues[worst]), "deviation_ratio": float(found.ratio[worst])},
    }


def _drawn(runs: list[Run], suffix: str, unit: str) -> bytes:
    """Distance against calls, and the spread in each direction with the fewest steps."""
    names = list(dict.fromkeys(run.sampler for run in runs))
    of = {name: [run.found for run in runs if run.sampler == name] for name in names}
    figure = plots.certificates(
        [[found.calls for found in of[name]] for name in names],
        [[found.relative_w2 for found in of[name]] for name in names],
        runs[0].found.eigenvalues,
        [of[name][0].ratio for name in names],
        names,
        unit=unit,
    )
    if suffix == ".svg":
        return (plots.to_svg(figure, "samplers") + "\n").encode()
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=_DPI, metadata={"Software": None})
    return buffer.getvalue()
