"""A residual multilayer perceptron for vectors and short signals."""

from __future__ import annotations

import math

from torch import Tensor, nn
from torch.nn import functional as F

from ornstein.common.checks import count
from ornstein.nets.base import Net, event
from ornstein.nets.embedding import Conditioner, Shape
from ornstein.nets.layers import modulate, seeded, zeroed

EXPANSION = 2


class Block(nn.Module):
    """h + W_2 silu(W_1 ((1 + scale(e)) norm(h) + shift(e))), with W_2 = 0 at the start."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.modulation = zeroed(nn.Linear(width, 2 * width))
        self.inner = nn.Linear(width, EXPANSION * width)
        self.outer = zeroed(nn.Linear(EXPANSION * width, width))

    def forward(self, h: Tensor, e: Tensor) -> Tensor:
        shift, scale = self.modulation(e).chunk(2, -1)
        update: Tensor = self.outer(F.silu(self.inner(modulate(F.layer_norm(h, h.shape[-1:]), shift, scale))))
        return h + update


class MLP(Net):
    """Pre-norm residual blocks on the flattened signal, each modulated by the embedding of noise and condition.

        h_0 = W_in x,   h_i = h_(i-1) + block_i(h_(i-1), e),   F = W_out ((1 + scale(e)) h_depth + shift(e))

    Nothing normalises h before W_out. So, with width >= d, every Gaussian denoiser U diag(lambda / (lambda + sigma^2)) U' x is
    one setting of the outer layers: W_in = U', W_out = U, and the gains are the scale, which knows the noise level.
    ``depth`` counts blocks of two layers. ``classes``, ``vector``, ``signal`` and ``inputs`` are those of ``Conditioner``.
    """

    name = "MLP"

    def __init__(
        self,
        event_shape: Shape,
        *,
        width: int = 256,
        depth: int = 4,
        classes: int = 0,
        vector: int = 0,
        signal: int = 0,
        inputs: int = 1,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.event_shape, self.width, self.depth = event(event_shape), count(width, "width"), count(depth, "depth")
        self.arguments = {"event_shape": list(self.event_shape), "width": self.width, "depth": self.depth}
        self.arguments |= {"classes": classes, "vector": vector, "signal": signal, "inputs": inputs, "seed": seed}
        self.inputs = inputs
        with seeded(seed):
            self.conditioner = Conditioner(self.event_shape, width, classes=classes, vector=vector, signal=signal, inputs=inputs)
            self.first = nn.Linear(self.conditioner.channels * math.prod(self.event_shape[1:]), width)
            self.blocks = nn.ModuleList(Block(width) for _ in range(depth))
            self.modulation = zeroed(nn.Linear(width, 2 * width))
            self.last = zeroed(nn.Linear(width, math.prod(self.event_shape)))

    def body(self, h: Tensor, e: Tensor) -> Tensor:
        e = F.silu(e)
        h = self.first(h.flatten(1))
        for block in self.blocks:
            h = block(h, e)
        shift, scale = self.modulation(e).chunk(2, -1)
        out: Tensor = self.last(modulate(h, shift, scale))
        return out.reshape(-1, *self.event_shape)

    @property
    def structure(self) -> str:
        return f"width {self.width}, {self.depth} block{'s' * (self.depth > 1)}"
