"""A transformer on patches, for time series, images and groups of channels."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ornstein.common.checks import count
from ornstein.common.errors import InputError
from ornstein.nets.base import Net, event
from ornstein.nets.embedding import Conditioner, Shape
from ornstein.nets.layers import attention, modulate, seeded, zeroed
from ornstein.nets.patches import joined, patched
from ornstein.nets.rotary import Rotary, rotate

EXPANSION = 4


class Block(nn.Module):
    """Attention and a two-layer perceptron, each modulated and gated by the embedding (Peebles & Xie 2023, adaLN-Zero).

        h <- h + gate(e) W_out attention((1 + scale(e)) norm(h) + shift(e)),   then the same with W_2 gelu(W_1 .)

    Shift, scale and gate are 0 at the start, so a block starts as the identity.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.modulation = zeroed(nn.Linear(width, 6 * width))
        self.inner = nn.Linear(width, 3 * width, bias=False)
        self.outer = nn.Linear(width, width)
        self.mlp = nn.Sequential(nn.Linear(width, EXPANSION * width), nn.GELU("tanh"), nn.Linear(EXPANSION * width, width))

    def forward(self, h: Tensor, e: Tensor, turn: tuple[Tensor, Tensor]) -> Tensor:
        shift, scale, gate, shift_mlp, scale_mlp, gate_mlp = self.modulation(e).unsqueeze(1).chunk(6, -1)
        h = h + gate * self._attend(modulate(F.layer_norm(h, h.shape[-1:]), shift, scale), turn)
        out: Tensor = h + gate_mlp * self.mlp(modulate(F.layer_norm(h, h.shape[-1:]), shift_mlp, scale_mlp))
        return out

    def _attend(self, h: Tensor, turn: tuple[Tensor, Tensor]) -> Tensor:
        q, k, v = self.inner(h).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        out: Tensor = self.outer(attention(rotate(q, turn), rotate(k, turn), v).transpose(1, 2).flatten(2))
        return out


class Transformer(Net):
    """Diffusion transformer (Peebles & Xie 2023) on patches of ``patch`` places along each spatial axis, with rotary positions.

    A token holds ``group`` neighbouring channels of one patch; without it, all channels. Where patch or group do not divide the
    size, zeros fill the last one on the way in, and what stands there is cut on the way out. Cost grows with the square of the
    number of tokens. Rotary positions are relative; ``absolute=True`` adds a learned vector for each place, for signals with a
    common start (beats, digits); stationary ones do without. Groups of channels always have a learned vector of their own.
    ``classes``, ``vector``, ``signal`` and ``inputs`` are those of ``Conditioner``; every token sees all channels of the signal, and of
    the second input, at its patch. Its arguments are the sizes of the architecture, which are stored with the weights.
    """

    name = "transformer"

    def __init__(
        self,
        event_shape: Shape,
        *,
        width: int = 128,
        depth: int = 6,
        heads: int = 4,
        patch: int = 8,
        group: int | None = None,
        absolute: bool = True,
        classes: int = 0,
        vector: int = 0,
        signal: int = 0,
        inputs: int = 1,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.event_shape = event(event_shape, axes=(2, 3), name="transformer")
        self.width, self.depth, self.heads = count(width, "width"), count(depth, "depth"), count(heads, "heads")
        channels, *spatial = self.event_shape
        if width % (2 * heads) or width // (2 * heads) < len(spatial):
            raise InputError(
                f"width is {width}, but must be a multiple of 2 heads = {2 * heads}, at least {len(spatial)} times: "
                "rotary positions turn pairs of entries, one or more for each axis"
            )
        self.patch = count(patch, "patch")
        self.group = channels if group is None else count(group, "group", at_most=channels)
        self.arguments = {"event_shape": list(self.event_shape), "width": self.width, "depth": self.depth}
        self.arguments |= {"heads": self.heads, "patch": self.patch, "group": group, "absolute": absolute}
        self.arguments |= {"classes": classes, "vector": vector, "signal": signal, "inputs": inputs, "seed": seed}
        self.sides = tuple(min(patch, n) for n in spatial)
        grid = tuple(math.ceil(n / side) for n, side in zip(spatial, self.sides, strict=True))
        self.bands = math.ceil(channels / self.group)
        area = math.prod(self.sides)
        self.inputs = inputs
        with seeded(seed):
            self.conditioner = Conditioner(self.event_shape, width, classes=classes, vector=vector, signal=signal, inputs=inputs)
            self.first = nn.Linear((self.group + (inputs - 1) * channels + 2 * signal) * area, width)
            self.place = nn.Parameter(0.02 * torch.randn(math.prod(grid), width)) if absolute else None
            self.band = nn.Parameter(torch.randn(self.bands, 1, width)) if self.bands > 1 else None
            self.rotary = Rotary(grid, width // (2 * heads))
            self.blocks = nn.ModuleList(Block(width, heads) for _ in range(depth))
            self.modulation = zeroed(nn.Linear(width, 2 * width))
            self.last = zeroed(nn.Linear(width, self.group * area))

    def body(self, h: Tensor, e: Tensor) -> Tensor:
        e, h = F.silu(e), self.first(self._tokens(h))
        if self.place is not None:
            h = h + self.place
        if self.band is not None:
            h = h + self.band
        h = h.flatten(1, 2)
        cos, sin = (part.repeat(self.bands, 1) for part in self.rotary())
        for block in self.blocks:
            h = block(h, e, (cos, sin))
        shift, scale = self.modulation(e).unsqueeze(1).chunk(2, -1)
        h = self.last(modulate(F.layer_norm(h, h.shape[-1:]), shift, scale))
        return self._signals(h)

    def _tokens(self, h: Tensor) -> Tensor:
        """(case, channel, *spatial) -> (case, band, place, entry): each band is its own channels, then those of the signal."""
        channels = self.event_shape[0]
        own, seen = h[:, :channels], patched(h[:, channels:], self.sides)
        own = F.pad(own, [0, 0] * len(self.sides) + [0, self.bands * self.group - channels])
        own = patched(own.unflatten(1, (self.bands, self.group)).flatten(0, 1), self.sides).unflatten(0, (-1, self.bands))
        return torch.cat([own, seen.unsqueeze(1).expand(-1, self.bands, -1, -1)], -1)

    def _signals(self, tokens: Tensor) -> Tensor:
        """(case, band * place, entry) -> (case, *event)."""
        each = tokens.unflatten(1, (self.bands, -1)).flatten(0, 1)
        x: Tensor = joined(each, self.sides, self.event_shape[1:]).unflatten(0, (-1, self.bands)).flatten(1, 2)
        return x[:, : self.event_shape[0]]

    @property
    def structure(self) -> str:
        bands = f", {self.group} channel{'s' * (self.group > 1)} a token" if self.bands > 1 else ""
        sizes = f"width {self.width}, {self.depth} block{'s' * (self.depth > 1)}, {self.heads} head{'s' * (self.heads > 1)}"
        return f"{len(self.sides)}-D, {sizes}, patch {' x '.join(map(str, self.sides))}{bands}"
