"""Denoising diffusion restoration: every singular direction of the measurement on its own."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ornstein.posterior.runs import Run

ETA, ETA_B = 0.85, 1.0


@dataclass(frozen=True, eq=False)
class Restoration(Run):
    """In the right singular vectors of R^-1/2 A, with singular values c and the deviation 1 / c of what each direction says of x_0:

        not measured            x_s = D + s (1 - eta^2)^1/2 (x_t - D) / t + eta s z
        known worse than x_s    x_s = D + s (1 - eta^2)^1/2 c (y - D) + eta s z
        known better            x_s = (1 - eta_b) D + eta_b y + (s^2 - eta_b^2 / c^2)^1/2 z

    (Kawar et al. 2022, arXiv 2201.11793, eq. 7 and 8, eta = .85, eta_b = 1.) Right where the directions are independent under the prior.
    Cost: one call of the denoiser a level.
    """

    def draw(self) -> Tensor:
        root = torch.linalg.cholesky(self.seen.r + 1e-8 * self.scale**2 * torch.eye(self.seen.size, dtype=torch.float64))
        white_rows = torch.linalg.solve_triangular(root, self.seen.rows, upper=False)
        left, values, right = torch.linalg.svd(white_rows, full_matrices=False)
        told = values > 1e-8 * torch.linalg.matrix_norm(white_rows)
        basis: Tensor = torch.linalg.qr(torch.cat([right[told], torch.eye(len(self.mean), dtype=torch.float64)]).T)[0].T
        basis[: int(told.sum())] = right[told]
        y = torch.linalg.solve_triangular(root, self.seen.y.T, upper=False).T @ left[:, told] / values[told]
        error, count = 1 / values[told], int(told.sum())
        x = self.start() @ basis.T
        x[:, :count] = y + ((self.scale * 80) ** 2 - error**2).clamp_min(0).sqrt() * self.white(0)[:, :count]
        for k, (t, s) in enumerate(self.steps_down):
            clean, z = self.denoised(x @ basis, t) @ basis.T, self.white(k + 1)
            after = clean + s * (1 - ETA**2) ** 0.5 * (x - clean) / t + ETA * s * z
            own, mine = clean[:, :count], z[:, :count]
            worse = own + s * (1 - ETA**2) ** 0.5 * (y - own) / error + ETA * s * mine
            better = (1 - ETA_B) * own + ETA_B * y + (s**2 - ETA_B**2 * error**2).clamp_min(0).sqrt() * mine
            after[:, :count] = torch.where(s < error, worse, better)
            x = after
        found: Tensor = x @ basis
        return found
