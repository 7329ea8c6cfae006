"""Diffusion posterior sampling: a gradient step towards y after every step."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ornstein.common.errors import InputError
from ornstein.posterior.runs import Run


@dataclass(frozen=True, eq=False)
class Gradient(Run):
    """x_s <- x_s - zeta grad_x |y - A D(x_t)|, in coordinates of unit total variance (Chung et al. 2023, arXiv 2209.14687, algorithm 1).

    The norm is that of each case alone; taken over a batch, as in the code that was published, what a case gets depends on its neighbours.
    The length of a step knows neither R nor what is left of the variance of x_0, so that no number of steps makes the answer right.
    Cost: one call of the denoiser and one pass back a level.
    """

    zeta: float = 1.0

    def draw(self) -> Tensor:
        x = self.start()
        for k, (t, s) in enumerate(self.steps_down):
            with torch.enable_grad():
                at = x.detach().clone().requires_grad_(True)
                clean = self.denoised(at, t)
                if not clean.requires_grad:
                    raise InputError(
                        f"a {self.inner.described()} cannot be differentiated, which method 'dps' needs: choose 'split-gibbs' or 'twisted'"
                    )
                missed = (self.seen.y - clean @ self.seen.rows.T).norm(dim=1).sum()
                (slope,) = torch.autograd.grad(missed, at)
            # a step in x / (1 + s^2)^1/2, along a slope in x / (1 + t^2)^1/2, both for signals of unit scale
            length = self.zeta * self.scale * ((1 + (t / self.scale) ** 2) * (1 + (s / self.scale) ** 2)) ** 0.5
            x = self.ancestral(x, clean.detach(), t, s, self.white(k + 1)) - length * slope
        return x
