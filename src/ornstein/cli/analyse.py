"""Commands on data and models: fit, sample, score, impute."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import torch
import typer

import ornstein as orn
from ornstein.cli import show
from ornstein.covariance import Spectral
from ornstein.denoisers import Law
from ornstein.errors import InputError
from ornstein.files import refuse_existing, write_text
from ornstein.model import Model
from ornstein.signals import Signals
from ornstein.storage import refuse_folder

Words = Callable[[str], str]


def register(app: typer.Typer, words: Words) -> None:
    """Add the commands, with help from ``words``."""

    def option(names: str | tuple[str, ...], key: str) -> Any:
        return typer.Option(*([names] if isinstance(names, str) else names), help=words(key))

    def example(text: str) -> str:
        return f"{words('example')}: {text}"

    data = typer.Argument(help=words("data"))
    folder = typer.Argument(help=words("model-folder"))

    @app.command(help=words("fit"), epilog=example("ornstein fit days.csv -o days.model --model mixture"))
    def fit(
        path: Annotated[Path, data],
        output: Annotated[Path, option(("--output", "-o"), "fit-output")] = Path("signals.model"),
        model: Annotated[str, option("--model", "model")] = "gaussian",
        structure: Annotated[str | None, option("--structure", "structure")] = None,
        shrinkage: Annotated[str | None, option("--shrinkage", "shrinkage")] = None,
        rank: Annotated[int | None, option("--rank", "rank")] = None,
        components: Annotated[int | None, option("--components", "components")] = None,
        bandwidth: Annotated[float | None, option("--bandwidth", "bandwidth")] = None,
        standardize: Annotated[str, option("--standardize", "standardize")] = "channel",
        folds: Annotated[int, option("--folds", "folds")] = 5,
        orient: Annotated[str, option("--orient", "orient")] = "auto",
        window: Annotated[int | None, option("--window", "window")] = None,
        hop: Annotated[int | None, option("--hop", "hop")] = None,
        rate: Annotated[float | None, option("--rate", "rate")] = None,
        key: Annotated[str | None, option("--key", "key")] = None,
        seed: Annotated[int, option("--seed", "seed")] = 0,
        force: Annotated[bool, option("--force", "force")] = False,
        as_json: Annotated[bool, option("--json", "json")] = False,
    ) -> None:
        refuse_folder(output, force)
        x = orn.read(path, orient=orient, window=window, hop=hop, rate=rate, key=key)
        with show.bar(words("fitting"), 1 + folds, as_json) as advance:
            fitted = orn.fit(
                x,
                model,
                structure=structure,
                shrinkage=_number_or_name(shrinkage),
                rank=rank,
                components=components,
                bandwidth=bandwidth,
                standardize=standardize,
                folds=folds,
                seed=seed,
                progress=lambda what: advance(1, what),
            )
        fitted.save(output, force=force)
        _show_fit(fitted, x, output, model, words, as_json)

    @app.command(help=words("sample"), epilog=example("ornstein sample days.model -n 100 -o new.csv"))
    def sample(
        path: Annotated[Path, folder],
        output: Annotated[Path, option(("--output", "-o"), "sample-output")],
        number: Annotated[int, option(("--number", "-n"), "number")] = 10,
        sampler: Annotated[str | None, option("--sampler", "sampler")] = None,
        steps: Annotated[int | None, option("--steps", "steps")] = None,
        schedule: Annotated[str, option("--schedule", "schedule")] = "vp",
        grid: Annotated[str, option("--grid", "bench-grid")] = "own",
        seed: Annotated[int, option("--seed", "seed")] = 0,
        force: Annotated[bool, option("--force", "force")] = False,
        as_json: Annotated[bool, option("--json", "json")] = False,
    ) -> None:
        refuse_existing(output, force)
        model = orn.load(path)
        drawn = model.sample(number, sampler=sampler, steps=steps, schedule=schedule, grid=grid, seed=seed)
        orn.write(output, model.signals(drawn), force=force)
        if as_json:
            show.machine({"cases": number, "shape": list(drawn.shape), "seed": seed, "output": output})
        else:
            show.line(words("sampled").format(count=number, path=output))

    @app.command(help=words("score"), epilog=example("ornstein score days.model new_days.csv --top 5"))
    def score(
        path: Annotated[Path, folder],
        signals: Annotated[Path, data],
        output: Annotated[Path | None, option(("--output", "-o"), "score-output")] = None,
        top: Annotated[int, option("--top", "top")] = 10,
        orient: Annotated[str, option("--orient", "orient")] = "auto",
        window: Annotated[int | None, option("--window", "window")] = None,
        hop: Annotated[int | None, option("--hop", "hop")] = None,
        key: Annotated[str | None, option("--key", "key")] = None,
        force: Annotated[bool, option("--force", "force")] = False,
        as_json: Annotated[bool, option("--json", "json")] = False,
    ) -> None:
        if output is not None:
            refuse_existing(output, force)
        model = orn.load(path)
        x = _fitting(orn.read(signals, orient=orient, window=window, hop=hop, key=key), model)
        _show_scores(model, x, output, top, force, words, as_json)

    @app.command(help=words("impute"), epilog=example("ornstein impute days.model gaps.csv -o filled.csv --bands bands.csv"))
    def impute(
        path: Annotated[Path, folder],
        signals: Annotated[Path, data],
        output: Annotated[Path, option(("--output", "-o"), "impute-output")],
        draws: Annotated[int, option("--draws", "draws")] = 100,
        bands: Annotated[Path | None, option("--bands", "bands")] = None,
        level: Annotated[float, option("--level", "level")] = 0.9,
        orient: Annotated[str, option("--orient", "orient")] = "auto",
        window: Annotated[int | None, option("--window", "window")] = None,
        hop: Annotated[int | None, option("--hop", "hop")] = None,
        key: Annotated[str | None, option("--key", "key")] = None,
        seed: Annotated[int, option("--seed", "seed")] = 0,
        force: Annotated[bool, option("--force", "force")] = False,
        as_json: Annotated[bool, option("--json", "json")] = False,
    ) -> None:
        for target in filter(None, (output, bands)):
            refuse_existing(target, force)
        if not 0 < level < 1:
            raise InputError(f"--level is {level:g}, but must lie between 0 and 1, such as 0.9")
        model = orn.load(path)
        x = _fitting(orn.read(signals, orient=orient, window=window, hop=hop, key=key), model)
        with show.bar(words("imputing"), len(x), as_json) as advance:
            filled = model.impute(_event(x, model), draws, seed=seed, progress=lambda n: advance(n, ""))
        gaps = int(torch.isnan(x.values).sum())
        orn.write(output, model.signals(filled.median(0).values), force=force)
        if bands is not None:
            orn.write(bands, _bands(model, filled, level), force=force)
        if as_json:
            show.machine({"cases": len(x), "missing": gaps, "draws": draws, "output": output, "bands": bands, "level": level})
            return
        text = words("imputed") if gaps else words("nothing-missing")
        show.line(text.format(gaps=gaps, cases=len(x), draws=draws, path=output if gaps else signals, output=output))
        if bands is not None:
            show.line(words("banded").format(level=level, path=bands))


def _show_fit(model: Model, x: Signals, output: Path, kind: str, words: Words, as_json: bool) -> None:
    law = model.law
    operator = law.covariance() if isinstance(law, Law) and math.prod(law.event_shape) <= 4096 else None
    spectrum = operator if isinstance(operator, Spectral) or operator is None else orn.covariance.Dense(operator.dense())
    rank = spectrum.rank() if spectrum is not None else math.prod(model.event_shape)
    effective = float(spectrum.effective_rank()) if spectrum is not None else math.nan
    reference = model.reference
    held = None
    if reference is not None:
        mean, error = float(reference.mean()), float(reference.std() / math.sqrt(len(reference)))
        bits = -mean / (math.prod(model.event_shape) * math.log(2))
        held = {"mean": mean, "error": error, "bits": bits, "count": len(reference)}
    if as_json:
        found = {"model": kind, "cases": len(x), "shape": list(model.event_shape), "rank": rank, "effective_rank": effective}
        show.machine({**found, "held_out": held, "output": output})
        return
    show.line(words("fitted").format(kind=kind, cases=len(x), shape=model.event_shape, rank=rank, effective=effective, path=output))
    if held is not None:
        show.line(words("heldout").format(**held))


def _show_scores(model: Model, x: Signals, output: Path | None, top: int, force: bool, words: Words, as_json: bool) -> None:
    values = _event(x, model)
    nats, p = model.surprise(values)
    bits = nats / (math.prod(model.event_shape) * math.log(2))
    if output is not None:
        numbers = torch.stack([-nats, bits, *([] if p is None else [p])], 1).tolist()
        header = ["case", "log_prob_nats", "bits_per_dim", "p_value"][: 1 + len(numbers[0])]
        lines = [",".join([str(i), *map(repr, row)]) for i, row in enumerate(numbers)]
        write_text(output, "\n".join([",".join(header), *lines, ""]), force=force)
    if as_json:
        show.machine({"log_prob": -nats, "bits_per_dim": bits, "p_value": p, "output": output})
        return
    error = float(nats.std() / math.sqrt(len(x))) if len(x) > 1 else 0.0
    show.line(words("scored").format(count=len(x), mean=-float(nats.mean()), error=error))
    order = nats.argsort(descending=True)[:top].tolist()
    rows = [(str(i), f"{-float(nats[i]):.2f}", f"{float(bits[i]):.3f}", "" if p is None else f"{float(p[i]):.4f}") for i in order]
    show.table(words("score-title"), [words(k) for k in ("case", "nats", "bits", "p")], rows)
    if p is None:
        show.line(words("no-reference"))


def _bands(model: Model, draws: torch.Tensor, level: float) -> Signals:
    """The lower and the upper band of each channel as channels of one set of signals."""
    ends = torch.quantile(draws, torch.tensor([0.5 - level / 2, 0.5 + level / 2], dtype=draws.dtype), dim=0)
    low, high = (model.signals(end) for end in ends)
    names = [f"{c} {q:.1%}" for q in (0.5 - level / 2, 0.5 + level / 2) for c in low.channels]
    return Signals(torch.cat([low.values, high.values], 1), low.rate, tuple(names), low.units * 2)


def _fitting(x: Signals, model: Model) -> Signals:
    """Refuse data with other channels than the model, by name."""
    if model.channels and len(model.channels) == x.shape[1] and model.channels != x.channels and not _generic(x.channels):
        raise InputError(f"the data has channels {', '.join(x.channels)}, but the model was fitted on {', '.join(model.channels)}")
    return x


def _generic(channels: tuple[str, ...]) -> bool:
    return channels == tuple(f"ch{i}" for i in range(len(channels)))


def _event(x: Signals, model: Model) -> torch.Tensor:
    """The values in the shape the model was fitted on: a model of plain (case, time) arrays takes one-channel signals."""
    return x.values[:, 0] if len(model.event_shape) == 1 and x.shape[1] == 1 else x.values


def _number_or_name(value: str | None) -> str | float | None:
    try:
        return None if value is None else float(value)
    except ValueError:
        return value
