"""What --shards does for score, impute and sample: a folder in, a folder of results out, in as many processes as asked."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ornstein.cli import show
from ornstein.cli.progress import counting
from ornstein.cli.reading import reading_told
from ornstein.cli.words import Words
from ornstein.common.errors import InputError, RunError, listed
from ornstein.common.sentences import translated

if TYPE_CHECKING:
    from ornstein.shards import Outcome, Worker


def over_shards(
    worker: "Worker",
    source: Path | int,
    output: Path | None,
    workers: int,
    reading: dict[str, Any],
    words: Words,
    as_json: bool,
    **kept: Any,
) -> None:
    """Answer every file below a folder, or draw so many signals; say what came of it. Exit 3 where files were left out.

    kept   ``top`` and ``summary`` of ``orn.shards.run``
    """
    from ornstein.common.ranks import joined
    from ornstein.shards import run

    if output is None:
        raise InputError("--shards needs a folder for its results: name it with --output")
    told = reading_told(reading)
    if "resample" in told:
        raise InputError("--resample is given, but --shards takes every file at its own rate: resample the files first")
    with counting(words("sharding"), None, as_json) as advance, joined("cpu") as ranks:
        found = run(worker, source, output, reading=told, workers=workers, ranks=ranks, progress=lambda name: advance(1, name), **kept)
        if not ranks.main:
            return
    _say(found, output, words, as_json)
    if found.failed:
        names = listed([name for name, _ in found.failed])
        raise RunError(f"{len(found.failed)} of {len(found.done) + len(found.failed)} files were left out: {names}")


def refuse_with_shards(asked: dict[str, bool]) -> None:
    """Options that a folder has no use for, by whether they are given."""
    if given := [name for name, is_given in asked.items() if is_given]:
        raise InputError(f"{given[0]} is given beside --shards, which answers file by file and has no use for it: leave one of them out")


def _say(found: "Outcome", output: Path, words: Words, as_json: bool) -> None:
    summary = found.summary.described() if found.summary is not None else None
    if as_json:
        failed = [{"file": name, "error": sentence} for name, sentence in found.failed]
        show.machine({"done": list(found.done), "failed": failed, "summary": summary, "output": output})
        return
    for name, sentence in found.failed:
        show.line(f"{name}: {translated(sentence, words.spoken)}")
    show.line(words("sharded").format(count=len(found.done), path=output))
    if summary is None or not summary["count"]:
        return
    show.line(words("shards-scored").format(count=summary["count"], mean=summary["mean"], low=summary["quantiles"]["0.05"]))
    rows = [(place["file"], str(place["offset"]), _number(place["value"])) for place in summary["least"]]
    show.table(words("shards-title"), [words(key) for key in ("file", "case", "log-density")], rows)


def _number(value: float | None) -> str:
    return "-inf" if value is None else f"{value:.2f}"
