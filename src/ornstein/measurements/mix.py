"""Weighted sums of channels."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from ornstein.common import checks
from ornstein.common.errors import InputError
from ornstein.measurements.base import Measurement, Shape


@dataclass(frozen=True, eq=False)
class Mix(Measurement):
    """Sums over channels at every time, y_{i,t} = sum_c M_ic x_{c,t}: a montage, a re-reference, sources seen by sensors.

    matrix  M, (m, channel); for signals (channel, time) y has shape (m, time), for images (m, height, width)
    """

    matrix: Tensor

    def __post_init__(self) -> None:
        object.__setattr__(self, "matrix", checks.tensor(self.matrix, "matrix", ndim=(2,)))

    def apply(self, x: Tensor, event_shape: Shape) -> Tensor:
        channel = -len(event_shape)
        return (x.movedim(channel, -1) @ self.matrix.to(x).T).movedim(-1, channel)

    def output_shape(self, event_shape: Shape) -> Shape:
        rows, columns = self.matrix.shape
        if len(event_shape) < 2:
            raise InputError(f"Mix sums over channels, but signals of shape {event_shape} have none: use Linear for vectors")
        if columns != event_shape[0]:
            raise InputError(f"matrix has shape {(rows, columns)}, but signals {event_shape} need {event_shape[0]} columns, one a channel")
        return (rows, *event_shape[1:])
