"""An upper bound on a mean from a sample, when the mean may rest on events too rare for the sample."""

from __future__ import annotations

import torch
from torch import Tensor

from ornstein.common import checks
from ornstein.common.errors import InputError
from ornstein.common.random import Noise

_DRAWS = 2048
"""Draws of the spacings: the 0.95 quantile of them is that of 2048 values, off by .005 in level (one deviation)."""
_CHUNK = 1 << 20
"""Numbers drawn at once."""


def mean_at_most(values: Tensor, most: float, level: float = 0.95) -> float:
    """A number that the mean of a law on [0, ``most``] exceeds in no more than a share 1 - ``level`` of samples ``values`` (case,).

    The mean is int F^-1(u) du. Were the ranks u_(1) < ... < u_(n) of the sorted values known, it could not exceed

        sum_i (u_(i) - u_(i-1)) x_(i)  +  (1 - u_(n)) most,        u_(0) = 0,

    and ranks are uniform whatever the law, so their spacings are drawn, and the quantile at ``level`` of that sum is the bound
    (Learned-Miller and Thomas 2019, arXiv:1905.06208). Where every value is 0 or ``most`` it is ``most`` times the bound of Clopper
    and Pearson (1934) on a share: 1 - (1 - level)^(1/n) where none is seen. Raises ``InputError`` for no values, and for one outside.
    """
    x = checks.tensor(values, "values", ndim=(1,))
    if not len(x) or float(x.min()) < 0 or float(x.max()) > most:
        raise InputError(f"values must be numbers from 0 to most = {most:g}, at least one of them")
    if not 0 < checks.real(level, "level") < 1:
        raise InputError(f"level is {level:g}, but must lie between 0 and 1")
    ladder = torch.cat([x.sort().values, torch.tensor([most], dtype=torch.float64, device=x.device)]).cpu()
    rows, sums = max(1, _CHUNK // len(ladder)), []
    for first in range(0, _DRAWS, rows):
        spacing = -Noise(0, first).uniform(min(rows, _DRAWS - first), (len(ladder),)).log()
        sums.append(spacing @ ladder / spacing.sum(1))
    return float(torch.cat(sums).quantile(level))
