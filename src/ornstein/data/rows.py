"""A frame without a clock and without cases, whose rows are taken for vectors: what is said of it."""

from __future__ import annotations

import warnings

import torch
from torch import Tensor

from ornstein.common.signals import Signals

ALIKE = 0.5
"""Correlation of neighbouring rows from which they look like samples of one recording."""
_ROWS = 20
"""Below so many, chance alone makes neighbours alike."""


def warn_of_rows(x: Signals) -> None:
    """A ``UserWarning`` where rows look like samples of a recording; nothing for other rows, and for signals that are no vectors.

    Rows look so where half of the columns are correlated with themselves one row before by ``ALIKE`` or more: the rows of a table of
    cases come in any order.
    """
    cases, _, length = x.shape
    if length == 1 and cases >= _ROWS and (correlation := _neighbours(x.values[:, :, 0])) >= ALIKE:
        warnings.warn(
            f"the frame has no clock and no cases, so each of its {cases} rows is a case of its own; but rows are like those before them "
            f"(correlation {correlation:.2f}): if they are samples of one recording, pass read(x, rate=..., window=...), or give the frame "
            "an index of times",
            UserWarning,
            stacklevel=4,
        )


def _neighbours(values: Tensor) -> float:
    """The median over columns (row, column) of the correlation of a row and the one before; 0 where none varies."""
    before, after = values[:-1].to(torch.float64), values[1:].to(torch.float64)
    before, after = before - before.nanmean(0), after - after.nanmean(0)
    scale = (before.square().nansum(0) * after.square().nansum(0)).sqrt()
    return float(torch.where(scale > 0, (before * after).nansum(0) / scale, 0.0).median())
