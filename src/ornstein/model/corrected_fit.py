"""A fit with a learned correction of its quantiles in gaps, judged by cases that are set aside."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

from ornstein.common.errors import InputError, unknown_name
from ornstein.common.signals import Signals
from ornstein.covariance.batches import is_stream
from ornstein.fitting.recipe import Structured
from ornstein.model.accepted import values_of
from ornstein.model.model import Model

CORRECTIONS = ("learned",)
FEWEST = 10
"""Cases, beside those set aside, that a correction is learned from."""


def fit_corrected(fit: Callable[..., Any], x: object, model: object, given: dict[str, Any], options: dict[str, Any]) -> Model:
    """``fit(x, model, **given, **options)`` on all cases but the last tenth, which says whether a learned correction gains; on all cases
    where it does not. A network is trained once. Raises ``InputError`` for what no correction stands on, and for too few cases."""
    if given["correction"] not in CORRECTIONS:
        raise unknown_name("correction", given["correction"], CORRECTIONS)
    masks = options.get("masks")
    if model not in ("gaussian", "mixture") and not isinstance(model, Structured) and not (model == "network" and masks is not None):
        raise InputError(
            "correction is given, but it stands on a Gaussian, a mixture, or a network with masks=Masks(): fit one of these, or leave "
            "correction out"
        )
    if given["condition"] is not None or given["labels"] is not None:
        raise InputError("labels or a condition are given, but a correction knows none: leave them or correction out")
    if given["engine"] is not None or is_stream(x):
        raise InputError("correction needs all values at once, but x is read piece by piece: load x into memory, or leave correction out")
    values, (channels, units, rate) = values_of(x)
    times = x.times if isinstance(x, Signals) else None
    last = len(values) - max(2, len(values) // 10)
    kept = last - (given["overlap"] or 0)
    if kept < FEWEST:
        raise InputError(f"x holds {len(values)} cases, but a correction needs at least {FEWEST + 2}: leave correction out")
    both = {**given, **options, "correction": None}

    def law(cases: Tensor) -> Model:
        whole = Signals(cases, rate, channels, units, times=times) if channels else cases
        found: Model = fit(whole, model, **both)
        return found

    part = law(values[:kept])
    found = part.corrected(values[:kept], values[last:], masks=masks, seed=given["seed"], progress=given["progress"])
    return law(values) if found.correction is None and masks is None else found
