"""How a module is called while it trains: in lower precision, compiled, with seeded layers. Its weights stay what they are."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from ornstein.common.errors import unknown_name

PRECISIONS = ("auto", "float32", "bfloat16")


def low_precision(precision: str, device: torch.device) -> torch.dtype | None:
    """The type of matrix products, or None for that of the weights: bfloat16 where asked for, and by "auto" on GPUs that have it."""
    if precision not in PRECISIONS:
        raise unknown_name("precision", precision, PRECISIONS)
    quick = device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.bfloat16 if precision == "bfloat16" or (precision == "auto" and quick) else None


class Forward(nn.Module):
    """The module, compiled or in automatic mixed precision: only what it computes itself, not the algebra around it.

    bfloat16 has the exponents of float32, so gradients need no scaling; the covariance products of a preconditioning would lose
    all but three figures in it, which is why autocast begins and ends here.
    """

    def __init__(self, module: nn.Module, low: torch.dtype | None, compiled: bool) -> None:
        super().__init__()
        self.module, self.low = module, low
        self.called: Any = torch.compile(module) if compiled else module

    def forward(self, x: Tensor, *rest: object) -> Tensor:
        if self.low is None:
            out: Tensor = self.called(x, *rest)
            return out
        with torch.autocast(x.device.type, self.low):
            out = self.called(x, *rest)
        return out.to(x.dtype)


@contextmanager
def seeded_layers(seed: tuple[int, ...], device: torch.device) -> Iterator[None]:
    """Layers that draw random numbers (dropout) depend on ``seed`` alone; the global generators are left as they were."""
    # the generator of the CPU reads 32 bits only, so all numbers have to meet in them
    mixed = int.from_bytes(hashlib.blake2b(repr(seed).encode(), digest_size=4).digest(), "big")
    generators = [torch.default_generator]
    if device.type == "cuda":
        generators.append(torch.cuda.default_generators[torch.cuda.current_device() if device.index is None else device.index])
    states = [g.get_state() for g in generators]
    for generator in generators:
        generator.manual_seed(mixed)
    try:
        yield
    finally:
        for generator, state in zip(generators, states, strict=True):
            generator.set_state(state)
