"""Functions of a covariance that exists only through its products, applied to one vector per case by a few Lanczos steps."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ornstein.common.errors import InputError

Product = Callable[[Tensor], Tensor]
"""Vectors (..., d) -> C times each of them."""


def apply(product: Product, f: Callable[[Tensor], Tensor], z: Tensor, iterations: int) -> Tensor:
    """f(C) z for a symmetric C >= 0 and z (..., d), every leading index a case of its own.

        Q = orthonormal basis of span(z, C z, ..., C^(m-1) z),     f(C) z ~ |z| Q f(Q^T C Q) e_1

    (Lanczos; Golub and Van Loan, section 10.1; the error is that of the best polynomial of degree m - 1 for f). The basis is
    orthogonalised in full, twice a step, so m = d is exact. Of a C that is not quite symmetric, as the Jacobian of a network,
    the symmetric part counts, and negative Ritz values count as 0. Cost: ``iterations`` products, at most d; memory 2 m vectors.
    """
    size = z.norm(dim=-1, keepdim=True)
    basis = (z / torch.where(size > 0, size, torch.ones_like(size))).unsqueeze(-2)
    products = product(basis[..., 0, :]).unsqueeze(-2)
    for _ in range(min(iterations, z.shape[-1]) - 1):
        new = _direction(products[..., -1, :], basis)
        basis = torch.cat([basis, new.unsqueeze(-2)], -2)
        products = torch.cat([products, product(new).unsqueeze(-2)], -2)
    small = basis @ products.mT
    ritz, turn = torch.linalg.eigh((small + small.mT) / 2)
    # a root would turn rounding error of 1e-16 into 1e-8: as in every structure, values below it are those of null directions
    rounding = z.shape[-1] * torch.finfo(z.dtype).eps * ritz.amax(-1, keepdim=True)
    ritz = torch.where(ritz > rounding, ritz, torch.zeros_like(ritz))
    inside = (turn * (f(ritz) * turn[..., 0, :]).unsqueeze(-2)).sum(-1)
    moved: Tensor = size * (inside.unsqueeze(-2) @ basis).squeeze(-2)
    return moved


def _direction(w: Tensor, basis: Tensor) -> Tensor:
    """What of w (..., d) is outside the basis (..., m, d), normalised; 0 where nothing is, which ends the space of that case."""
    for _ in range(2):
        w = w - ((basis @ w.unsqueeze(-1)) * basis).sum(-2)
        norm = w.norm(dim=-1, keepdim=True)
        w = w / torch.where(norm > 0, norm, torch.ones_like(norm))
    # the second pass keeps the length of a true direction, and takes that of one that rounding had made up
    return torch.where(norm > 0.5, w, torch.zeros_like(w))


def linearize(f: Callable[[Tensor], Tensor], x: Tensor) -> tuple[Tensor, Product]:
    """(f(x), v -> (df/dx)^T v) for vectors of flattened events (..., d): one call of f, then one backward pass a product.

    Backward and not forward, because every network that can be trained supports it, and f is not computed again; where df/dx
    is symmetric the two agree. Raises ``InputError`` for an f that was made undifferentiable.
    """
    # gradients are needed even where the caller, who only samples, has switched them off
    with torch.inference_mode(False), torch.enable_grad():
        origin = x.clone().detach().requires_grad_()
        value = f(origin)
    if not value.requires_grad:
        raise InputError(
            "the Jacobian of the denoiser is needed, but it cannot be differentiated: take torch.no_grad() or detach() out of it"
        )

    def product(v: Tensor) -> Tensor:
        with torch.inference_mode(False):
            back = torch.autograd.grad(value, origin, v.reshape(x.shape).to(x.dtype, copy=True), retain_graph=True)[0]
        return back.reshape(v.shape).to(v.dtype)

    return value.detach(), product
