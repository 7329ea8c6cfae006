"""Solving and log-determinants for matrices that are known only by their products."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from ornstein.common.errors import RunError
from ornstein.common.random import Noise

Product = Callable[[Tensor], Tensor]

PROBES = 32
LANCZOS_STEPS = 80
_LANCZOS_CHECK = 10
_ACCEPTED = 1e-6
_PATIENCE = 500
"""Steps without a better iterate after which one with an accepted residual is taken."""


def conjugate_gradients(product: Product, b: Tensor, precondition: Product, *, tolerance: float = 1e-11, steps: int = 2000) -> Tensor:
    """S^-1 b for positive semi-definite S and b in its range, all rows of b (..., m) at once (Hestenes and Stiefel 1952).

    A row stops when its residual is below ``tolerance`` times its right-hand side, or when rounding keeps it from getting there
    (S close to singular). The best iterate is returned if its residual, computed afresh, is below 1e-6, else ``RunError``.
    Cost: one product a step, and a few more to check the residuals.
    """
    x, r = torch.zeros_like(b), b
    goal, eps = _norm(b), torch.finfo(b.dtype).eps
    best, best_x = goal, x
    running, error, largest = goal > 0, torch.zeros_like(goal), _ratio(_norm(product(b)), goal)
    waited = torch.zeros_like(goal)
    z = precondition(r)
    p, rz = z, (r * z).sum(-1, keepdim=True)
    for step in range(1, steps + 1):
        sp = product(p)
        a = torch.where(running, _ratio(rz, (p * sp).sum(-1, keepdim=True)), torch.zeros_like(rz))
        x, r = x + a * p, r - a * sp
        # Every step takes r about eps |S| |a p| away from b - S x. Along a null direction of S the curvature p^T S p is nothing
        # but rounding, and the step as long as chance will have it: r may go on falling while b - S x explodes.
        largest = torch.maximum(largest, _ratio(_norm(sp), _norm(p)))
        error = error + eps * largest * a.abs() * _norm(p)
        if step % 50 == 0 or bool((error > _norm(r)).any()):
            r, before, error = b - product(x), r, torch.zeros_like(error)
            running = running & (_norm(r - before) < best)
        residual = _norm(r)
        better = residual + error < best
        best, best_x = torch.where(better, residual + error, best), torch.where(better, x, best_x)
        waited = torch.where(better, torch.zeros_like(waited), waited + 1)
        running = running & (residual > tolerance * goal) & ((waited < _PATIENCE) | (best > _ACCEPTED * goal))
        if not bool(running.any()):
            break
        z = precondition(r)
        rz, last = (r * z).sum(-1, keepdim=True), rz
        p = z + _ratio(rz, last) * p
    best = _ratio(_norm(b - product(best_x)), goal)
    if bool((best > _ACCEPTED).any()):
        raise RunError(
            f"conjugate gradients stopped after {step} steps at a relative residual of {float(best.max()):.1g}: "
            "the measurement is nearly contradictory; give it some noise"
        )
    return best_x


def _norm(x: Tensor) -> Tensor:
    norm: Tensor = torch.linalg.vector_norm(x, dim=-1, keepdim=True)
    return norm


def _ratio(a: Tensor, b: Tensor) -> Tensor:
    """a / b, or 0 unless b > 0."""
    return torch.where(b > 0, a / torch.where(b > 0, b, torch.ones_like(b)), torch.zeros_like(b))


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
