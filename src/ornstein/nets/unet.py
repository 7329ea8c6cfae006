"""A U-Net, one code for time series and images of any size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ornstein.common.checks import count
from ornstein.common.errors import InputError
from ornstein.nets.base import Net, event
from ornstein.nets.doubling import on_doubled
from ornstein.nets.embedding import Conditioner, Shape
from ornstein.nets.layers import attention, groups, modulated_norm, seeded, zeroed

HEAD = 32
"""Width of an attention head, where it divides the width of the level."""


@dataclass(frozen=True)
class Kind:
    """What all layers of one network share: number of spatial axes, width of the embedding, what lies beyond the border."""

    axes: int
    embedding: int
    periodic: bool

    def conv(self, inputs: int, outputs: int, *, size: int = 3, stride: int = 1) -> nn.Conv1d | nn.Conv2d:
        """A convolution of odd size that keeps n places, or ceil(n / 2) of them at stride 2."""
        layer = nn.Conv1d if self.axes == 1 else nn.Conv2d
        return layer(inputs, outputs, size, stride=stride, padding=size // 2, padding_mode="circular" if self.periodic else "zeros")


class Attention(nn.Module):
    """h + W_out attention(norm(h)) over all places, without positions; W_out = 0 at the start."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.heads = width // HEAD if width % HEAD == 0 else 1
        self.norm = nn.GroupNorm(groups(width), width)
        self.inner = nn.Linear(width, 3 * width, bias=False)  # an offset of the keys would cancel in the softmax
        self.outer = zeroed(nn.Linear(width, width))

    def forward(self, h: Tensor) -> Tensor:
        tokens = self.inner(self.norm(h).flatten(2).mT)
        q, k, v = tokens.unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        update: Tensor = self.outer(attention(q, k, v).transpose(1, 2).flatten(2))
        return h + update.mT.reshape(h.shape)


class Block(nn.Module):
    """Two convolutions with the embedding between them, and attention where the level has it.

        h' = conv silu norm(h),   skip(h) + conv silu((1 + scale(e)) norm(h') + shift(e))

    The second convolution is 0 at the start, so a block starts as its shortcut.
    """

    def __init__(self, kind: Kind, inputs: int, outputs: int, attends: bool) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(groups(inputs), inputs)
        self.first = kind.conv(inputs, outputs)
        self.modulation = zeroed(nn.Linear(kind.embedding, 2 * outputs))
        self.plain_norm = nn.GroupNorm(groups(outputs), outputs, affine=False)
        self.second = zeroed(kind.conv(outputs, outputs))
        self.skip = nn.Identity() if inputs == outputs else kind.conv(inputs, outputs, size=1)
        self.attention = Attention(outputs) if attends else nn.Identity()

    def forward(self, h: Tensor, e: Tensor) -> Tensor:
        shift, scale = self.modulation(e).chunk(2, 1)
        update = modulated_norm(self.first(F.silu(self.norm(h))), self.plain_norm, shift, scale)
        update = self.second(F.silu(update))
        out: Tensor = self.attention(self.skip(h) + update)
        return out


class Level(nn.Module):
    """One resolution: blocks on the way down, the coarser levels inside, and blocks on the way up that also see those before."""

    def __init__(self, kind: Kind, widths: Sequence[int], blocks: int, attention: int) -> None:
        super().__init__()
        width, coarser, attends = widths[0], widths[1:], len(widths) <= attention
        self.before = nn.ModuleList(Block(kind, width, width, attends) for _ in range(blocks))
        self.after = nn.ModuleList(Block(kind, 2 * width, width, attends) for _ in range(blocks))
        self.inside = Level(kind, coarser, blocks, attention) if coarser else nn.Identity()
        self.down = kind.conv(width, coarser[0], stride=2) if coarser else None
        self.up = kind.conv(coarser[0], width) if coarser else None

    def forward(self, h: Tensor, e: Tensor) -> Tensor:
        seen = []
        for block in self.before:
            h = block(h, e)
            seen.append(h)
        if self.down is not None and self.up is not None:
            h = on_doubled(self.up, self.inside(self.down(h), e), h.shape[2:])
        for block in self.after:
            h = block(torch.cat([h, seen.pop()], 1), e)
        return h


class UNet(Net):
    """Residual convolution blocks at several resolutions (Ho et al. 2020, appendix B; modulation of Dhariwal & Nichol 2021, eq. 6).

    Level l has width ``width * multipliers[l]`` and ceil(n / 2^l) places along an axis of n: every size fits, nothing is cut or
    stretched. Beyond the border lie zeros, which tell the network where it is; with ``periodic=True`` the axes close into rings,
    and the network commutes with shifts by 2^(levels - 1) places where that divides n.
    ``blocks`` counts blocks per level and direction; ``attention`` is the number of coarsest levels with self-attention, whose
    cost grows with the square of their places. The embedding has 4 ``width`` entries. ``classes``, ``vector``, ``signal`` and
    ``inputs`` are
    those of ``Conditioner``.
    """

    name = "U-Net"

    def __init__(
        self,
        event_shape: Shape,
        *,
        width: int = 64,
        multipliers: Sequence[int] = (1, 2, 2),
        blocks: int = 2,
        attention: int = 1,
        periodic: bool = False,
        classes: int = 0,
        vector: int = 0,
        signal: int = 0,
        inputs: int = 1,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.event_shape = event(event_shape, axes=(2, 3), name="U-Net")
        if not multipliers:
            raise InputError("multipliers is empty, but must hold one whole number for each level")
        self.width, self.multipliers = count(width, "width"), [count(m, "multipliers") for m in multipliers]
        self.attention, self.periodic = count(attention, "attention", at_least=0, at_most=len(multipliers)), periodic
        self.arguments = {"event_shape": list(self.event_shape), "width": self.width, "multipliers": self.multipliers}
        self.arguments |= {"blocks": count(blocks, "blocks"), "attention": self.attention, "periodic": periodic}
        self.arguments |= {"classes": classes, "vector": vector, "signal": signal, "inputs": inputs, "seed": seed}
        kind, widths = Kind(len(self.event_shape) - 1, 4 * width, periodic), [width * m for m in self.multipliers]
        self.inputs = inputs
        with seeded(seed):
            self.conditioner = Conditioner(self.event_shape, kind.embedding, classes=classes, vector=vector, signal=signal, inputs=inputs)
            self.first = kind.conv(self.conditioner.channels, widths[0])
            self.levels = Level(kind, widths, blocks, attention)
            self.norm = nn.GroupNorm(groups(widths[0]), widths[0])
            self.last = zeroed(kind.conv(widths[0], self.event_shape[0]))

    def body(self, h: Tensor, e: Tensor) -> Tensor:
        h = self.levels(self.first(h), F.silu(e))
        out: Tensor = self.last(F.silu(self.norm(h)))
        return out

    @property
    def structure(self) -> str:
        levels = len(self.multipliers)
        ring = ", periodic" if self.periodic else ""
        return f"{len(self.event_shape) - 1}-D{ring}, width {self.width}, {levels} level{'s' * (levels > 1)}"
