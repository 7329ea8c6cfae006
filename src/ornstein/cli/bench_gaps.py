"""The command that measures ways to fill gaps on a person's own data: bench gaps."""

from pathlib import Path
from typing import Annotated, Any

import typer

from ornstein.cli import show
from ornstein.cli.common import example, options, taking
from ornstein.cli.errors import error_heads, errors_row
from ornstein.cli.progress import counting
from ornstein.cli.reading import read_as_told, reading_parameters
from ornstein.cli.words import Words
from ornstein.common.sentences import translated


def register(bench: typer.Typer, words: Words) -> None:
    """Add the command to the group of benchmarks, with help from ``words``."""
    option = options(words)

    @bench.command(help=words("bench-gaps"), epilog=example(words, "ornstein bench gaps hours.csv --window 48 --hop 24"))
    @taking(reading_parameters(words, "labels"))
    def gaps(
        path: Annotated[Path, typer.Argument(help=words("data"))],
        peers: Annotated[bool, option("--peers/--no-peers", "peers")] = True,
        seed: Annotated[int, option("--seed", "seed")] = 0,
        as_json: Annotated[bool, option("--json", "json")] = False,
        **reading: Any,
    ) -> None:
        from ornstein.metrics import bench_gaps
        from ornstein.metrics.gap_bench import PEERS, WAYS

        x = read_as_told(path, reading, words, as_json)
        with counting(words("working"), len(WAYS) - (0 if peers else len(PEERS)), as_json) as advance:
            found = bench_gaps(x, peers=peers, seed=seed, progress=lambda way: advance(1, way))
        if as_json:
            rows = [{**vars(row), "errors": vars(row.errors)} for row in found.rows]
            show.machine({"rows": rows, "learned": found.learned, "filled": found.filled, "refused": found.refused})
            return
        heads = [*(words(f"head-{name}") for name in ("pattern", "way")), *error_heads(words), words("head-fit"), words("head-fill")]
        table = [(row.pattern, row.way, *errors_row(row.errors), f"{row.fitting:.1f}", f"{row.filling:.2f}") for row in found.rows]
        show.table(words("bench-gaps-title").format(learned=found.learned, filled=found.filled), heads, table)
        for way, reason in found.refused.items():
            show.line(words("bench-skipped").format(sampler=way, reason=translated(reason, words.spoken)))
