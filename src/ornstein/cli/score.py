"""The command that scores signals: score."""

import math
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

import ornstein as orn
from ornstein.cli import show
from ornstein.cli.along import refuse_with_hop, score_along
from ornstein.cli.annotate import Recording
from ornstein.cli.common import example, options, taking
from ornstein.cli.progress import counting
from ornstein.cli.reading import overlap_told, read_as_told, reading_parameters
from ornstein.cli.shards import over_shards, refuse_with_shards
from ornstein.cli.simulations import of_signals
from ornstein.cli.words import Words
from ornstein.common.errors import InputError
from ornstein.common.files import refuse_existing, write_text
from ornstein.common.sentences import translated

if TYPE_CHECKING:
    from torch import Tensor

    from ornstein import Model
    from ornstein.likelihood import Density
    from ornstein.model.odd import Oddness

_DECOMPOSED = 2048
"""Entries up to which a covariance without an eigenbasis is decomposed."""


def register(app: typer.Typer, words: Words) -> None:
    """Add the command, with help from ``words``."""
    option = options(words)

    @app.command(help=words("score"), epilog=example(words, "ornstein score days.model new_days.csv --top 5"))
    @taking(reading_parameters(words, "labels"))
    def score(
        path: Annotated[Path, typer.Argument(help=words("model-folder"))],
        signals: Annotated[Path, typer.Argument(help=words("data"))],
        output: Annotated[Path | None, option(("--output", "-o"), "score-output")] = None,
        top: Annotated[int, option("--top", "top")] = 10,
        where: Annotated[Path | None, option("--where", "score-where")] = None,
        annotate: Annotated[Path | None, option("--annotate", "score-annotate")] = None,
        alpha: Annotated[float, option("--alpha", "score-alpha")] = 0.01,
        method: Annotated[str, option("--method", "score-method")] = "auto",
        within: Annotated[float | None, option("--error", "score-error")] = None,
        calls: Annotated[int | None, option("--calls", "score-calls")] = None,
        step: Annotated[float | None, option("--step", "score-step")] = None,
        seed: Annotated[int, option("--seed", "seed")] = 0,
        shards: Annotated[bool, option("--shards", "shards")] = False,
        workers: Annotated[int, option("--workers", "workers")] = 1,
        summary: Annotated[bool, option("--summary", "shards-summary")] = False,
        force: Annotated[bool, option("--force", "force")] = False,
        as_json: Annotated[bool, option("--json", "json")] = False,
        **reading: Any,
    ) -> None:
        if shards:
            unused = {"--where": where, "--annotate": annotate, "--error": within, "--calls": calls, "--step": step}
            refuse_with_shards({name: value is not None for name, value in unused.items()} | {"--method": method != "auto"})
            hop = reading.pop("read_hop", None) if reading.get("read_window") is None else None
            over_shards(orn.Scorer(path, hop=hop), signals, output, workers, reading, words, as_json, top=top, summary=summary)
            return
        if summary:
            raise InputError("--summary is given, but only a folder has one: give --shards, or leave --summary out")
        for target in filter(None, (output, where, annotate)):
            refuse_existing(target, force)
        from ornstein.common import checks  # help needs nothing heavy

        checks.count(top, "--top", at_least=0)
        model = of_signals(path)
        if annotate is None and reading.get("read_hop") is not None and reading.get("read_window") is None:
            asked = {
                "--where": where,
                "--step": step,
                "--error": within,
                "--calls": calls,
                "--method": None if method == "auto" else method,
            }
            refuse_with_hop([name for name, value in asked.items() if value is not None])
            score_along(model, signals, reading.pop("read_hop"), output, top, reading, words, as_json, force)
            return
        recording, overlap = None, overlap_told(reading)
        if annotate is None:
            x = read_as_told(signals, reading, words, as_json)
        else:
            recording = Recording.of(signals, model, annotate, reading, words, as_json)
            x = recording.windows
        if overlap and not as_json:
            show.aside(words("errors-overlap").format(overlap=overlap))
        if isinstance(model, orn.Model):
            for remark in orn.likelihood.remarks(x.values, declared=step is not None):
                warnings.warn(remark, UserWarning, stacklevel=1)
        with counting(words("scoring"), None, as_json):
            found = model.log_density(x, method=method, error=within, calls=calls, seed=seed)
            whole = isinstance(model, orn.Model) or not bool(x.values.isnan().any())
            p = None if model.reference is None or not whole else model.surprise(x).p_value
            bits = orn.likelihood.bits_per_dim(found.value, math.prod(model.event_shape)) if step is None else model.bits_per_dim(x, step)
            if where is not None:
                orn.write(where, model.signals(model.where(x, seed=seed)), force=force)
        odd = model.oddness(x) if isinstance(model, orn.Model) and _decomposed(model) else None
        scored = _Scored(found, bits, p, odd)
        stretches = [] if recording is None else recording.annotate(p, -found.value, alpha, top, force)
        if output is not None:
            _write(scored, output, force)
        if as_json:
            numbers = {"log_prob": found.value, "bits_per_dim": bits, "p_value": p, "error": found.error}
            numbers |= {name: None if odd is None else getattr(odd, name) for name in ("inside", "off", "floored")}
            if recording is not None:
                numbers |= {"annotated": [s._asdict() for s in stretches], "recording": annotate}
            show.machine({**numbers, "method": found.method, "why": found.why, "output": output, "where": where})
        else:
            judged = isinstance(model.law, orn.denoisers.Law | orn.discrete.Law)
            if recording is not None:
                show.line(words("annotated").format(count=len(stretches), path=annotate))
            _show(scored, top, overlap, "no-reference" if judged and whole else "no-judges" if whole else "no-gaps", words)


