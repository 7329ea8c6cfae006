"""A recording scored along its samples: the windows that begin at every few of them, none of which is cut."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ornstein.cli import show
from ornstein.cli.progress import counting
from ornstein.cli.reading import read_as_told
from ornstein.cli.words import Words
from ornstein.common.errors import InputError
from ornstein.common.files import write_text

if TYPE_CHECKING:
    import ornstein as orn


def refuse_with_hop(asked: list[str]) -> None:
    """Options that only signals on their own have."""
    if asked:
        raise InputError(f"{asked[0]} is given beside --hop, which scores windows where they stand: give --window, which cuts them first")


def score_along(
    model: orn.Model, path: Path, hop: int, output: Path | None, top: int, reading: dict[str, Any], words: Words, as_json: bool, force: bool
) -> None:
    """Score the windows that begin at 0, hop, 2 hop, ...; show the least likely, no two of which overlap, and write all as a table."""
    x = read_as_told(path, reading, words, as_json)
    if not hasattr(model, "log_prob_windows"):
        raise InputError("--hop is given without --window, but a model of symbols has no windows: give --window")
    with counting(words("scoring"), None, as_json):
        found = model.log_prob_windows(x, hop)
    times = model.event_shape[-1]
    if output is not None:
        rows = (f"{case},{k * hop},{value!r}" for case, one in enumerate(found) for k, value in enumerate(one.tolist()))
        write_text(output, "\n".join(itertools.chain(["recording,start,log_prob_nats"], rows, [""])), force=force)
    least = sorted((value, case, k * hop) for case, one in enumerate(found) for value, k in _lowest(one, top, times, hop))[:top]
    if as_json:
        shown = [{"recording": case, "start": start, "log_prob": value} for value, case, start in least]
        show.machine({"windows": found.numel(), "hop": hop, "mean": float(found.mean()), "least": shown, "output": output})
        return
    show.line(words("scored-along").format(count=found.numel(), hop=hop, mean=float(found.mean())))
    seconds = [f"{start / x.rate:.3f}" if x.rate else "" for _, _, start in least]
    table = [(str(case), str(start), at, f"{value:.2f}") for (value, case, start), at in zip(least, seconds, strict=True)]
    show.table(words("score-title"), [words(key) for key in ("case", "along-start", "along-seconds", "nats")], table)


def _lowest(values: Any, top: int, times: int, hop: int) -> list[tuple[float, int]]:
    """(log-density, window) of the least likely windows of a recording, none of which overlaps one before it."""
    left, found = values.clone(), []
    for _ in range(min(top, len(values))):
        k = int(left.argmin())
        if left[k] == float("inf"):
            break
        found.append((float(values[k]), k))
        near = -(-times // hop)
        left[max(k - near + 1, 0) : k + near] = float("inf")
    return found
