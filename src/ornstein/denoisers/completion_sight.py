"""What a network that looks at entries one by one is shown of them, in numbers of unit size."""

from __future__ import annotations

import torch
from torch import Tensor

from ornstein.denoisers.completion_cases import Told

LOWEST = 1e-4
"""Deviation, for signals of unit variance, below which an entry counts as if it had this one."""


def shown(x: Tensor, sigma: Tensor, told: Told) -> Tensor:
    """The ``nets.entries.SHOWN`` signals (row, 7 channel, time) of noisy entries x (row, channel, time) with noise sigma (row,).

    With e and d an entry's mean and deviation given what its case shows, m and s given all noisy entries too:

        (x - e) / sqrt(d^2 + sigma^2),    (m - e) / d,    log s / d,    log sigma / d,    e,    log d,    how far shown ones are off

    The first is NaN where nothing is asked.
    """
    level = sigma.unsqueeze(1)
    d = torch.where(told.asked, told.spread, 1.0).clamp_min(LOWEST)
    s = torch.where(told.asked, told.deviation, 1.0).clamp_min(LOWEST**2)
    noisy = (x.flatten(1) - told.expected) / (d.square() + level.square()).sqrt()
    parts = [
        torch.where(told.asked, noisy, torch.nan),
        (told.mean - told.expected) / d,
        (s / d).log(),
        (level.clamp_min(LOWEST) / d).log(),
        told.expected,
        d.log(),
        told.off,
    ]
    return torch.cat([part.view(x.shape) for part in parts], 1)
