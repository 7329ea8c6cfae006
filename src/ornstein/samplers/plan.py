"""Grids by three numbers, the ones that tuning turns: where the steps begin, where they end, and how they are spaced."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ornstein.schedules import Grid, Schedule


@dataclass(frozen=True)
class Plan:
    """A grid in data scale: levels from ``high`` to ``low``, evenly spaced in n^power (in log n at 0), and then 0.

    With ``jump`` the run gets from its start to ``high`` by teleport.
    """

    high: float
    low: float
    power: float
    jump: bool = False

    def grid(self, schedule: Schedule, count: int, first: float) -> Grid:
        """``count`` levels and 0, as times that begin at ``first``."""
        ramp = torch.linspace(0, 1, count, dtype=torch.float64)
        if self.power == 0:
            n = self.high * (self.low / self.high) ** ramp
        else:
            n = (self.high**self.power + ramp * (self.low**self.power - self.high**self.power)) ** (1 / self.power)
        times = torch.cat([schedule.time(n), torch.zeros(1, dtype=torch.float64)])
        if self.jump:
            return Grid(torch.cat([torch.tensor([first], dtype=torch.float64), times]))
        times[0] = first
        return Grid(times)
