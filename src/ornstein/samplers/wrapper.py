"""A method around another: what it takes over from it."""

from __future__ import annotations

from torch import Tensor

from ornstein.samplers.base import Context, Sampler
from ornstein.samplers.level import Level


class Wrapper(Sampler):
    """A sampler whose steps are those of ``inner`` and something more. It has the order and the needs of ``inner``."""

    inner: Sampler

    @property
    def order(self) -> int:
        return self.inner.order

    @property
    def memory(self) -> int:
        return self.inner.memory

    @property
    def bound(self) -> bool:
        return self.inner.bound

    @property
    def deterministic(self) -> bool:
        return False

    def leave(self, context: Context, x: Tensor, now: Level, then: Level) -> Tensor:
        return self.inner.leave(context, x, now, then)
