"""The one way in for noise level and condition: a vector per case that modulates every layer, and extra input channels."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ornstein.common.checks import count
from ornstein.common.errors import InputError
from ornstein.nets.condition import NO_LABEL, Condition
from ornstein.nets.layers import unit

Shape = tuple[int, ...]

LOWEST, HIGHEST, PAIRS = 2.0**-4, 2.0**2, 32
"""Turns per unit of the noise feature log(sigma) / 4. Its usual range, 2.6 units, is a sixth of the slowest turn, so no two
levels look alike; the fastest turns once while sigma grows by a factor e."""


class Fourier(nn.Module):
    """A number as unit-variance features sqrt(2) (cos, sin)(2 pi f noise), f in geometric steps; (case,) -> (case, features).

    Random frequencies would do the same (Tancik et al. 2020, eq. 5); fixed ones need no seed.
    """

    frequencies: Tensor

    def __init__(self) -> None:
        super().__init__()
        steps = torch.linspace(math.log(LOWEST), math.log(HIGHEST), PAIRS, dtype=torch.float64)
        self.register_buffer("frequencies", steps.exp().to(torch.get_default_dtype()), persistent=False)

    def forward(self, noise: Tensor) -> Tensor:
        angle = 2 * math.pi * noise.unsqueeze(-1) * self.frequencies
        return math.sqrt(2) * torch.cat([angle.cos(), angle.sin()], -1)


class Conditioner(nn.Module):
    """x, noise level and condition -> input channels h and one embedding e per case.

        e = W_2 silu(W_1 fourier(noise)) + table[label] + V [vector, known]         (case, width)
        h = [x, signal, known]                                                       (case, channels, *spatial)

    Missing entries (NaN) are 0 with known = 0, and a missing label has a row of its own, so "no condition" is learned.
    ``classes``, ``vector`` and ``signal`` are the numbers of classes, of entries and of channels; 0 is a part that is never given.
    With ``inputs`` = 2, x holds two signals one after the other along its first axis.
    A call raises ``InputError`` for x, noise or a part of another shape, a part the network was built without, and a label out of
    range. The range is checked on the CPU; on an accelerator, where a check would wait, and in compiled code the look-up itself stops.
    """

    def __init__(self, event_shape: Shape, width: int, *, classes: int = 0, vector: int = 0, signal: int = 0, inputs: int = 1) -> None:
        super().__init__()
        self.inputs = count(inputs, "inputs", at_most=2)
        self.event_shape = (event_shape[0] * inputs, *event_shape[1:])
        self.classes = count(classes, "classes", at_least=0)
        self.vector = count(vector, "vector", at_least=0)
        self.signal = count(signal, "signal", at_least=0)
        self.channels = self.event_shape[0] + 2 * self.signal
        self.fourier, self.inner, self.outer = Fourier(), unit(nn.Linear(2 * PAIRS, width)), unit(nn.Linear(width, width))
        self.table = nn.Embedding(self.classes + 1, width) if self.classes else None
        self.numbers = unit(nn.Linear(2 * self.vector, width)) if self.vector else None

    def forward(self, x: Tensor, noise: Tensor, condition: Condition | None = None) -> tuple[Tensor, Tensor]:
        """(h, e) in the dtype of the parameters."""
        given = Condition() if condition is None else condition
        self._check(x, noise, given)
        dtype = self.inner.weight.dtype
        e: Tensor = self.outer(F.silu(self.inner(self.fourier(noise.to(dtype)))))
        if self.table is not None:
            none = x.new_full(x.shape[:1], NO_LABEL, dtype=torch.int64)
            e = e + _row(self.table, none if given.label is None else given.label)
        if self.numbers is not None:
            e = e + self.numbers(_known(_unknown(x, self.vector) if given.vector is None else given.vector, dtype))
        h = x.to(dtype)
        if self.signal:
            none = _unknown(x, self.signal, *self.event_shape[1:])
            h = torch.cat([h, _known(none if given.signal is None else given.signal, dtype)], 1)
        return h, e

    def _check(self, x: Tensor, noise: Tensor, given: Condition) -> None:
        if tuple(x.shape[1:]) != self.event_shape or x.ndim == 0:
            raise InputError(f"x has shape {tuple(x.shape)}, but this network was built for (case, {_list(self.event_shape)})")
        if noise.shape != x.shape[:1]:
            raise InputError(f"noise has shape {tuple(noise.shape)}, but must be ({len(x)},): one noise feature per case of x")
        for name, part, size, rest in (
            ("label", given.label, self.classes, ()),
            ("vector", given.vector, self.vector, (self.vector,)),
            ("signal", given.signal, self.signal, (self.signal, *self.event_shape[1:])),
        ):
            if part is None:
                continue
            if not size:
                argument = "classes" if name == "label" else name
                raise InputError(f"condition has a {name}, but this network was built without: leave it out, or build it with {argument}=")
            if part.shape != (len(x), *rest):
                raise InputError(f"the {name} of the condition has shape {tuple(part.shape)}, but must have ({_list((len(x), *rest))})")


def _unknown(x: Tensor, *shape: int) -> Tensor:
    return torch.full((len(x), *shape), torch.nan, device=x.device)


def _known(part: Tensor, dtype: torch.dtype) -> Tensor:
    """[value or 0, 1 or 0] along axis 1."""
    missing = torch.isnan(part)
    return torch.cat([part.masked_fill(missing, 0.0), (~missing).to(part.dtype)], 1).to(dtype)


def _row(table: nn.Embedding, label: Tensor) -> Tensor:
    """Rows (case, width); row 0 is for no label."""
    row = label - NO_LABEL
    if torch.compiler.is_compiling():
        return F.embedding(row, table.weight)
    try:
        return F.embedding(row, table.weight)
    except IndexError:
        last = table.num_embeddings - 2
        raise InputError(f"the label of the condition must lie between 0 and {last}, or be {NO_LABEL} for no label") from None


def _list(shape: Shape) -> str:
    return ", ".join(map(str, shape)) + "," * (len(shape) == 1)
