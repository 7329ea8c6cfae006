"""Kernels of the lag that are Markov: each is the output of a small linear system driven by white noise, exactly.

    k(l) = h^T expm(F |l|) P h,      P the stationary covariance of the state     (Särkkä and Solin 2019, chapter 12)

so a series of T values costs O(T) by a Kalman filter, and any time stamps will do.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ornstein.common import checks
from ornstein.common.errors import unknown_name

NAMES = ("constant", "exponential", "matern-3/2", "cosine", "white")
"""The kernels, by how long they remember; "exponential" is that of Ornstein and Uhlenbeck."""
SCALED = ("exponential", "matern-3/2")
"""Those with a time constant that a fit may move."""
_ROOT = math.sqrt(3)


@dataclass(frozen=True)
class TimeKernel:
    """One correlation function of the lag l, in the unit of the time stamps.

    constant     1: the level of a case
    exponential  exp(-l / scale)
    matern-3/2   (1 + a) exp(-a),  a = sqrt(3) l / scale
    cosine       cos(2 pi l / scale): a period whose phase and size belong to the case
    white        1 at l = 0 and 0 elsewhere; it has no state
    """

    name: str
    scale: float = 1.0

    def __post_init__(self) -> None:
        if self.name not in NAMES:
            raise unknown_name("kernel", self.name, NAMES)
        checks.positive(self.scale, "scale")

    def of(self, lag: Tensor) -> Tensor:
        """The correlation at lags >= 0."""
        return correlation(self.name, lag, torch.tensor(self.scale, dtype=torch.float64))

    @property
    def states(self) -> int:
        """The size of the state."""
        return {"constant": 1, "exponential": 1, "matern-3/2": 2, "cosine": 2, "white": 0}[self.name]

    def stationary(self) -> Tensor:
        """P (states, states); the output is the first entry of the state."""
        rate = _ROOT / self.scale
        return torch.diag(torch.tensor([1.0, rate**2 if self.name == "matern-3/2" else 1.0], dtype=torch.float64)[: self.states])

    def transition(self, step: Tensor) -> Tensor:
        """expm(F step) for steps (n,) >= 0, (n, states, states)."""
        if self.name == "constant":
            rows = [[torch.ones_like(step)]]
        elif self.name == "exponential":
            rows = [[torch.exp(-step / self.scale)]]
        elif self.name == "matern-3/2":
            rate = _ROOT / self.scale
            a, fall = rate * step, torch.exp(-rate * step)
            rows = [[(1 + a) * fall, step * fall], [-(rate**2) * step * fall, (1 - a) * fall]]
        else:
            turn = 2 * math.pi * step / self.scale
            rows = [[turn.cos(), turn.sin()], [-turn.sin(), turn.cos()]]
        return torch.stack([torch.stack(row, -1) for row in rows], -2)


def correlation(name: str, lag: Tensor, scale: Tensor) -> Tensor:
    """The correlation at lags >= 0, differentiable in the scale."""
    if name == "constant":
        return torch.ones_like(lag)
    if name == "white":
        return (lag == 0).to(lag)
    if name == "exponential":
        return torch.exp(-lag / scale)
    if name == "cosine":
        return torch.cos(2 * math.pi * lag / scale)
    a = _ROOT * lag / scale
    return (1 + a) * torch.exp(-a)
