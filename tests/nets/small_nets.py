"""Small networks of every architecture, and what the tests do with them."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ornstein.nets import MLP, Condition, Net, Transformer, UNet

Shape = tuple[int, ...]

SERIES: dict[str, Callable[..., Net]] = {
    "mlp": lambda shape, **more: MLP(shape, width=12, depth=2, **more),
    "unet": lambda shape, **more: UNet(shape, width=8, multipliers=(1, 2), blocks=1, **more),
    "unet-periodic": lambda shape, **more: UNet(shape, width=6, multipliers=(1, 2, 1), blocks=1, attention=2, periodic=True, **more),
    "transformer": lambda shape, **more: Transformer(shape, width=16, depth=2, heads=2, patch=4, **more),
    "transformer-relative": lambda shape, **more: Transformer(shape, width=8, depth=1, heads=1, patch=3, group=1, absolute=False, **more),
}
"""Architectures that take (channel, time) and (channel, height, width)."""

NETS: dict[str, Callable[..., Net]] = {f"{name}-{axes}d": build for name, build in SERIES.items() for axes in (1, 2)}
SHAPES: dict[str, Shape] = {name: (3, 13) if name.endswith("1d") else (2, 7, 6) for name in NETS}
GIVEN = {"classes": 4, "vector": 3, "signal": 2}
CASES = 5


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def awake(net: Net, seed: int = 1) -> Net:
    """In float64, with every parameter moved, so that nothing is 0 because it started there."""
    net = net.double()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for p in net.parameters():
            p.add_(0.2 * torch.randn(p.shape, dtype=p.dtype, generator=generator))
    return net


def build(name: str, **more: int) -> Net:
    return NETS[name](SHAPES[name], **more)


def inputs(net: Net, cases: int = CASES, seed: int = 2) -> tuple[Tensor, Tensor]:
    return normal(cases, *net.event_shape, seed=seed), 0.7 * normal(cases, seed=seed + 1)


def condition(net: Net, cases: int = CASES) -> Condition:
    """Something of everything, and something missing of everything."""
    label = torch.arange(cases) % GIVEN["classes"]
    vector = normal(cases, GIVEN["vector"], seed=4)
    signal = normal(cases, GIVEN["signal"], *net.event_shape[1:], seed=5)
    label[-1], vector[-1, 0], signal[-1, 0, ..., :2] = -1, torch.nan, torch.nan
    return Condition(label, vector, signal)
