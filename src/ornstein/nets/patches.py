"""Signals and images as a row of patches, and back."""

from __future__ import annotations

import math

from torch import Tensor
from torch.nn import functional as F

Shape = tuple[int, ...]


def patched(x: Tensor, sides: Shape) -> Tensor:
    """(case, channel, *spatial) -> (case, place, channel * prod(sides)); zeros fill the last patch of an axis."""
    sizes = x.shape[2:]
    x = F.pad(x, [n for size, side in zip(sizes[::-1], sides[::-1], strict=True) for n in (0, -size % side)])
    for axis, side in enumerate(sides):
        x = x.unflatten(2 + 2 * axis, (-1, side))
    grid, inner = range(2, 2 + 2 * len(sides), 2), range(3, 3 + 2 * len(sides), 2)
    return x.permute(0, *grid, 1, *inner).flatten(1 + len(sides)).flatten(1, len(sides))


def joined(tokens: Tensor, sides: Shape, sizes: Shape) -> Tensor:
    """The inverse: (case, place, channel * prod(sides)) -> (case, channel, *sizes); what fills the last patch is cut."""
    axes = len(sides)
    grid = tuple(math.ceil(size / side) for size, side in zip(sizes, sides, strict=True))
    x: Tensor = tokens.unflatten(1, grid).unflatten(-1, (-1, *sides))
    pairs = [axis for a in range(axes) for axis in (1 + a, 2 + axes + a)]
    x = x.permute(0, 1 + axes, *pairs)
    for axis, size in enumerate(sizes, start=2):
        x = x.flatten(axis, axis + 1).narrow(axis, 0, size)
    return x
