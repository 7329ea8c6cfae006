"""A covariance on another device, or in another floating-point type."""

from __future__ import annotations

import copy
from typing import TypeVar

import torch
from torch import Tensor

from ornstein.covariance.base import Operator

Kind = TypeVar("Kind", bound=Operator)


def moved(operator: Kind, device: torch.device | str, dtype: torch.dtype = torch.float64) -> Kind:
    """The same operator with its tensors on ``device`` and its floating-point ones in ``dtype``.

    Operators are built in float64. A copy in float32 serves a network, whose own rounding is larger: its products are then off
    by about 1e-6 of their size. Nothing is copied where nothing changes. Cost: one pass over the stored numbers.
    """
    copied = copy.copy(operator)
    for name, value in vars(operator).items():
        if isinstance(value, Tensor):
            vars(copied)[name] = value.to(device, dtype if value.is_floating_point() else None)
        elif isinstance(value, Operator):
            vars(copied)[name] = moved(value, device, dtype)
    return copied
