"""Measurements that are no linear maps: limits, steps, any function."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ornstein.common import checks
from ornstein.common.errors import InputError
from ornstein.measurements.base import Composition, Measurement, Shape


class Curved(Measurement):
    """A measurement that is no linear map; particles condition on it, closed forms do not."""

    @property
    def linear(self) -> bool:
        return False


class Pointwise(Curved):
    """A function of every entry on its own, differentiable or not."""

    def output_shape(self, event_shape: Shape) -> Shape:
        return event_shape


@dataclass(frozen=True)
class Clip(Pointwise):
    """y = min(max(x, low), high): a sensor that saturates."""

    low: float
    high: float

    def __post_init__(self) -> None:
        if not checks.real(self.low, "low") < checks.real(self.high, "high"):
            raise InputError(f"low is {self.low:g} and high {self.high:g}, but low must be below high")

    def apply(self, x: Tensor, event_shape: Shape) -> Tensor:
        return x.clamp(self.low, self.high)


@dataclass(frozen=True)
class Quantise(Pointwise):
    """y = step * round(x / step): a converter of few levels."""

    step: float

    def __post_init__(self) -> None:
        checks.positive(self.step, "step")

    def apply(self, x: Tensor, event_shape: Shape) -> Tensor:
        return self.step * (x / self.step).round()


@dataclass(frozen=True, eq=False)
class Nonlinear(Curved):
    """y = f(x) for any function of torch, f (case, *event) -> (case, *output), that can be differentiated.

    Its shape is found by calling it once on a signal of zeros. Raises ``InputError`` for a function that fails there, or forgets the cases.
    """

    f: Callable[[Tensor], Tensor]

    def apply(self, x: Tensor, event_shape: Shape) -> Tensor:
        lead = x.shape[: x.ndim - len(event_shape)]
        y = self._called(x.reshape(-1, *event_shape))
        return y.reshape(*lead, *y.shape[1:])

    def output_shape(self, event_shape: Shape) -> Shape:
        return tuple(self._called(torch.zeros(2, *event_shape, dtype=torch.float64)).shape[1:])

    def _called(self, x: Tensor) -> Tensor:
        try:
            y = self.f(x)
        except Exception as error:  # whatever a function of someone else's may raise
            raise InputError(f"the function of Nonlinear fails on signals of shape {tuple(x.shape)}: {error}") from error
        if not isinstance(y, Tensor) or y.ndim < 1 or len(y) != len(x):
            raise InputError(f"the function of Nonlinear returns {checks.shown(y)} for {len(x)} signals, but must return one row a signal")
        return y.to(torch.float64) if not y.is_floating_point() else y


@dataclass(frozen=True, eq=False)
class Likelihood(Curved):
    """Whatever is known of a signal as log p(y | x): f(x) of signals (case, *event) in nats (case,), twice differentiable by torch.

    It is asked with no y and no noise, which f contains.
    """

    f: Callable[[Tensor], Tensor]

    def apply(self, x: Tensor, event_shape: Shape) -> Tensor:
        lead = x.shape[: x.ndim - len(event_shape)]
        rows = x.reshape(-1, *event_shape)
        value = self.f(rows)
        if not isinstance(value, Tensor) or tuple(value.shape) != (len(rows),):
            raise InputError(
                f"the function of Likelihood returns {checks.shown(value)} for {len(rows)} signals, but must return one number each"
            )
        return value.reshape(lead)

    def output_shape(self, event_shape: Shape) -> Shape:
        return ()


def split(measurement: Measurement) -> tuple[Measurement | None, tuple[Pointwise, ...]]:
    """(what is measured, the functions of every entry that follow, in their order): ``Clip(...) @ Blur(...)`` is a blur, then a limit.

    None where nothing but such functions is left: the signal itself.
    """
    if isinstance(measurement, Pointwise):
        return None, (measurement,)
    if isinstance(measurement, Composition):
        last, after = split(measurement.last)
        if last is None:
            first, before = split(measurement.first)
            return first, (*before, *after)
    return measurement, ()
