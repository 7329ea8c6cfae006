"""The best weights so far, by held-out loss."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ornstein.training.distributed import placed


@dataclass
class Best:
    """The candidate with the lowest held-out loss: what it is, after which step, and a copy of its weights."""

    loss: float = math.inf
    name: str = ""
    step: int = 0
    values: list[Tensor] = field(default_factory=list)

    def offer(self, name: str, step: int, loss: float, values: Sequence[Tensor]) -> bool:
        """Take a candidate if it is better, and say whether it was."""
        if not loss < self.loss and self.values:
            return False
        self.loss, self.name, self.step = loss, name, step
        self.values = [v.detach().clone() for v in values]
        return True


@contextmanager
def holding(parameters: Sequence[Tensor], values: Sequence[Tensor]) -> Iterator[None]:
    """The parameters have other values inside, and their own again afterwards, to the bit."""
    own = [p.detach().clone() for p in parameters]
    assign(parameters, values)
    try:
        yield
    finally:
        assign(parameters, own)


@torch.no_grad()
def assign(parameters: Sequence[Tensor], values: Sequence[Tensor]) -> None:
    """Copy values into parameters."""
    for parameter, value in zip(parameters, values, strict=True):
        parameter.copy_(placed(value, parameter))
