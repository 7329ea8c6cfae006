"""Some entries of a signal."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ornstein.common import checks
from ornstein.common.errors import InputError
from ornstein.measurements.base import Measurement, Shape


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
