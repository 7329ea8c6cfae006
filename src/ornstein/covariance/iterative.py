"""Solving and log-determinants for matrices that are known only by their products."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from ornstein.errors import RunError
from ornstein.random import Noise

Product = Callable[[Tensor], Tensor]

PROBES = 32
LANCZOS_STEPS = 80
_LANCZOS_CHECK = 10


def conjugate_gradients(product: Product, b: Tensor, precondition: Product, *, tolerance: float = 1e-11, steps: int = 2000) -> Tensor:
    """S^-1 b for positive definite S, all rows of b (..., m) at once (Hestenes and Stiefel 1952).

    Stops when every residual is below ``tolerance`` times its right-hand side; where rounding keeps it from getting there
    (S close to singular), the best iterate is returned if its residual is below 1e-6, else ``RunError``.
    """
    x, r = torch.zeros_like(b), b
    goal = b.norm(dim=-1)
    best, best_x = torch.full_like(goal, torch.inf), x
    z = precondition(r)
    p, rz = z, (r * z).sum(-1, keepdim=True)
    for step in range(steps):
        sp = product(p)
        curvature = (p * sp).sum(-1, keepdim=True)
        a = torch.where(curvature > 0, rz / curvature.clamp_min(1e-300), torch.zeros_like(rz))
        x, r = x + a * p, r - a * sp
        if step % 50 == 49:
            r = b - product(x)
        residual = r.norm(dim=-1)
        better = residual < best
        best, best_x = torch.where(better, residual, best), torch.where(better.unsqueeze(-1), x, best_x)
        if bool((best <= tolerance * goal).all()):
            return best_x
        z = precondition(r)
        rz, last = (r * z).sum(-1, keepdim=True), rz
        p = z + torch.where(last > 0, rz / last.clamp_min(1e-300), torch.zeros_like(rz)) * p
    if bool((best > 1e-6 * goal).any()):
        raise RunError(
            f"conjugate gradients stopped after {steps} steps at a relative residual of {float((best / goal).max()):.1g}: "
            "the measurement is nearly contradictory; give it some noise"
        )
    return best_x


def lanczos_logdet(product: Product, size: int, *, seed: int = 0) -> Tensor:
    """log det S by stochastic Lanczos quadrature (Ubaru, Chen and Saad 2017): 32 random signs, at most 80 steps each.

    The probes run as one batch and stop when the steps matter less than the choice of the probes. The standard error is
    sqrt(2 / 32) times the norm of log S off its diagonal. No basis is kept: the copies of eigenvalues that rounding then
    brings share the weight of the original and leave the quadrature as it is.
    """
    q = Noise(seed).normal(PROBES, (size,)).sign() / math.sqrt(size)
    last, b = torch.zeros_like(q), torch.zeros(PROBES, dtype=q.dtype)
    diagonals: list[Tensor] = []
    off: list[Tensor] = []
    estimate = torch.full((PROBES,), torch.inf, dtype=q.dtype)
    for step in range(1, min(LANCZOS_STEPS, size) + 1):
        w = product(q) - b.unsqueeze(-1) * last
        a = (q * w).sum(-1)
        w = w - a.unsqueeze(-1) * q
        b = w.norm(dim=-1)
        diagonals.append(a)
        off.append(b)
        last, q = q, w / b.clamp_min(1e-300).unsqueeze(-1)
        if step % _LANCZOS_CHECK == 0 or step == min(LANCZOS_STEPS, size):
            before, estimate = estimate, size * _log_quadrature(diagonals, off[:-1])
            if bool((estimate - before).mean().abs() <= 0.1 * estimate.std() / math.sqrt(PROBES)):
                break
    return estimate.mean()


def _log_quadrature(diagonals: list[Tensor], off: list[Tensor]) -> Tensor:
    """e_1^T log(T) e_1 of the tridiagonal matrices T."""
    t = torch.diag_embed(torch.stack(diagonals, -1))
    if off:
        side = torch.stack(off, -1)
        t = t + torch.diag_embed(side, 1) + torch.diag_embed(side, -1)
    nodes, vectors = torch.linalg.eigh(t)
    quadrature: Tensor = (vectors[:, 0, :] ** 2 * nodes.clamp_min(1e-300).log()).sum(-1)
    return quadrature
