"""What a network is: one call, and a body that sees input channels and an embedding."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from torch import Tensor, nn

from ornstein.common.errors import InputError
from ornstein.nets.condition import Condition
from ornstein.nets.embedding import Conditioner, Shape


class Net(nn.Module, ABC):
    """F(x, noise, condition): a scaled noisy signal -> a tensor of its shape. A new network returns exactly 0.

    name       the architecture, as a word for tables and files
    inputs     1, or 2 for a network that is also shown what is already known of the clean signal: the skip of its preconditioning
    arguments  what the network was built from: ``type(net)(**net.arguments)`` is the same network, and all of it fits into JSON
    """

    name: ClassVar[str]
    event_shape: Shape
    inputs: int
    arguments: dict[str, Any]
    conditioner: Conditioner

    def forward(self, x: Tensor, noise: Tensor, condition: Condition | None = None) -> Tensor:
        """x (case, *event), already scaled to about unit variance; noise (case,), a feature of the noise level such as log(sigma) / 4.

        With 2 ``inputs`` x is (case, 2 C, ...) for events (C, ...): the noisy signal, then the other one.

        Returns (case, *event) in the dtype of the parameters. No case sees another one of its batch.
        Raises ``InputError`` for x, noise or a condition that does not fit the network.
        """
        h, e = self.conditioner(x, noise, condition)
        return self.body(h, e)

    @abstractmethod
    def body(self, h: Tensor, e: Tensor) -> Tensor:
        """Input channels (case, channel, *spatial) and embedding (case, width) -> (case, *event)."""

    @property
    @abstractmethod
    def structure(self) -> str:
        """The sizes in words, such as "1-D, width 64, 3 levels"."""

    @property
    def parameter_count(self) -> int:
        """How many numbers are trained."""
        return sum(p.numel() for p in self.parameters())


def event(shape: Shape, *, axes: tuple[int, ...] = (), name: str = "") -> Shape:
    """``shape`` as a tuple of positive sizes with an allowed number of axes (any, if none are given)."""
    sizes = tuple(shape)
    if not sizes or any(isinstance(n, bool) or not isinstance(n, int) or n < 1 for n in sizes):
        raise InputError(f"event_shape is {shape!r}, but must be a tuple of whole numbers of at least 1, such as (channel, time)")
    if axes and len(sizes) not in axes:
        allowed = "(channel, time)" if axes == (2,) else "(channel, time) or (channel, height, width)"
        raise InputError(f"event_shape is {sizes}, but a {name} takes {allowed}: use an MLP, or give signals of that shape")
    return sizes
