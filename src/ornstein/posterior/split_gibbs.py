"""Split Gibbs sampling: what was measured and what the signals are like take turns."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ornstein.posterior.runs import Run

SHARE, INNER = 5, 25
"""Steps of other methods that a turn of both stands for, and steps of the run that draws a signal from a noisy one."""

FIRST, LAST = 10.0, 0.1
"""Distance that both are allowed at the first and at the last turn, over the deviation of the signals."""


@dataclass(frozen=True, eq=False)
class SplitGibbs(Run):
    """z ~ N(x, rho^2 I) given y = A z + n, then x ~ p(x_0) N(z; x_0, rho^2 I), which is the denoiser's own posterior at noise rho.

    (Vono et al. 2019; Wu et al. 2024, arXiv 2405.18782, algorithm 1: rho falls in equal ratios, over the first half of the turns here.)
    The limit is the posterior with rho^2 more noise; separate modes are as far apart for it as for any chain. There are
    ``steps`` / 5 turns. Cost: 5 ``steps`` calls of the denoiser.
    """

    def draw(self) -> Tensor:
        turns = max(2, self.steps // SHARE)
        falling = torch.logspace(1, 0, turns // 2, base=FIRST / LAST, dtype=torch.float64) * LAST * self.scale
        x, number = self.mean + self.scale * self.white(0), 1
        for rho in [*falling.tolist(), *(LAST * self.scale,) * (turns - turns // 2)]:
            z = self.given(x, rho**2, number)
            x, number = self._clean(z, rho, number + 2)
        return x

    def _clean(self, z: Tensor, rho: float, number: int) -> tuple[Tensor, int]:
        levels = torch.linspace(rho ** (1 / 3), (rho / 100) ** (1 / 3), INNER, dtype=torch.float64) ** 3
        for t, s in zip(levels.tolist(), [*levels[1:].tolist(), 0.0], strict=True):
            z = self.ancestral(z, self.denoised(z, t), t, s, self.white(number))
            number += 1
        return z, number
