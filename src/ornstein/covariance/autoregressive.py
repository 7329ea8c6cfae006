"""Autoregressive signals: a banded precision, so that long memory costs O(d b) and no d x d matrix is formed.

    sum_{j=0}^{b} a_tj x_{t-j} = sqrt(v_t) e_t,   a_t0 = 1     <=>     Sigma^-1 = P = T^T diag(1 / v) T,   T unit lower, bandwidth b

White noise of any level keeps the band: (Sigma + sigma^2 I)^-1 = P (I + sigma^2 P)^-1, and what is left of the uncertainty,
(P + I / sigma^2)^-1, is again a law of this kind.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cached_property
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import torch
from scipy.linalg import cho_solve_banded, cholesky_banded, solve_banded
from torch import Tensor

from ornstein.common import checks
from ornstein.common.errors import InputError
from ornstein.covariance.base import Covariance, Sigma
from ornstein.covariance.levels import PerCase, by_level
from ornstein.covariance.structures import LARGEST_VARIANCE, Diagonal

Array = npt.NDArray[np.float64]

_LARGEST = 1e150
"""Noise beyond it is infinite: its square overflows."""


class Autoregressive(Covariance):
    """Sigma = (T^T diag(1 / v) T)^-1 from prediction weights and innovation variances.

    weights      (d, b): row t holds a_t1 ... a_tb, minus the weights of the b values before t (0 before the start)
    innovations  (d,): v_t > 0, the variance of x_t given all values before it

    Full rank by construction. A product, solve or draw costs O(d b) per signal; ``gain`` and ``logdet`` at a noise level one
    banded Cholesky factor, O(d b^2). Differentiable in x. Cases with different noise levels are handled level by level.
    """

    def __init__(self, weights: Tensor, innovations: Tensor) -> None:
        weights = checks.tensor(weights, "weights", ndim=(2,))
        innovations = checks.tensor(innovations, "innovations", ndim=(1,), largest=LARGEST_VARIANCE)
        if len(weights) != len(innovations):
            raise InputError(f"weights has {len(weights)} rows, but innovations has {len(innovations)} entries: give one row per sample")
        if bool((innovations <= 0).any()):
            raise InputError(f"innovations has an entry {float(innovations.min()):g}, but every innovation variance must be above 0")
        self._set(weights.numpy(), innovations.numpy())

    def _set(self, weights: Array, innovations: Array) -> Self:
        """By NumPy alone, so that a posterior can be made inside a function that PyTorch differentiates."""
        self.weights, self.innovations = torch.from_numpy(weights), torch.from_numpy(innovations)
        self._weights, self._innovations = weights, innovations
        self.size, self.order = weights.shape
        lower = np.ones((self.order + 1, self.size))
        for j in range(1, self.order + 1):
            lower[j] = 0.0
            lower[j, : self.size - j] = weights[j:, j - 1]
        self._lower = lower
        self._precision = _gram(lower, 1 / innovations)
        return self

    def __matmul__(self, x: Tensor) -> Tensor:
        v = self._innovations[:, None]
        return _linear(lambda rows: self._undo(v * self._undo_transposed(rows)), x)

    def solve(self, x: Tensor) -> Tensor:
        """Sigma^-1 x."""
        return _linear(lambda rows: _banded_product(self._precision, rows), x)

    def gain(self, x: Tensor, sigma: Sigma) -> Tensor:
        return by_level(self._gain, x, sigma)

    def _gain(self, x: Tensor, sigma: float) -> Tensor:
        if sigma == 0 or sigma > _LARGEST:
            return x * float(sigma == 0)
        factor = self._noisy(sigma)
        return _linear(lambda rows: cho_solve_banded((factor, True), rows), x)

    def posterior(self, sigma: Sigma) -> Covariance:
        """A law of the same kind for one level; ``PerCase`` of them for one level per case."""
        if isinstance(sigma, Tensor) and sigma.ndim:
            return PerCase.of(self._posterior, sigma)
        return self._posterior(float(sigma))

    def _posterior(self, level: float) -> Autoregressive:
        if level > _LARGEST:
            return self
        precision = self._precision.copy()
        precision[0] += 1 / max(level, 1 / _LARGEST) ** 2
        # T stands on the right of T^T: factor the time-reversed matrix and turn it back
        factor = cholesky_banded(_reversed(precision), lower=True)
        scale = factor[0, ::-1]
        weights = np.zeros((self.size, self.order))
        for j in range(1, self.order + 1):
            weights[j:, j - 1] = factor[j, : self.size - j][::-1] / scale[j:]
        return Autoregressive.__new__(Autoregressive)._set(weights, np.ascontiguousarray(1 / scale**2))

    def mahalanobis(self, x: Tensor, sigma: Sigma = 0.0) -> Tensor:
        return (x * self.solve(self.gain(x, sigma))).sum(-1)

    def logdet(self, sigma: Sigma = 0.0) -> Tensor:
        own = float(np.log(self._innovations).sum())
        levels = torch.as_tensor(sigma, dtype=torch.float64)
        added = [
            0.0 if s == 0 else 2 * float(np.log(self._noisy(s)[0]).sum()) if s <= _LARGEST else 2 * self.size * math.log(s) - own
            for s in levels.flatten().tolist()
        ]
        return own + torch.tensor(added, dtype=torch.float64).reshape(levels.shape)

    def rank(self) -> int:
        return self.size

    def projector(self) -> Diagonal:
        """The projector onto the support: the identity."""
        return Diagonal(torch.ones(self.size, dtype=torch.float64))

    @property
    def white_size(self) -> int:
        return self.size

    def color(self, z: Tensor) -> Tensor:
        v = np.sqrt(self._innovations)[:, None]
        return _linear(lambda rows: self._undo(v * rows), z, lambda rows: v * self._undo_transposed(rows))

    def diagonal(self) -> Tensor:
        """The variances by the recursion of the process over a window of b values, O(d b^2), once."""
        return self._variances

    @cached_property
    def _variances(self) -> Tensor:
        b, weights, innovations = self.order, self._weights, self._innovations
        if not b:
            return self.innovations
        window, moved, variances = np.zeros((b, b)), np.zeros((b, b)), np.empty(self.size)
        for t in range(self.size):
            across = -window @ weights[t]
            variances[t] = innovations[t] - weights[t] @ across
            moved[1:, 1:] = window[:-1, :-1]
            moved[0, 0], moved[0, 1:], moved[1:, 0] = variances[t], across[:-1], across[:-1]
            window, moved = moved, window
        return torch.from_numpy(variances)

    def spectrum(self) -> Tensor:
        """v / |sum_j a_j e^(-2 pi i j k / d)|^2 for the last sample's prediction, (d,): what the eigenvalues of a long
        stationary process tend to (Szegoe), in the order of ``torch.fft.fft``."""
        a = torch.cat([torch.ones(1, dtype=torch.float64), self.weights[-1]])
        response: Tensor = torch.fft.fft(a, n=self.size).abs().square()
        return self.innovations[-1] / response

    def _undo(self, rows: Array) -> Array:
        """T^-1 rows."""
        solved: Array = solve_banded((self.order, 0), self._lower, rows)
        return solved

    def _undo_transposed(self, rows: Array) -> Array:
        """T^-T rows: the same band, turned around in time."""
        upper = np.zeros_like(self._lower)
        for j in range(self.order + 1):
            upper[self.order - j, j:] = self._lower[j, : self.size - j]
        solved: Array = solve_banded((0, self.order), upper, rows)
        return solved

    def _noisy(self, sigma: float) -> Array:
        """The banded Cholesky factor of I + sigma^2 P."""
        band = sigma**2 * self._precision
        band[0] += 1.0
        factor: Array = cholesky_banded(band, lower=True)
        return factor


def _gram(lower: Array, scale: Array) -> Array:
    """The lower band of T^T diag(scale) T."""
    b, d = lower.shape[0] - 1, lower.shape[1]
    band = np.zeros_like(lower)
    for k in range(b + 1):
        for j in range(k, b + 1):
            band[k, : d - j] += lower[j - k, k : d - j + k] * scale[j:] * lower[j, : d - j]
    return band


def _reversed(band: Array) -> Array:
    """The lower band of the matrix with its order of time turned around."""
    out = np.zeros_like(band)
    for k in range(len(band)):
        out[k, : band.shape[1] - k] = band[k, : band.shape[1] - k][::-1]
    return out


def _banded_product(band: Array, rows: Array) -> Array:
    """The symmetric banded matrix times rows (d, n)."""
    out: Array = band[0][:, None] * rows
    for k in range(1, len(band)):
        side = band[k, : len(rows) - k][:, None]
        out[k:] += side * rows[: len(rows) - k]
        out[: len(rows) - k] += side * rows[k:]
    return out


def _linear(f: Callable[[Array], Array], x: Tensor, transposed: Callable[[Array], Array] | None = None) -> Tensor:
    """A linear map of rows known to SciPy, applied to a tensor (..., d) and differentiable through its transpose."""
    # torch gives the apply of a Function no types
    y: Tensor = _Linear.apply(x, f, transposed or f)  # type: ignore[no-untyped-call]
    return y


class _Linear(torch.autograd.Function):
    @staticmethod
    def forward(x: Tensor, f: Callable[[Array], Array], transposed: Callable[[Array], Array]) -> Tensor:
        rows = x.detach().reshape(-1, x.shape[-1]).to(torch.float64).numpy()
        return torch.from_numpy(np.ascontiguousarray(f(rows.T).T)).reshape(x.shape)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        ctx.f, ctx.transposed = inputs[1], inputs[2]

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        return _linear(ctx.transposed, gradients[0], ctx.f), None, None

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int, None, None], x: Tensor, f: Any, transposed: Any) -> tuple[Tensor, int]:
        return _linear(f, x.movedim(in_dims[0], 0), transposed), 0

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> Tensor:
        return _linear(ctx.f, tangents[0], ctx.transposed)
