"""x^T Sigma^-1 x of many vectors, block after block, with all that depends on Sigma alone worked out before the first.

    autoregressive of order b    sum_t (x_t + sum_j a_tj x_{t-j})^2 / v_t          b + 2 products a number
    stationary (circulant)       sum_k |F x|_k^2 / (d lambda_k)                     one real FFT, and d weights
    dense                        |R x|^2,  Sigma^-1 = R^T R, R triangular (QR)       products that skip most of the zeros of R
    diagonal                     sum_t x_t^2 / lambda_t

Any other structure answers by its own ``mahalanobis``. What is left is one pass over vectors that lie in a cache.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import Tensor

from ornstein.covariance.autoregressive import Autoregressive
from ornstein.covariance.base import Covariance
from ornstein.covariance.structures import Dense, Diagonal, Stationary

Quadratic: TypeAlias = Callable[[Tensor], Tensor]
"""q (case,) of vectors x (case, d), float64 and contiguous."""

STRIP = 64
"""Columns of a triangle that are multiplied together: fewer skip more zeros, more are faster a product."""

SHORT = 16
"""Order up to which lags are added one by one, and products are dearer."""

SQUARE = 1024
"""Size up to which a band is made a matrix."""


def by_rows(covariance: Covariance) -> Quadratic:
    """The quadratic form of a covariance of full rank, for one law (no batch)."""
    if isinstance(covariance, Diagonal):
        weights = 1 / covariance.eigenvalues
        return lambda x: x.square() @ weights
    if isinstance(covariance, Stationary):
        return _waves(covariance)
    if isinstance(covariance, Autoregressive):
        return _lags(covariance) if covariance.order <= SHORT or covariance.size > SQUARE else _triangle(_whitening(covariance))
    if isinstance(covariance, Dense):
        return _triangle((covariance.basis / covariance.eigenvalues.sqrt()).T)
    return covariance.mahalanobis


def _waves(law: Stationary) -> Quadratic:
    """|F x|_k^2 of a real x is the same at k and d - k, so half of them are made; real and imaginary parts have one weight."""
    half = law.size // 2 + 1
    twice = torch.full((half,), 2.0, dtype=torch.float64)
    twice[0] = 1.0
    if law.size % 2 == 0:
        twice[-1] = 1.0
    weights = (twice / (law.size * law.eigenvalues[:half])).repeat_interleave(2)

    def form(x: Tensor) -> Tensor:
        return torch.view_as_real(torch.fft.rfft(x)).flatten(1).square_() @ weights

    return form


def _lags(law: Autoregressive) -> Quadratic:
    own = law.innovations.rsqrt()
    before = [(j, (law.weights[j:, j - 1] * own[j:]).contiguous()) for j in range(1, law.order + 1)]

    def form(x: Tensor) -> Tensor:
        e = x * own
        for j, weights in before:
            e[:, j:].addcmul_(x[:, :-j], weights)
        return _squares(e)

    return form


def _whitening(law: Autoregressive) -> Tensor:
    """diag(1 / v)^(1/2) T, a matrix."""
    out = torch.eye(law.size, dtype=torch.float64)
    for j in range(1, law.order + 1):
        out.diagonal(-j).copy_(law.weights[j:, j - 1])
    return out * law.innovations.rsqrt().unsqueeze(-1)


def _triangle(root: Tensor) -> Quadratic:
    """|root x|^2 by R of root = Q R, whose row j reads x from entry j on."""
    lower = torch.linalg.qr(root, mode="r").R.T
    strips = [(begin, lower[begin:, begin : begin + STRIP].contiguous()) for begin in range(0, len(lower), STRIP)]

    def form(x: Tensor) -> Tensor:
        y = torch.empty_like(x)
        for begin, strip in strips:
            torch.mm(x[:, begin:], strip, out=y[:, begin : begin + strip.shape[1]])
        return _squares(y)

    return form


def _squares(x: Tensor) -> Tensor:
    """|x|^2 of rows, in one pass."""
    norm: Tensor = torch.linalg.vector_norm(x, dim=1)
    return norm.square_()
