"""The command that scores signals: score."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import ornstein as orn
from ornstein.cli import show
from ornstein.cli.common import example, options
from ornstein.cli.words import Words
from ornstein.common.files import refuse_existing, write_text

if TYPE_CHECKING:
    from ornstein import Model, Signals


def register(app: typer.Typer, words: Words) -> None:
    """Add the command, with help from ``words``."""
    option = options(words)

    @app.command(help=words("score"), epilog=example(words, "ornstein score days.model new_days.csv --top 5"))
    def score(
        path: Annotated[Path, typer.Argument(help=words("model-folder"))],
        signals: Annotated[Path, typer.Argument(help=words("data"))],
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
        x = orn.read(signals, orient=orient, window=window, hop=hop, key=key)
        _show_scores(model, x, output, top, force, words, as_json)


def _show_scores(model: "Model", x: "Signals", output: Path | None, top: int, force: bool, words: Words, as_json: bool) -> None:
    nats, p = model.surprise(x)
    bits = nats / (math.prod(model.event_shape) * math.log(2))
    if output is not None:
        numbers = list(zip(*(column.tolist() for column in (-nats, bits, *([] if p is None else [p]))), strict=True))
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
