"""The command that fits a law, or trains a network: fit."""

import math
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import ornstein as orn
from ornstein.cli import show
from ornstein.cli.common import Interrupted, example, options, taking
from ornstein.cli.laws import law_options, law_parameters
from ornstein.cli.progress import fitting
from ornstein.cli.reading import overlap_told, read_as_told, reading_parameters
from ornstein.cli.sample import read_condition
from ornstein.cli.simulations import fit_pair, refuse_beside
from ornstein.cli.words import Words
from ornstein.common.errors import InputError
from ornstein.common.sentences import translated
from ornstein.fitting.recipes import owners

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from ornstein import Model, Signals, SymbolModel

    Watch = Callable[[orn.training.Record], None]


_DECOMPOSED = 4096
"""Entries up to which a covariance without an eigenbasis is decomposed for one line of output."""


def register(app: typer.Typer, words: Words) -> None:
    """Add the command, with help from ``words``."""
    option = options(words)

    @app.command(help=words("fit"), epilog=example(words, "ornstein fit days.csv -o days.model --model mixture"))
    @taking([*reading_parameters(words, "labels"), *law_parameters(words)])
    def fit(
        path: Annotated[Path, typer.Argument(help=words("data"))],
        output: Annotated[Path, option(("--output", "-o"), "fit-output")] = Path("signals.model"),
        model: Annotated[str | None, option("--model", "model")] = None,
        standardize: Annotated[str | None, option("--standardize", "standardize")] = None,
        marginals: Annotated[str | None, option("--marginals", "marginals")] = None,
        correction: Annotated[str | None, option("--correction", "correction")] = None,
        folds: Annotated[int | None, option("--folds", "folds")] = None,
        labels: Annotated[str | None, option("--labels", "labels")] = None,
        condition: Annotated[Path | None, option("--condition", "condition")] = None,
        parameters: Annotated[Path | None, option("--parameters", "parameters")] = None,
        tensorboard: Annotated[Path | None, option("--tensorboard", "tensorboard")] = None,
        seed: Annotated[int, option("--seed", "seed")] = 0,
        force: Annotated[bool, option("--force", "force")] = False,
        as_json: Annotated[bool, option("--json", "json")] = False,
        **more: Any,
    ) -> None:
        from ornstein.data.labels import read_labels
        from ornstein.model.fit import FOLDS
        from ornstein.model.storage import refuse_folder

        refuse_folder(output, force)
        if parameters is not None:
            refuse_beside(labels=labels, condition=condition, correction=correction, tensorboard=tensorboard)
        overlap = overlap_told(more)
        in_file = labels is not None and Path(labels).is_file()
        x = read_as_told(path, more, words, as_json, labels=None if in_file else labels)
        if parameters is not None:
            theta = read_as_told(parameters, {}, words, as_json, orient="vectors")
            given = {"standardize": standardize, "marginals": marginals, "folds": folds, "seed": seed, **law_options(more)}
            fit_pair(theta, x, model, output, given, words, as_json, force=force)
            return
        model = model or "gaussian"
        if overlap and not as_json:
            show.aside(words("fit-overlap").format(overlap=overlap))
        told = None if labels is None else read_labels(labels) if in_file else list(x.labels)
        options = law_options(more)
        trains, own = model in owners("folder"), "folder" in options
        if trains:
            options |= {"folder": options.get("folder", output.with_name(f"{output.name}.checkpoints")), "force": force}
        board = None if tensorboard is None else _board(tensorboard, model, trains)
        with fitting(words, 1 + (FOLDS if folds is None else folds), as_json) as progress:
            try:
                fitted = orn.fit(
                    x,
                    model,
                    labels=told,
                    condition=None if condition is None else read_condition(condition, x.shape[1:], words, as_json),
                    standardize=standardize,
                    marginals=marginals,
                    correction=correction,
                    folds=folds,
                    overlap=overlap,
                    seed=seed,
                    progress=progress.tell,
                    watch=_both(progress.watch, board) if trains else None,
                    **options,
                )
            except KeyboardInterrupt:
                if not trains:
                    raise
                raise Interrupted(words("interrupted-training").format(steps=progress.steps, path=options["folder"])) from None
        fitted.save(output, force=force)
        if trains and not own:
            shutil.rmtree(options["folder"], ignore_errors=True)
        if fitted.training is not None and isinstance(fitted, orn.Model):
            _show_training(fitted, x, output, words, as_json, _gained(fitted, correction))
        else:
            _show_fit(fitted, x, output, model, words, as_json, overlap, _gained(fitted, correction))
        if correction is not None and isinstance(fitted, orn.Model) and not as_json:
            found = fitted.correction
            show.line(words("correction-left") if found is None else words("correction-kept").format(law=found.crps[0], bent=found.crps[1]))


