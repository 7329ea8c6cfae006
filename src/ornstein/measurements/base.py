"""What a measurement is: a map of signals, most often linear, that learns their shape when it meets them, and two in turn."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor

from ornstein.common.errors import InputError
from ornstein.common.linear import LinearMap

Shape = tuple[int, ...]


class Measurement(ABC):
    """A map of signals, linear unless it says otherwise.

    It learns the event shape when it meets the signals, so one blur serves every length.
    """

    @property
    def selects(self) -> bool:
        """Whether y is a selection of entries of x, so that A A^T = I."""
        return False

    @property
    def linear(self) -> bool:
        """Whether it is a linear map."""
        return True

    @abstractmethod
    def apply(self, x: Tensor, event_shape: Shape) -> Tensor:
        """A x for x of shape (..., *event_shape)."""

    @abstractmethod
    def output_shape(self, event_shape: Shape) -> Shape:
        """The shape of y for one signal. Raises ``InputError`` where the measurement does not fit the signal."""

    def __call__(self, x: Tensor) -> Tensor:
        """A x for a batch (case, *event)."""
        event_shape = tuple(x.shape[1:])
        self.output_shape(event_shape)
        return self.apply(x, event_shape)

    def outputs(self, y: Tensor, event_shape: Shape) -> Tensor:
        """y (*output), or (case, *output), as float64, after a check of its shape against signals of this event shape."""
        out = self.output_shape(event_shape)
        extra = y.ndim - len(out)
        if extra not in (0, 1) or tuple(y.shape[extra:]) != out:
            many = ", ".join(map(str, out))
            raise InputError(f"y has shape {tuple(y.shape)}, but measuring signals {event_shape} gives {out}, or (case, {many}) for many")
        return y.to(torch.float64)

    def __matmul__(self, first: Measurement) -> Measurement:
        return Composition(self, first)

    def bind(self, event_shape: Shape) -> LinearMap:
        """The same map between flat vectors, for signals of this event shape. Raises ``InputError`` for what is no linear map."""
        if not self.linear:
            raise InputError(
                f"a {type(self).__name__} is no linear map, and only particles condition on it: use method 'twisted', or leave method out"
            )
        out = math.prod(self.output_shape(event_shape))

        def forward(x: Tensor) -> Tensor:
            batch = x.shape[:-1]
            return self.apply(x.reshape(*batch, *event_shape), event_shape).reshape(*batch, out)

        return LinearMap(forward, math.prod(event_shape), out, self.selects)


@dataclass(frozen=True)
class Composition(Measurement):
    """y = last(first(x))."""

    last: Measurement
    first: Measurement

    @property
    def linear(self) -> bool:
        return self.last.linear and self.first.linear

    @property
    def selects(self) -> bool:
        """A selection of a selection is a selection."""
        return self.last.selects and self.first.selects

    def apply(self, x: Tensor, event_shape: Shape) -> Tensor:
        return self.last.apply(self.first.apply(x, event_shape), self.first.output_shape(event_shape))

    def output_shape(self, event_shape: Shape) -> Shape:
        return self.last.output_shape(self.first.output_shape(event_shape))
