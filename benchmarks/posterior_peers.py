"""Diffusion posterior sampling and moment matching, as their papers have them, for a denoiser that can be differentiated."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ornstein.denoisers import Denoiser


def dps(denoiser: Denoiser, rows: Tensor, y: Tensor, start: Tensor, levels: Tensor) -> Tensor:
    """Chung et al. (2023), algorithm 1 in data scale: an ancestral step, minus the gradient of |y - A D(x)|, the norm of each case."""
    x = float(levels[0]) * start
    generator = torch.Generator().manual_seed(1)
    for t, s in zip(levels[:-1].tolist(), levels[1:].tolist(), strict=True):
        x = x.requires_grad_(True)
        with torch.enable_grad():
            clean = denoiser(x, t).mean
            (slope,) = torch.autograd.grad((y - clean @ rows.T).norm(dim=-1).sum(), x)
        x = _step(x.detach(), clean.detach(), t, s, generator) - slope
    return x


def mmps(denoiser: Denoiser, rows: Tensor, y: Tensor, noise: float, start: Tensor, levels: Tensor) -> Tensor:
    """Rozet et al. (2024), eq. 21: D + V A^T (R + A V A^T)^-1 (y - A D) with V = t^2 dD/dx, solved exactly, in ancestral steps."""
    x = float(levels[0]) * start
    generator = torch.Generator().manual_seed(1)
    for t, s in zip(levels[:-1].tolist(), levels[1:].tolist(), strict=True):
        x = x.requires_grad_(True)
        with torch.enable_grad():
            clean = denoiser(x, t).mean
            seen = [torch.autograd.grad((clean @ row).sum(), x, retain_graph=True)[0] for row in rows]
        products, clean = t**2 * torch.stack(seen, 1), clean.detach()  # V A^T as rows, (case, m, d)
        system = products @ rows.T
        system = 0.5 * (system + system.mT) + noise**2 * torch.eye(len(rows), dtype=system.dtype)
        weights = torch.linalg.solve(system, y - clean @ rows.T)
        guided = clean + (weights.unsqueeze(1) @ products).squeeze(1)
        x = _step(x.detach(), guided, t, s, generator)
    return x


def _step(x: Tensor, clean: Tensor, t: float, s: float, generator: torch.Generator) -> Tensor:
    """The bridge from level t to s through a clean signal; s = 0 ends there."""
    a = (s / t) ** 2
    return a * x + (1 - a) * clean + s * math.sqrt(1 - a) * torch.randn(x.shape, dtype=x.dtype, generator=generator)
