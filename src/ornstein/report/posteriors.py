"""Whether the posteriors of a saved model are right: a quarter of each signal is hidden, and the truth ranked among what it answers."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch

from ornstein.common.signals import Signals
from ornstein.denoisers import Law
from ornstein.measurements import Mask
from ornstein.metrics import Checked, check
from ornstein.model import Model
from ornstein.report.words import Number, Words

HIDDEN = 0.25
"""The share of a signal that is hidden, in its middle."""

CASES, FEW = 200, 20
"""Signals that are asked about of a law in closed form; of a network, and the fewest that are ranked."""

LARGE = 1024
"""Entries beyond which a law in closed form is asked as seldom as a network."""

SAID = 0.9
"""The band that the verdict speaks of."""


class Tried(NamedTuple):
    """What was found; ``own``: the truth was drawn from the model itself."""

    found: Checked
    own: bool


def tried(model: Model, x: Signals, seed: int) -> Tried | None:
    """The check with the signals of the page as truth, or with draws of the model where they are few; None for single samples."""
    length = model.event_shape[-1]
    width = round(HIDDEN * length)
    if not 0 < width < length:
        return None
    begin, at = (length - width) // 2, torch.arange(length)
    closed = isinstance(model.law, Law) and math.prod(model.event_shape) <= LARGE
    count = CASES if closed else FEW
    truth = model.signals_of(x)[:count] if len(x) >= FEW else None
    found = check(model, Mask((at < begin) | (at >= begin + width)), x=truth, cases=count, close=True, seed=seed)
    return Tried(found, truth is None)


def numbers(found: Checked) -> dict[str, Number]:
    """What the section shows, by key."""
    result, close = found.result, found.close
    shown = {f"posterior_{round(100 * c.level)}": Number(c.value, c.error, percent=True) for c in result.coverage}
    shown |= {f"posterior_{name}": Number(getattr(result, name)) for name in ("crps", "energy", "interval")}
    shown |= {"posterior_p": Number(result.p_value), "posterior_cases": Number(found.cases)}
    if close is not None:
        shown["posterior_close"] = Number(close.p_value)
        if close.c2st is not None:
            shown["posterior_c2st"] = Number(close.c2st)
    return shown


def content(tried: Tried, words: Words) -> str:
    """The section in HTML: one verdict, how it was found, and its numbers."""
    found, own = tried
    said = {key: number.html(key) for key, number in numbers(found).items()}
    close = found.close
    rows = [(f"{100 * c.level:g}%", said[f"posterior_{round(100 * c.level)}"]) for c in found.result.coverage]
    rows += [(words.both(f"posteriors.{name}"), said[f"posterior_{name}"]) for name in ("crps", "energy", "interval")]
    if close is not None:
        key = "posteriors.stein" if close.c2st is None else "posteriors.c2st"
        rows.append((words.both(key), said.get("posterior_c2st", "–") + f" (p = {said['posterior_close']})"))
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    verdict = found.verdict.replace(" ", "-")
    good = "good" if verdict == "right" else "attention"
    return (
        f'<ul><li class="{good}" data-verdict="{verdict}">{words.both(f"posteriors.{verdict}")}</li></ul>'
        f'<p class="small">{words.both("posteriors.own" if own else "posteriors.how")}</p>'
        f'<div class="table"><table><thead><tr><th>{words.both("table.band")}</th><th>{words.both("table.measured")}</th></tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )
