"""Any matrix."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor

from ornstein.common import checks
from ornstein.common.errors import InputError
from ornstein.measurements.base import Measurement, Shape


@dataclass(frozen=True, eq=False)
class Linear(Measurement):
    """y = M x for a matrix M of shape (m, d); x is flattened row by row, y has shape (m,)."""

    matrix: Tensor

    def __post_init__(self) -> None:
        object.__setattr__(self, "matrix", checks.tensor(self.matrix, "matrix", ndim=(2,)))

    def apply(self, x: Tensor, event_shape: Shape) -> Tensor:
        return x.flatten(x.ndim - len(event_shape)) @ self.matrix.to(x).T

    def output_shape(self, event_shape: Shape) -> Shape:
        rows, columns = self.matrix.shape
        if columns != math.prod(event_shape):
            raise InputError(f"matrix has shape {(rows, columns)}, but signals {event_shape} need {math.prod(event_shape)} columns")
        return (rows,)
