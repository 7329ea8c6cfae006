"""Convolution along time."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ornstein.common import checks
from ornstein.common.errors import InputError
from ornstein.measurements.base import Measurement, Shape


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
