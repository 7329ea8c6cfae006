"""A recording scored along its samples: the windows that begin at every few of them, none of which is cut."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ornstein as orn
from ornstein.cli import show
from ornstein.cli.progress import counting
from ornstein.cli.reading import read_as_told
from ornstein.cli.words import Words
from ornstein.common.errors import InputError
from ornstein.common.files import write_text


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
        nats, p = model.surprise_windows(x, hop)
    found, times = -nats, model.event_shape[-1]
    if output is not None:
        write_text(output, "\n".join(_rows(found, p, hop)), force=force)
    least = sorted((value, case, k) for case, one in enumerate(found) for value, k in _lowest(one, top, times, hop))[:top]
    rarity = [None if p is None else float(p[case, k]) for _, case, k in least]
    if as_json:
        shown = [
            {"recording": case, "start": k * hop, "log_prob": value, "p_value": rare}
            for (value, case, k), rare in zip(least, rarity, strict=True)
        ]
        show.machine({"windows": found.numel(), "hop": hop, "mean": float(found.mean()), "least": shown, "output": output})
        return
    show.line(words("scored-along").format(count=found.numel(), hop=hop, mean=float(found.mean())))
    table = [
        (str(case), str(k * hop), f"{k * hop / x.rate:.3f}" if x.rate else "", f"{value:.2f}", "" if rare is None else f"{rare:.3g}")
        for (value, case, k), rare in zip(least, rarity, strict=True)
    ]
    show.table(words("score-title"), [words(key) for key in ("case", "along-start", "along-seconds", "nats", "p")], table)
    if p is None:
        show.line(words("no-reference" if isinstance(model.law, orn.denoisers.Law) else "no-judges"))


def _rows(found: Any, p: Any, hop: int) -> Iterator[str]:
    """The lines of a table of all windows; p-values only where they are known."""
    yield "recording,start,log_prob_nats" + ("" if p is None else ",p_value")
    for case, one in enumerate(found):
        rarity = itertools.repeat("") if p is None else (f",{value!r}" for value in p[case].tolist())
        yield from (f"{case},{k * hop},{value!r}{rare}" for k, (value, rare) in enumerate(zip(one.tolist(), rarity, strict=False)))
    yield ""


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
