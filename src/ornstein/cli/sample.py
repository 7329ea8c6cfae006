"""The command that draws new signals: sample."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import ornstein as orn
from ornstein.cli import show
from ornstein.cli.common import example, options
from ornstein.cli.progress import counting
from ornstein.cli.reading import read_as_told
from ornstein.cli.shards import over_shards, refuse_with_shards
from ornstein.cli.simulations import parameters_of
from ornstein.cli.words import Words
from ornstein.common.errors import InputError
from ornstein.common.files import refuse_existing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ornstein import Model


def register(app: typer.Typer, words: Words) -> None:
    """Add the command, with help from ``words``."""
    option = options(words)

    @app.command(help=words("sample"), epilog=example(words, "ornstein sample days.model -n 100 -o new.csv"))
    def sample(
        path: Annotated[Path, typer.Argument(help=words("model-folder"))],
        output: Annotated[Path, option(("--output", "-o"), "sample-output")],
        number: Annotated[int, option(("--number", "-n"), "number")] = 10,
        sampler: Annotated[str | None, option("--sampler", "sampler")] = None,
        steps: Annotated[int | None, option("--steps", "steps")] = None,
        schedule: Annotated[str, option("--schedule", "schedule")] = "vp",
        grid: Annotated[str, option("--grid", "bench-grid")] = "own",
        label: Annotated[str | None, option("--label", "label")] = None,
        condition: Annotated[Path | None, option("--condition", "sample-condition")] = None,
        observation: Annotated[Path | None, option("--observation", "observation")] = None,
        guidance: Annotated[float, option("--guidance", "guidance")] = 1.0,
        device: Annotated[str | None, option("--device", "sample-device")] = None,
        seed: Annotated[int, option("--seed", "seed")] = 0,
        shards: Annotated[bool, option("--shards", "shards")] = False,
        workers: Annotated[int, option("--workers", "workers")] = 1,
        force: Annotated[bool, option("--force", "force")] = False,
        as_json: Annotated[bool, option("--json", "json")] = False,
    ) -> None:
        if shards:
            refuse_with_shards({"--observation": observation is not None, "--guidance": guidance != 1})
            if label is not None or condition is not None:
                raise InputError("--shards draws without labels and conditions: leave them out")
            drawer = orn.Drawer(path, seed=seed, sampler=sampler, steps=steps, schedule=schedule, grid=grid, device=device)
            over_shards(drawer, number, output, workers, {}, words, as_json)
            return
        from ornstein.model.joint import Joint

        refuse_existing(output, force)
        with counting(words("sampling"), None, as_json):
            model = orn.load(path)
            if observation is not None or isinstance(model, Joint):
                asked = {"label": label, "condition": condition, "sampler": sampler, "steps": steps, "device": device}
                if given := _first(asked):
                    raise InputError(f"--{given} is given, but this model is of parameters and simulations, which has none: leave it out")
                seen = None if observation is None else read_as_told(observation, {}, words, as_json)
                drawn = parameters_of(model, path, seen, number, seed)
            elif isinstance(model, orn.SymbolModel):
                asked = {"schedule": schedule != "vp", "grid": grid != "own", "label": label, "condition": condition, "device": device}
                _refuse_signals_options(asked, guidance, sampler, steps)
                drawn = model.sample(number, steps=steps, chain=sampler or "masked", seed=seed)
            else:
                drawn = model.sample(
                    number,
                    sampler=sampler,
                    steps=steps,
                    schedule=schedule,
                    grid=grid,
                    label=None if label is None else _labels(label, model),
                    condition=None if condition is None else read_condition(condition, model.event_shape, words, as_json),
                    guidance=guidance,
                    device=device,
                    seed=seed,
                )
        orn.write(output, drawn if isinstance(model, Joint) else model.signals(drawn), force=force)
        if as_json:
            show.machine({"cases": number, "shape": list(drawn.shape), "seed": seed, "output": output})
        else:
            show.line(words("sampled").format(count=number, path=output))
            if isinstance(model, orn.SymbolModel) and steps is not None and model.enumerable:
                show.line(words("certified").format(steps=steps, distance=model.certify(steps, sampler or "masked")))


def _refuse_signals_options(asked: "Mapping[str, object]", guidance: float, sampler: str | None, steps: int | None) -> None:
    """Bits and symbols are drawn exactly, or by a run of a chain, whose name is that of the sampler."""
    if given := _first({**asked, "guidance": guidance != 1}):
        raise InputError(f"--{given} is given, but this model is a law of symbols, which has none: leave it out")
    if sampler is not None and steps is None:
        raise InputError(f"--sampler is {sampler}, but without --steps the draws of symbols are exact and take none: give --steps")


def _first(asked: "Mapping[str, object]") -> str | None:
    """The first option that was given."""
    return next((name for name, value in asked.items() if value), None)


def _labels(text: str, model: "Model") -> object:
    """One class, or several with commas between: numbers, or words where the classes have names."""
    given = [word.strip() for word in text.split(",")]
    if model.conditions is not None and model.conditions.names:
        return given
    try:
        return [int(word) for word in given]
    except ValueError:
        return given


def read_condition(path: Path, event_shape: tuple[int, ...], words: Words, as_json: bool) -> object:
    """A vector or a signal per case: rows of one channel that are not as long as the signals are vectors. What was read is said."""
    values = read_as_told(path, {}, words, as_json).values
    return values[:, 0] if values.shape[1] == 1 and values.shape[2] != event_shape[-1] else values
