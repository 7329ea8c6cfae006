"""Fewer samples in time: every so many, or means of so many."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from ornstein.common import checks
from ornstein.common.errors import InputError
from ornstein.measurements.base import Measurement, Shape


@dataclass(frozen=True)
class Downsample(Measurement):
    """Every ``factor``-th sample in time: y_t = x_{factor t}."""

    factor: int

    def __post_init__(self) -> None:
        checks.count(self.factor, "factor")

    @property
    def selects(self) -> bool:
        return True

    def apply(self, x: Tensor, event_shape: Shape) -> Tensor:
        return x[..., :: self.factor]

    def output_shape(self, event_shape: Shape) -> Shape:
        return (*event_shape[:-1], -(-event_shape[-1] // self.factor))


@dataclass(frozen=True)
class Average(Measurement):
    """Means over blocks of ``factor`` samples in time: a slow sensor. ``factor`` must divide the length."""

    factor: int

    def __post_init__(self) -> None:
        checks.count(self.factor, "factor")

    def apply(self, x: Tensor, event_shape: Shape) -> Tensor:
        blocks = x.reshape(*x.shape[:-1], event_shape[-1] // self.factor, self.factor)
        return blocks.mean(-1)

    def output_shape(self, event_shape: Shape) -> Shape:
        if event_shape[-1] % self.factor:
            raise InputError(f"factor is {self.factor}, but must divide the length {event_shape[-1]}: cut the signals first")
        return (*event_shape[:-1], event_shape[-1] // self.factor)
