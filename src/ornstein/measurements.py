"""Linear measurements y = A x + n of a signal: masks, matrices, blurs, coarse sampling, and their compositions.

``A(x)`` measures a batch (case, *event) without noise; ``A @ B`` measures with B first, then A.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ornstein.common import checks
from ornstein.common.errors import InputError
from ornstein.common.linear import LinearMap

Shape = tuple[int, ...]


class Measurement(ABC):
    """A linear map of signals. It learns the event shape when it meets the signals, so one blur serves every length."""

    @property
    def selects(self) -> bool:
        """Whether y is a selection of entries of x, so that A A^T = I."""
        return False

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
        """The same map between flat vectors, for signals of this event shape."""
        out = math.prod(self.output_shape(event_shape))

        def forward(x: Tensor) -> Tensor:
            batch = x.shape[:-1]
            return self.apply(x.reshape(*batch, *event_shape), event_shape).reshape(*batch, out)

        return LinearMap(forward, math.prod(event_shape), out, self.selects)


@dataclass(frozen=True, eq=False)
class Mask(Measurement):
    """The observed entries of a signal, in order: y = x[observed], shape (m,).

    ``observed`` is a boolean array of the event's shape, or of its last axis (the same times in every channel).
    """

    observed: Tensor

    def __post_init__(self) -> None:
        observed = checks.tensor(self.observed, "observed", dtype=torch.bool)
        kind = self.observed.dtype if isinstance(self.observed, Tensor) else np.asarray(self.observed).dtype
        if kind not in (torch.bool, np.dtype(bool)):
            name = str(kind).removeprefix("torch.")
            raise InputError(f"observed holds {name} values, but must be boolean: True where the signal was measured")
        object.__setattr__(self, "observed", observed)

    @property
    def selects(self) -> bool:
        return True

    def apply(self, x: Tensor, event_shape: Shape) -> Tensor:
        return x[..., self.observed.expand(event_shape).to(x.device)]

    def output_shape(self, event_shape: Shape) -> Shape:
        shape = tuple(self.observed.shape)
        if shape != event_shape and shape != event_shape[-1:]:
            raise InputError(
                f"observed has shape {shape}, but must be {event_shape} like one signal, or {event_shape[-1:]} like its last axis"
            )
        return (int(self.observed.expand(event_shape).sum()),)


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


@dataclass(frozen=True, eq=False)
class Blur(Measurement):
    """Convolution along time, y_t = sum_k kernel_k x_{t + k - c}, centred (c = half the length), with zeros beyond the ends."""

    kernel: Tensor

    def __post_init__(self) -> None:
        kernel = checks.tensor(self.kernel, "kernel", ndim=(1,))
        if len(kernel) % 2 == 0:
            raise InputError(f"kernel has {len(kernel)} taps, but needs an odd number so that it has a centre: add a zero")
        object.__setattr__(self, "kernel", kernel)

    def apply(self, x: Tensor, event_shape: Shape) -> Tensor:
        rows = x.reshape(-1, 1, event_shape[-1])
        blurred = torch.nn.functional.conv1d(rows, self.kernel.to(x).view(1, 1, -1), padding=len(self.kernel) // 2)
        return blurred.reshape(x.shape)

    def output_shape(self, event_shape: Shape) -> Shape:
        return event_shape


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


@dataclass(frozen=True)
class Composition(Measurement):
    """y = last(first(x))."""

    last: Measurement
    first: Measurement

    @property
    def selects(self) -> bool:
        """A selection of a selection is a selection."""
        return self.last.selects and self.first.selects

    def apply(self, x: Tensor, event_shape: Shape) -> Tensor:
        return self.last.apply(self.first.apply(x, event_shape), self.first.output_shape(event_shape))

    def output_shape(self, event_shape: Shape) -> Shape:
        return self.last.output_shape(self.first.output_shape(event_shape))
