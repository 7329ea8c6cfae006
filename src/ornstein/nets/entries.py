"""A network that looks at one hidden entry of a signal at a time."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ornstein.common.checks import count
from ornstein.common.errors import InputError
from ornstein.nets import around
from ornstein.nets.base import Net, event
from ornstein.nets.embedding import Conditioner, Shape
from ornstein.nets.layers import seeded, zeroed

SHOWN = 7
"""What it is shown of every entry, in this order: the noisy value and the skip, less the mean given what was seen and in its deviations
(of the noisy value's, and of the clean one's); the logarithms of the deviation of the skip and of the noise in the latter; that mean
and the logarithm of its deviation; and of a seen entry, by how many deviations it is off what the rest of its case says of it."""
_WORD = 16
"""Numbers in the embedding of a variable."""
_FAR, _FARTHEST = 6.0, 20.0
"""Where numbers are cut: those that surround an entry, in deviations, and its own."""


class Entries(Net):
    """F = a + b skip, with a and b from what surrounds an entry in its case (``nets.around``) and from its own noisy value:

        c = mlp(around, variable),        (a, b) = mlp(c, noisy value, skip, its deviation, noise, condition)

    Entries see each other through the skip alone, the mean of the law given all of them. So any may be left out (NaN in x), and the answer
    for the others is as if they had never been hidden. c is worked out once for neighbouring rows of the same case.
    What surrounds entries is standardised by the first batch of training. ``inputs`` is ``SHOWN``, ``classes`` and ``vector`` are those of
    ``Conditioner``, ``signal`` the number of channels. Raises ``InputError`` for images and vectors.
    """

    name = "network of entries"
    entrywise = True
    centre: Tensor
    unit: Tensor
    ready: Tensor

    def __init__(
        self,
        event_shape: Shape,
        *,
        width: int = 128,
        depth: int = 2,
        classes: int = 0,
        vector: int = 0,
        signal: int = 0,
        inputs: int = SHOWN,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.event_shape = event(event_shape, axes=(2,), name="network of entries")
        self.width, self.depth, self.inputs = count(width, "width"), count(depth, "depth"), count(inputs, "inputs")
        if (inputs, signal) != (SHOWN, self.event_shape[0]):
            raise InputError(
                f"inputs is {inputs} and signal {signal}, but a network of entries fills gaps and needs {SHOWN} and {self.event_shape[0]}: "
                "leave inputs out, and train it with masks=Masks()"
            )
        self.arguments = {"event_shape": list(self.event_shape), "width": width, "depth": depth}
        self.arguments |= {"classes": classes, "vector": vector, "signal": signal, "inputs": inputs, "seed": seed}
        seen = around.width(*self.event_shape)
        self.register_buffer("centre", torch.zeros(seen))
        self.register_buffer("unit", torch.ones(seen))
        self.register_buffer("ready", torch.zeros(()))
        with seeded(seed):
            self.conditioner = Conditioner((SHOWN * signal, self.event_shape[1]), width, classes=classes, vector=vector, signal=signal)
            self.word = nn.Embedding(around.variables(*self.event_shape), _WORD)
            self.first = nn.Linear(seen + _WORD, width)
            self.context = nn.ModuleList(nn.Linear(width, width) for _ in range(depth))
            self.told, self.own = nn.Linear(width, width), nn.Linear(5, width)
            self.noise = zeroed(nn.Linear(width, width))
            self.blocks = nn.ModuleList(nn.Linear(width, width) for _ in range(depth))
            self.last = zeroed(nn.Linear(width, 2))

    def body(self, h: Tensor, e: Tensor) -> Tensor:
        noisy, skip, left, level, mean, spread, off, values, known = h.unflatten(1, (SHOWN + 2, -1)).unbind(1)
        asked = torch.isfinite(noisy) & (known == 0)
        case = asked.nonzero()[:, 0]
        noisy, skip = (part[asked].clamp(-_FARTHEST, _FARTHEST) for part in (noisy, skip))
        own = torch.stack([noisy, skip, skip - noisy, left[asked], level[asked].clamp(-_FAR, _FAR)], 1)
        c = self._surroundings(torch.where(known > 0, values, torch.nan), off, asked, mean, spread)
        h = F.silu(c + self.own(own) + self.noise(e)[case])
        for block in self.blocks:
            h = h + F.silu(block(h))
        a, b = self.last(h).unbind(1)
        out: Tensor = torch.zeros_like(values).masked_scatter(asked, a + b * skip)
        return out

    def _surroundings(self, values: Tensor, off: Tensor, asked: Tensor, mean: Tensor, spread: Tensor) -> Tensor:
        """c (n, width) of the asked entries, once for neighbouring rows that are alike."""
        every = torch.stack([torch.nan_to_num(values), off, asked.to(values), mean, spread], 1).flatten(1)
        fresh = torch.cat([torch.ones_like(asked[:1, 0, 0]), (every[1:] != every[:-1]).any(1)])
        group, wanted = fresh.long().cumsum(0) - 1, asked[fresh]
        found, variable = around.around(values[fresh], off[fresh], wanted, mean[fresh][wanted], spread[fresh][wanted].exp())
        if self.training and not bool(self.ready):
            spreads, self.centre = torch.std_mean(found.detach(), 0)
            self.unit = torch.where(spreads > 1e-3, spreads, 1.0)
            self.ready = torch.ones_like(self.ready)
        c = F.silu(self.first(torch.cat([((found - self.centre) / self.unit).clamp(-_FAR, _FAR), self.word(variable)], 1)))
        for block in self.context:
            c = c + F.silu(block(c))
        c = self.told(c)
        place = torch.zeros_like(wanted, dtype=torch.int64)
        place[wanted] = torch.arange(len(c), device=c.device)
        rest = asked.nonzero()
        out: Tensor = c[place[group[rest[:, 0]], rest[:, 1], rest[:, 2]]]
        return out

    @property
    def structure(self) -> str:
        return f"width {self.width}, {self.depth} + {self.depth} layers"
