"""DiffPIR: half quadratic splitting along a diffusion."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from ornstein.posterior.runs import Run

LAMBDA, ZETA = 7.0, 0.3
"""Weight of the prior, and share of new noise in a step (Zhu et al. 2023, section 4; the values of their code)."""


@dataclass(frozen=True, eq=False)
class Splitting(Run):
    """x^ = argmin_x |y - A x|^2_R + LAMBDA |x - D(x_t)|^2 / t^2, then x_s = x^ + s ((1 - ZETA)^1/2 (x_t - x^) / t + ZETA^1/2 z).

    (Zhu et al. 2023, arXiv 2305.08995, algorithm 1.) A point estimate in noise: its spread is not that of a posterior. Cost: one call of
    the denoiser a level.
    """

    def draw(self) -> Tensor:
        x = self.start()
        for k, (t, s) in enumerate(self.steps_down):
            clean = self.gained(self.denoised(x, t), t**2 / LAMBDA)
            x = clean + s * ((1 - ZETA) ** 0.5 * (x - clean) / t + ZETA**0.5 * self.white(k + 1))
        return x
