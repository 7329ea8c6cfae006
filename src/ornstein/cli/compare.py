"""The command that compares models: compare."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import ornstein as orn
from ornstein.cli import show
from ornstein.cli.common import example, options, taking
from ornstein.cli.progress import counting
from ornstein.cli.reading import overlap_told, read_as_told, reading_parameters
from ornstein.cli.simulations import of_signals
from ornstein.cli.words import Words
from ornstein.common.errors import InputError
from ornstein.common.files import refuse_existing, write_text
from ornstein.common.sentences import translated

if TYPE_CHECKING:
    from ornstein.metrics import Comparison, Mean


def register(app: typer.Typer, words: Words) -> None:
    """Add the command, with help from ``words``."""
    option = options(words)

    @app.command(help=words("compare"), epilog=example(words, "ornstein compare gaussian.model net.model new_days.csv --fitted days.csv"))
    @taking(reading_parameters(words, "labels"))
    def compare(
        paths: Annotated[list[Path], typer.Argument(help=words("compare-paths"))],
        fitted: Annotated[Path | None, option("--fitted", "compare-fitted")] = None,
        output: Annotated[Path | None, option(("--output", "-o"), "compare-output")] = None,
        step: Annotated[float | None, option("--step", "score-step")] = None,
        within: Annotated[float | None, option("--error", "score-error")] = None,
        seed: Annotated[int, option("--seed", "seed")] = 0,
        force: Annotated[bool, option("--force", "force")] = False,
        as_json: Annotated[bool, option("--json", "json")] = False,
        **reading: Any,
    ) -> None:
        if len(paths) < 2:
            raise InputError("compare needs at least one model folder and, last, a file of signals: ornstein compare MODEL... DATA")
        if output is not None:
            refuse_existing(output, force)
        *folders, signals = paths
        if signals.is_dir():
            raise InputError(f"{signals} is a folder, but the last that compare takes is a file of signals: ornstein compare MODEL... DATA")
        overlap = overlap_told(reading)
        names = [folder.name for folder in folders]
        models = {str(f) if names.count(f.name) > 1 else f.name: of_signals(f) for f in folders}
        x, *train = [read_as_told(p, dict(reading), words, as_json) for p in (signals, *filter(None, [fitted]))]
        if overlap and not as_json:
            show.aside(words("errors-overlap").format(overlap=overlap))
        with counting(words("comparing"), None, as_json):
            found = orn.compare(models, x, train=train[0] if train else None, step=step, error=within, overlap=overlap, seed=seed)
        if output is not None:
            write_text(output, _csv(found), force=force)
        if as_json:
            show.machine({"models": _rows(found), "notes": found.notes, "overlap": overlap, "output": output})
            return
        table = [(s.name, _mean(s.nats), "" if s.difference is None else _mean(s.difference), f"{s.bits.value:.3f}") for s in found.scores]
        show.table(words("compare-title"), [words(k) for k in ("a-model", "nats", "against-first", "bits")], table)
        for note in found.notes:
            show.line(translated(note, words.spoken))


def _mean(mean: "Mean") -> str:
    return f"{mean.value:.2f} ± {mean.error:.2f}"


def _rows(found: "Comparison") -> list[dict[str, object]]:
    """One row per model, best first."""
    return [
        {
            "model": score.name,
            "nats": score.nats.value,
            "nats_error": score.nats.error,
            "difference": None if score.difference is None else score.difference.value,
            "difference_error": None if score.difference is None else score.difference.error,
            "bits_per_dim": score.bits.value,
            "outside": score.outside,
            "method": found.densities[score.name].method,
            "estimate_error": float(found.densities[score.name].error.max()),
        }
        for score in found.scores
    ]


def _csv(found: "Comparison") -> str:
    rows = _rows(found)
    lines = [",".join("" if value is None else str(value) for value in row.values()) for row in rows]
    return "\n".join([",".join(rows[0]), *lines, ""])