class _Scored(NamedTuple):
    """What is known of every case."""

    density: "Density"
    bits: "Tensor"
    p: "Tensor | None"
    odd: "Oddness | None"

    def columns(self) -> dict[str, "Tensor"]:
        """The columns of a table by name; the error only where there is one, the p-value only where it is known."""
        found = {"log_prob_nats": self.density.value, "bits_per_dim": self.bits}
        if self.density.method != "exact":
            found["error_nats"] = self.density.error
        if self.p is not None:
            found["p_value"] = self.p
        if self.odd is not None:
            found |= {"inside": self.odd.inside, "off": self.odd.off}
            if self.odd.floored is not None:
                found["floored_nats"] = -self.odd.floored
        return found

    def more(self) -> tuple[str, ...]:
        """The words of the columns of ``told``."""
        if self.odd is None:
            return ()
        return ("odd-inside", "odd-off") if self.odd.floored is None else ("odd-inside", "odd-off", "odd-floored")

    def told(self, case: int) -> tuple[str, ...]:
        """What a table shows of a case beside its density."""
        if self.odd is None:
            return ()
        shown = f"{float(self.odd.inside[case]):.1f}", f"{float(self.odd.off[case]):.1f}"
        return shown if self.odd.floored is None else (*shown, f"{-float(self.odd.floored[case]):.2f}")


def _decomposed(model: "Model") -> bool:
    """Whether the covariance has an eigenbasis, or a matrix of a few thousand entries gives it."""
    covariance = model.moments.covariance()
    return not covariance.batch_shape and (isinstance(covariance, orn.covariance.Spectral) or covariance.size <= _DECOMPOSED)


def _write(scored: _Scored, output: Path, force: bool) -> None:
    columns = scored.columns()
    rows = zip(*(column.tolist() for column in columns.values()), strict=True)
    lines = [",".join([str(i), *map(repr, row)]) for i, row in enumerate(rows)]
    write_text(output, "\n".join([",".join(["case", *columns]), *lines, ""]), force=force)


def _show(scored: _Scored, top: int, overlap: int, unjudged: str, words: Words) -> None:
    """The mean, the most surprising cases, how densities were had, and why there is no p-value, the word of ``unjudged``."""
    nats, p = -scored.density.value, scored.p
    show.line(_mean(scored.density.value, overlap, words))
    estimated = scored.density.method != "exact"
    order = nats.argsort(descending=True)[:top].tolist()
    rows = [
        (
            str(i),
            f"{-float(nats[i]):.2f}" + (f" ± {float(scored.density.error[i]):.2f}" if estimated else ""),
            f"{float(scored.bits[i]):.3f}",
            "" if p is None else f"{float(p[i]):.4f}",
            *scored.told(i),
        )
        for i in order
    ]
    if rows:
        show.table(words("score-title"), [words(k) for k in ("case", "nats", "bits", "p", *scored.more())], rows)
    if rows and scored.odd is not None:
        show.aside(words("odd-read"))
    show.line(translated(scored.density.why, words.spoken))
    if p is None:
        show.line(words(unjudged))


def _mean(levels: "Tensor", overlap: int, words: Words) -> str:
    """The mean of the densities that are not 0, with its standard error where there are two, and how many are 0."""
    possible = levels[levels.isfinite()]
    counts = {"count": len(levels), "outside": len(levels) - len(possible)}
    if not len(possible):
        return words("scored-none").format(**counts)
    shown = f"{float(possible.mean()):.2f}"
    if len(possible) > 1:
        from ornstein.metrics import mean_with_error  # heavy to import, and needed only here

        shown += f" ± {mean_with_error(possible, 2 * overlap).error:.2f}"
    return words("scored-outside" if counts["outside"] else "scored").format(mean=shown, **counts)
