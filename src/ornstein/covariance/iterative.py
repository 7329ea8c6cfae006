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
_CHECK = 50


def conjugate_gradients(product: Product, b: Tensor, precondition: Product, *, tolerance: float = 1e-11, steps: int = 2000) -> Tensor:
    """S^-1 b for positive semi-definite S and b in its range, all rows of b (..., m) at once (Hestenes and Stiefel 1952).

    A row is done when its residual, computed afresh as b - S x, is below ``tolerance`` |b|, or when rounding keeps it from
    falling further (S close to singular): the iterate with the smallest one is returned if that is below 1e-6 |b|, else
    ``RunError``. Cost: one product a step, and one to check the residuals every 50 steps and at the end.
    """
    x, r, p = torch.zeros_like(b), b, torch.zeros_like(b)
    norm = _norm(b)
    best, best_x = norm, x
    rz, largest = torch.zeros_like(norm), torch.zeros_like(norm)
    unsolved = moving = norm > 0
    for step in range(1, steps + 1):
        z = precondition(r)
        last, rz = rz, (r * z).sum(-1, keepdim=True)
        p = z + _ratio(rz, last) * p
        sp = product(p)
        a = _ratio(rz, (p * sp).sum(-1, keepdim=True))
        largest = torch.maximum(largest, _ratio(_norm(sp), _norm(p)))
        # near the null space of S the curvature p^T S p is nothing but rounding, and so would be the length of the step:
        # it is taken only if the rounding error that it brings, eps |S| |a p|, is below the residual that it is to reduce
        sound = torch.finfo(b.dtype).eps * largest * a * _norm(p) < _norm(r)
        a = torch.where(moving & sound & (a > 0), a, torch.zeros_like(a))
        x, r = x + a * p, r - a * sp
        moving = (a > 0) & (_norm(r) > tolerance * norm)
        if step % _CHECK and step < steps and bool(moving.any()):
            continue
        r = b - product(x)
        residual = _norm(r)
        worth = residual < 0.5 * best
        best, best_x = torch.minimum(residual, best), torch.where(residual < best, x, best_x)
        unsolved = unsolved & (best > tolerance * norm) & (moving | worth)
        rz = torch.where(moving, rz, torch.zeros_like(rz))  # a row that had come to rest starts again from its true residual
        moving = unsolved
        if not bool(unsolved.any()):
            break
    if bool((best > 1e-6 * norm).any()):
        raise RunError(
            f"conjugate gradients stopped after {step} steps at a relative residual of {float(_ratio(best, norm).max()):.1g}: "
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
