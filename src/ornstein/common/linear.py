"""Linear maps between flat vectors, known by what they do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class LinearMap:
    """A: R^d -> R^m given by its action on the last axis.

    ``forward`` takes (..., d) to (..., m); the adjoint is its vector-Jacobian product, exact because A is linear.
    ``selects`` says that the rows are distinct unit vectors (a mask): A A^T = I.
    """

    forward: Callable[[Tensor], Tensor]
    size_in: int
    size_out: int
    selects: bool = False

    def __call__(self, x: Tensor) -> Tensor:
        return self.forward(x)

    def adjoint(self, y: Tensor) -> Tensor:
        """A^T y, (..., m) -> (..., d)."""
        origin = torch.zeros(*y.shape[:-1], self.size_in, dtype=y.dtype, device=y.device)
        pull = torch.func.vjp(self.forward, origin)[1]
        x: Tensor = pull(y)[0]
        return x

    def matrix(self, dtype: torch.dtype = torch.float64) -> Tensor:
        """A as a matrix (m, d)."""
        return self.forward(torch.eye(self.size_in, dtype=dtype)).T

    def rows(self, chosen: Tensor) -> LinearMap:
        """The map that returns only the chosen entries of y."""
        return LinearMap(lambda x: self.forward(x)[..., chosen], self.size_in, int(chosen.numel()), self.selects)

    def rotated(self, rotate: Callable[[Tensor], Tensor]) -> LinearMap:
        """The map x -> W (A x) for an orthogonal W: the measurement in another basis of its outputs."""
        return LinearMap(lambda x: rotate(self.forward(x)), self.size_in, self.size_out)
