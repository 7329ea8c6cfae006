"""Decoupled annealing: a clean signal is drawn at every level, and the noise of the next one is put on it anew."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ornstein.posterior.runs import LOWEST, RHO, Run

INNER = 5
"""Steps of the probability flow from a level to a clean signal."""


@dataclass(frozen=True, eq=False)
class Decoupled(Run):
    """x_0 ~ N(f(x_t), t^2 I) given y, with f the probability flow from t to 0 in ``INNER`` steps; then x_s = x_0 + s z.

    (Zhang et al. 2025, arXiv 2407.01521, algorithm 1, whose Langevin chain for x_0 is one exact draw here.) N(f(x_t), t^2 I) stands for
    p(x_0 | x_t), which is narrower. Cost: ``INNER`` calls of the denoiser a level.
    """

    def draw(self) -> Tensor:
        x = self.start()
        for k, (t, s) in enumerate(self.steps_down):
            clean = self._flowed(x, t)
            drawn = self.given(clean, t**2, 3 * k + 1)
            x = drawn + s * self.white(3 * k + 3)
        return x

    def _flowed(self, x: Tensor, t: float) -> Tensor:
        lowest = min(t, self.scale * LOWEST)
        levels = torch.linspace(t ** (1 / RHO), lowest ** (1 / RHO), INNER, dtype=torch.float64) ** RHO
        for now, then in zip(levels.tolist(), [*levels[1:].tolist(), 0.0], strict=True):
            clean = self.denoised(x, now)
            x = clean + then / now * (x - clean)
        return x
