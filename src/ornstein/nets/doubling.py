"""From a coarse grid to one of twice as many places, on the way up of a U-Net."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def doubled(h: Tensor, size: torch.Size) -> Tensor:
    """Every place twice along each spatial axis, cut to ``size``: place i of the fine grid gets place i // 2 of the coarse one."""
    h = F.interpolate(h, scale_factor=2.0, mode="nearest")
    for axis, n in enumerate(size, start=2):
        h = h.narrow(axis, 0, n)
    return h


def on_doubled(layer: nn.Conv1d | nn.Conv2d, h: Tensor, size: torch.Size) -> Tensor:
    """``layer(doubled(h, size))`` for a convolution of three places an axis, (case, channel, *size).

    On a processor by the transposed convolution that it is, where nothing is cut and zeros lie beyond the border. Along an axis place j
    of h stands at 2 j and 2 j + 1, so the place i of the result hears it with w[2 j - i + 1] + w[2 j - i + 2], a kernel of four at stride
    2: four products where there were nine in a plane, in 3/4 of the time; the same numbers up to rounding. Elsewhere it was not measured.
    """
    if h.device.type != "cpu" or layer.padding_mode != "zeros" or any(n % 2 for n in size):
        out: Tensor = layer(doubled(h, size))
        return out
    kernel = layer.weight
    for axis in range(2, kernel.ndim):
        nothing = torch.zeros_like(kernel.narrow(axis, 0, 1))
        kernel = torch.cat([nothing, kernel], axis) + torch.cat([kernel, nothing], axis)
    kernel = kernel.flip(list(range(2, kernel.ndim))).transpose(0, 1)
    transposed = F.conv_transpose1d if h.ndim == 3 else F.conv_transpose2d
    return transposed(h, kernel, layer.bias, stride=2, padding=1)
