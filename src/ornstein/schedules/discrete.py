"""Schedules given by a list: any betas or abar, the tutorial's sigmoid among them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ornstein.common import checks
from ornstein.common.errors import InputError
from ornstein.schedules.base import Grid, Schedule, Time, as_time, whole


@dataclass(frozen=True)
class Discrete(Schedule):
    """A chain of T steps given by abar_1 > ... > abar_T (alpha_t^2 = abar_t, sigma_t^2 = 1 - abar_t), at the times t = i / T.

    Between the steps -log abar is linear, so beta is constant within a step; abar_T = 0 is allowed (zero terminal SNR), and
    its last step is then linear in abar. Build it with ``Discrete.from_betas(...)``, ``Discrete.sigmoid()`` or from abar.
    """

    abar: tuple[float, ...]
    _knots: Tensor = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        abar = checks.tensor(torch.as_tensor(self.abar, dtype=torch.float64), "abar", ndim=(1,))
        if not len(abar):
            raise InputError("abar is empty, but a chain needs at least one step")
        if float(abar.max()) > 1 or float(abar.min()) < 0:
            raise InputError(f"abar runs from {float(abar.max()):g} to {float(abar.min()):g}, but must lie in [0, 1]")
        bad = (abar.diff(prepend=torch.ones(1, dtype=torch.float64)) >= 0).nonzero()[:, 0]
        if len(bad):
            i = int(bad[0])
            raise InputError(f"abar is not decreasing at step {i + 1}: it must fall from below 1, and every step must add noise")
        object.__setattr__(self, "abar", tuple(abar.tolist()))
        object.__setattr__(self, "_knots", torch.cat([torch.zeros(1, dtype=torch.float64), -abar.log()]))

    @classmethod
    def from_betas(cls, betas: Sequence[float] | Tensor) -> Discrete:
        """abar_t = prod (1 - beta_s), accumulated in logarithms."""
        beta = checks.tensor(betas, "betas", ndim=(1,))
        if not len(beta) or float(beta.min()) <= 0 or float(beta.max()) > 1:
            raise InputError("betas must be a non-empty list of numbers in (0, 1]: each is the variance that its step adds")
        return cls(tuple(torch.exp(torch.log1p(-beta).cumsum(0)).tolist()))

    @classmethod
    def sigmoid(cls, steps: int = 100, beta_max: float = 0.1) -> Discrete:
        """The tutorial's chain: beta = beta_max sigmoid(linspace(-6, 6, steps))."""
        ramp = torch.linspace(-6, 6, whole(steps), dtype=torch.float64)
        return cls.from_betas(checks.positive(beta_max, "beta_max") * torch.sigmoid(ramp))

    @property
    def steps(self) -> int:
        """T, the length of the chain."""
        return len(self.abar)

    def _exponent(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """(-log abar_t, its derivative in t)."""
        position = t * self.steps
        i = (position.ceil().long() - 1).clamp(0, self.steps - 1)
        low, high = self._knots[i], self._knots[i + 1]
        part = position - i
        ends = torch.isinf(high)
        step = torch.where(ends, torch.zeros_like(low), high - low)
        inside = low + part * step
        slope = step * self.steps
        left = (1 - part).clamp_min(0)
        return torch.where(ends, low - left.log(), inside), torch.where(ends, self.steps / left, slope)

    def alpha(self, t: Time) -> Tensor:
        return torch.exp(-0.5 * self._exponent(as_time(t))[0])

    def sigma(self, t: Time) -> Tensor:
        return torch.sqrt(-torch.expm1(-self._exponent(as_time(t))[0]))

    def time(self, noise: Time) -> Tensor:
        exponent = torch.log1p(torch.as_tensor(noise, dtype=torch.float64) ** 2)
        i = (torch.searchsorted(self._knots, exponent) - 1).clamp(0, self.steps - 1)
        low, high = self._knots[i], self._knots[i + 1]
        ends = torch.isinf(high)
        part = torch.where(ends, -torch.expm1(low - exponent), (exponent - low) / torch.where(ends, torch.ones_like(low), high - low))
        return ((i + part) / self.steps).clamp(0, 1)

    def rates(self, t: Time) -> tuple[Tensor, Tensor]:
        time = as_time(t)
        exponent, slope = self._exponent(time)
        alpha = torch.exp(-0.5 * exponent)
        # at zero terminal SNR slope alpha^2 stays finite while slope alpha does not: the convention there is 0
        fall = -0.5 * torch.where(alpha > 0, slope * alpha, torch.zeros_like(alpha))
        rise = 0.5 * torch.where(alpha > 0, slope * alpha**2, torch.zeros_like(alpha)) / self.sigma(time)
        return fall, rise

    def grid(self, steps: int) -> Grid:
        """``steps`` of the chain's own times, evenly chosen and always from T to 0; at most T of them."""
        steps = checks.count(steps, "steps", at_most=self.steps)
        index = torch.linspace(self.steps, 0, steps + 1, dtype=torch.float64).round()
        return Grid(index / self.steps)