def _board(folder: Path, model: str, trains: bool) -> "Watch":
    """The writer of TensorBoard events, for a model that trains."""
    if not trains:
        raise InputError(f"--tensorboard is {folder}, but model {model!r} is not trained: leave it out, or choose --model network")
    return orn.training.TensorBoard(folder)


def _both(first: "Watch", second: "Watch | None") -> "Watch":
    def watch(record: "orn.training.Record") -> None:
        first(record)
        if second is not None:
            second(record)

    return watch


def _gained(model: "Model | SymbolModel", correction: str | None) -> dict[str, object]:
    """What a correction that was asked for has gained, for machines: null where it was left out."""
    if correction is None:
        return {}
    learned = model.correction if isinstance(model, orn.Model) else None
    return {"correction": None if learned is None else {"law": learned.crps[0], "corrected": learned.crps[1]}}


def _show_training(model: "Model", x: "Signals", output: Path, words: Words, as_json: bool, gained: dict[str, object]) -> None:
    found = dict(model.training or {})
    if as_json:
        show.machine({"model": "network", "cases": len(x), "shape": list(model.event_shape), **found, **gained, "output": output})
        return
    show.line(translated(str(found["net"]), words.spoken))
    show.line(words("trained").format(path=output, reason=words(f"stopped-{str(found['stopped']).replace(' ', '-')}"), **_rounded(found)))
    if found["held_out"] is not None:
        show.line(words("trained-loss").format(**found))


def _rounded(found: dict[str, object]) -> dict[str, object]:
    return {"steps": found["steps"], "seconds": f"{found['seconds']:.0f}"}


def _show_fit(
    model: "Model | SymbolModel",
    x: "Signals",
    output: Path,
    kind: str,
    words: Words,
    as_json: bool,
    overlap: int,
    gained: dict[str, object],
) -> None:
    spectrum = _known_spectrum(model)
    rank = None if spectrum is None else spectrum.rank()
    effective = None if spectrum is None else float(spectrum.effective_rank())
    held = None if model.reference is None else _held_out(model.reference, math.prod(model.event_shape), overlap)
    if as_json:
        found = {"model": kind, "cases": len(x), "shape": list(model.event_shape), "rank": rank, "effective_rank": effective}
        trained = {} if model.training is None else {"training": model.training}
        show.machine({**found, **trained, **gained, "held_out": held, "output": output})
        return
    sentence = words("fitted-plain" if spectrum is None else "fitted")
    show.line(sentence.format(kind=kind, cases=len(x), shape=model.event_shape, rank=rank, effective=effective, path=output))
    if held is not None:
        key = "heldout" if isinstance(model, orn.Model) else "heldout-symbols"
        show.line(words("heldout-outside" if held["outside"] else key).format(**held))


def _held_out(levels: "Tensor", entries: int, overlap: int) -> dict[str, float]:
    """The mean of held-out log-densities, its standard error, bits per entry, and how many of them are -inf.

    Windows that share samples count as many as there are without common samples.
    """
    mean, outside = float(levels.mean()), int(levels.isinf().sum())
    error = math.inf if outside or len(levels) < 2 else float(levels.std()) * math.sqrt((1 + overlap) / len(levels))
    return {"mean": mean, "error": error, "bits": -mean / (entries * math.log(2)), "count": len(levels), "outside": outside}


def _known_spectrum(model: "Model | SymbolModel") -> "orn.covariance.Spectral | None":
    """The covariance of the law in its eigenbasis: where it has one, or a matrix of a few thousand entries gives it."""
    if not isinstance(model.law, orn.denoisers.Law):
        return None
    operator = model.law.covariance()
    if isinstance(operator, orn.covariance.Spectral):
        return operator
    return orn.covariance.Dense(operator.dense()) if operator.size <= _DECOMPOSED else None
