"""The law of any function of a signal: its mean, deviation, quantiles and bands, from draws with their weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ornstein.common import checks
from ornstein.common.errors import InputError
from ornstein.denoisers import Particles
from ornstein.model.fitted import Fitted


@dataclass(frozen=True, eq=False)
class Functional:
    """Values f(x) of draws (draw, *batch, *shape) and their weights (draw, *batch), which sum to 1 over the draws."""

    values: Tensor
    weights: Tensor

    @property
    def effective(self) -> Tensor:
        """How many equally weighted draws these are worth, (*batch)."""
        return 1 / self.weights.square().sum(0)

    def mean(self) -> Tensor:
        """E f(x), (*batch, *shape)."""
        return (self._full() * self.values).sum(0)

    def deviation(self) -> Tensor:
        """Standard deviation of f(x), (*batch, *shape)."""
        return (self._full() * (self.values - self.mean()).square()).sum(0).sqrt()

    def error(self) -> Tensor:
        """Standard error of the mean by the number of draws."""
        return (self._full() * (self.values - self.mean())).square().sum(0).sqrt()

    def quantile(self, levels: Sequence[float]) -> Tensor:
        """The smallest value that f(x) stays below with at least this probability, (level, *batch, *shape)."""
        ordered, order = self.values.sort(0)
        reached = self._full().expand_as(ordered).gather(0, order).cumsum(0)
        found = []
        for level in levels:
            if not 0 < checks.real(level, "level") < 1:
                raise InputError(f"level is {level:g}, but must lie between 0 and 1, such as 0.9")
            place = (reached < level * (1 - 1e-12)).sum(0).clamp_max(len(ordered) - 1)
            found.append(ordered.gather(0, place.unsqueeze(0))[0])
        return torch.stack(found)

    def band(self, level: float = 0.9) -> tuple[Tensor, Tensor]:
        """The ends of the central band that holds f(x) with this probability."""
        low, high = self.quantile([(1 - checks.real(level, "level")) / 2, (1 + level) / 2])
        return low, high

    def _full(self) -> Tensor:
        return self.weights.view(*self.weights.shape, *(1,) * (self.values.ndim - self.weights.ndim))


class Functionals(Fitted):
    """A model of whose signals anything is asked."""

    def functional(self, f: Callable[[Tensor], Tensor] = lambda x: x, *, draws: int = 1000, seed: int = 0) -> Functional:
        """The law of f(x), f taking signals (case, *event) in the user's units to (case, ...); without f, of every entry.

        A posterior by particles answers with all of them and their weights, everything else with ``draws`` draws. Raises ``InputError``
        for an f that does not return one value, or array, a signal. Cost: the draws, and one call of f.
        """
        if isinstance(self.law, Particles):
            points, weights = self.law.points, self.law.weights.movedim(-1, 0)
            x = self.scaler.decode(points.movedim(-2, 0).reshape(*weights.shape, *self.event_shape))
        else:
            assert hasattr(self, "sample")
            x = self.sample(draws, seed=seed)
            lead = x.shape[: x.ndim - len(self.event_shape)]
            weights = torch.full(lead, 1 / draws, dtype=torch.float64)
        rows = x.reshape(-1, *self.event_shape)
        values = f(rows)
        if not isinstance(values, Tensor) or values.ndim < 1 or len(values) != len(rows):
            raise InputError(f"f returns {checks.shown(values)} for {len(rows)} signals, but must return one value, or array, a signal")
        return Functional(values.reshape(*weights.shape, *values.shape[1:]).to(torch.float64), weights)
