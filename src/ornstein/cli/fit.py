"""The command that fits a law, or trains a network: fit."""

import math
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import ornstein as orn
from ornstein.cli import show
from ornstein.cli.common import Interrupted, example, options
from ornstein.cli.progress import fitting
from ornstein.cli.sample import read_condition
from ornstein.cli.words import Words
from ornstein.common.errors import InputError

if TYPE_CHECKING:
    from ornstein import Model, Signals
    from ornstein.fitting.network import Training


def register(app: typer.Typer, words: Words) -> None:
    """Add the command, with help from ``words``."""
    option = options(words)

    @app.command(help=words("fit"), epilog=example(words, "ornstein fit days.csv -o days.model --model mixture"))
    def fit(
        path: Annotated[Path, typer.Argument(help=words("data"))],
        output: Annotated[Path, option(("--output", "-o"), "fit-output")] = Path("signals.model"),
        model: Annotated[str, option("--model", "model")] = "gaussian",
        structure: Annotated[str | None, option("--structure", "structure")] = None,
        shrinkage: Annotated[str | None, option("--shrinkage", "shrinkage")] = None,
        rank: Annotated[int | None, option("--rank", "rank")] = None,
        components: Annotated[int | None, option("--components", "components")] = None,
        bandwidth: Annotated[float | None, option("--bandwidth", "bandwidth")] = None,
        standardize: Annotated[str, option("--standardize", "standardize")] = "channel",
        folds: Annotated[int, option("--folds", "folds")] = 5,
        net: Annotated[str | None, option("--net", "net")] = None,
        minutes: Annotated[float | None, option("--minutes", "minutes")] = None,
        steps: Annotated[int | None, option("--steps", "training-steps")] = None,
        labels: Annotated[str | None, option("--labels", "labels")] = None,
        condition: Annotated[Path | None, option("--condition", "condition")] = None,
        masks: Annotated[bool, option("--masks", "masks")] = False,
        batch: Annotated[int | None, option("--batch", "batch")] = None,
        learning_rate: Annotated[float | None, option("--learning-rate", "learning-rate")] = None,
        patience: Annotated[int | None, option("--patience", "patience")] = None,
        device: Annotated[str | None, option("--device", "fit-device")] = None,
        checkpoints: Annotated[Path | None, option("--checkpoints", "checkpoints")] = None,
        resume: Annotated[bool, option("--resume", "resume")] = False,
        orient: Annotated[str, option("--orient", "orient")] = "auto",
        window: Annotated[int | None, option("--window", "window")] = None,
        hop: Annotated[int | None, option("--hop", "hop")] = None,
        rate: Annotated[float | None, option("--rate", "rate")] = None,
        key: Annotated[str | None, option("--key", "key")] = None,
        seed: Annotated[int, option("--seed", "seed")] = 0,
        force: Annotated[bool, option("--force", "force")] = False,
        as_json: Annotated[bool, option("--json", "json")] = False,
    ) -> None:
        from ornstein.model.storage import refuse_folder

        refuse_folder(output, force)
        x = orn.read(path, orient=orient, window=window, hop=hop, rate=rate, key=key)
        told: object = None
        if labels is not None:
            x, told = _labelled(x, labels)
        training: Training = {}
        for name, value in (
            ("batch", batch),
            ("rate", learning_rate),
            ("patience", patience),
            ("masks", orn.training.Masks() if masks else None),
        ):
            if value is not None:
                training[name] = value  # type: ignore[literal-required]  # names of Training
        network = model == "network"
        folder = checkpoints
        if network and checkpoints is None:
            folder = output.with_name(f"{output.name}.checkpoints")
        with fitting(words, 1 + folds, as_json) as progress:
            try:
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
                    progress=progress.tell,
                    net=net,
                    minutes=minutes,
                    steps=steps,
                    labels=told,
                    condition=None if condition is None else read_condition(condition, x.shape[1:]),
                    device=device,
                    folder=folder,
                    resume=resume,
                    force=force and network,
                    watch=progress.watch if network else None,
                    **training,
                )
            except KeyboardInterrupt:
                if not network:
                    raise
                raise Interrupted(words("interrupted-training").format(steps=progress.steps, path=folder)) from None
        fitted.save(output, force=force)
        if network and checkpoints is None and folder is not None:
            shutil.rmtree(folder, ignore_errors=True)
        if network:
            _show_training(fitted, x, output, words, as_json)
        else:
            _show_fit(fitted, x, output, model, words, as_json)


def _labelled(x: "Signals", labels: str) -> tuple["Signals", object]:
    """The signals and the label of each case, from one of their channels or from a file."""
    from ornstein.data.labels import label_channel, read_labels

    if labels in x.channels:
        return label_channel(x, labels)
    if not Path(labels).is_file():
        raise InputError(
            f"--labels is {labels!r}, but must be a channel of the data ({', '.join(x.channels)}) or a file with one label per case"
        )
    return x, read_labels(labels)


def _show_training(model: "Model", x: "Signals", output: Path, words: Words, as_json: bool) -> None:
    found = dict(model.training or {})
    if as_json:
        show.machine({"model": "network", "cases": len(x), "shape": list(model.event_shape), **found, "output": output})
        return
    show.line(str(found["net"]))
    show.line(words("trained").format(path=output, reason=words(f"stopped-{str(found['stopped']).replace(' ', '-')}"), **_rounded(found)))
    if found["held_out"] is not None:
        show.line(words("trained-loss").format(**found))


def _rounded(found: dict[str, object]) -> dict[str, object]:
    return {"steps": found["steps"], "seconds": f"{found['seconds']:.0f}"}


def _show_fit(model: "Model", x: "Signals", output: Path, kind: str, words: Words, as_json: bool) -> None:
    law = model.law
    operator = law.covariance() if isinstance(law, orn.denoisers.Law) and math.prod(law.event_shape) <= 4096 else None
    spectrum = operator if isinstance(operator, orn.covariance.Spectral) or operator is None else orn.covariance.Dense(operator.dense())
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


def _number_or_name(value: str | None) -> str | float | None:
    try:
        return None if value is None else float(value)
    except ValueError:
        return value
