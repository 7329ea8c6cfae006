"""Log-densities of many cases of one kind: what depends on the model alone is worked out once, and a case is read once.

    log p(x) = log sum_k w_k exp(-1/2 (q_k(x - m_k) + log det Sigma_k + d log 2 pi)) - log |dx/du|,      m_k = centre + scale mu_k

for Gaussians and mixtures of them, x in the user's units, in blocks that stay in a processor's cache. Nothing is looked at beforehand:
NaN and infinite values come out as such, and whoever asked looks at one number a case in place of d.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor

from ornstein.common.signals import Signals
from ornstein.covariance.rows import Quadratic, by_rows
from ornstein.denoisers import Denoiser, Gaussian, Mixture
from ornstein.fitting.scaling import Scaler
from ornstein.model.along import Along
from ornstein.model.fitted import Fitted
from ornstein.model.matching import matching

_Levels: TypeAlias = Callable[[Tensor], Tensor]
"""log p of the values of a piece."""

BLOCK = 1 << 16
"""Numbers that are answered together: half a megabyte in float64, which a core's own cache holds with what is made of it."""


@dataclass(frozen=True)
class _Part:
    """One Gaussian in the user's units: its mean (d,), its quadratic form in scaled units, and log w - 1/2 log det (2 pi Sigma)."""

    mean: Tensor
    form: Quadratic
    level: float


@dataclass(frozen=True)
class Sweep:
    """The densities of one law, prepared.

    rate   1 / scale: one number, or (d,)
    """

    parts: Sequence[_Part]
    rate: float | Tensor

    @classmethod
    def of(cls, law: Denoiser, scaler: Scaler, factor: Tensor | float = 1.0, offset: Tensor | float = 0.0) -> Sweep | None:
        """None for a law that is no Gaussian of full rank and no mixture of such, or is scaled by curves.

        factor, offset   (channel, 1): a value in the model's units is factor * value + offset of x
        """
        parts = law.components if isinstance(law, Mixture) else [law]
        found = [one for one in parts if isinstance(one, Gaussian) and not one.batch_shape and one.operator.rank() == one.size]
        if scaler.curves is not None or len(found) < len(parts):
            return None
        weights = law.log_weights.tolist() if isinstance(law, Mixture) else [0.0]
        volume = float(scaler.scale.log().sum())
        prepared = []
        for one, weight in zip(found, weights, strict=True):
            level = weight - 0.5 * (float(one.operator.logdet()) + one.size * math.log(2 * math.pi)) - volume
            mean = (scaler.centre + scaler.scale * one.mean() - offset) / factor
            prepared.append(_Part(mean.flatten(), by_rows(one.operator), level))
        rate = (factor / scaler.scale).flatten()
        return cls(prepared, float(rate[0]) if bool((rate == rate[0]).all()) else rate)

    def __call__(self, x: Tensor) -> Tensor:
        """log p (case,) in nats of x (case, *event) of any float type, contiguous or not."""
        return torch.cat([self._block(part) for part in x.split(max(1, BLOCK // len(self.parts[0].mean)))])

    def _block(self, x: Tensor) -> Tensor:
        found = [self._part(part, x) for part in self.parts]
        return found[0] if len(found) == 1 else torch.logsumexp(torch.stack(found), 0)

    def _part(self, part: _Part, x: Tensor) -> Tensor:
        u = torch.empty(x.shape, dtype=torch.float64).copy_(x).view(len(x), -1).sub_(part.mean)
        if isinstance(self.rate, float):
            return part.form(u).mul_(-0.5 * self.rate**2).add_(part.level)
        return part.form(u.mul_(self.rate)).mul_(-0.5).add_(part.level)


class Sweeps:
    """Log-densities of pieces that come one after the other under the same names: of cases, or with a hop of windows of recordings."""

    def __init__(self, model: Fitted, hop: int | None = None) -> None:
        self.model, self.hop = model, hop
        self._under: tuple[object, ...] | None = None
        self._law: _Levels | None = None
        self._order: Tensor | None = None

    def __call__(self, x: object) -> Tensor | None:
        """log p, (case,) or (case, window); None where the model itself has to be asked: another law or shape, NaN, infinite values."""
        values = self._values(x)
        if values is None or self._law is None:
            return None
        level = self._law(values)
        return level if math.isfinite(float(level.sum())) else None

    def _values(self, x: object) -> Tensor | None:
        """The values (case, *event), or of recordings (case, *lead, time), as they are, with the law ready for their names and units."""
        event = self.model.event_shape
        signals = x if isinstance(x, Signals) else None
        values = _tensor(x if signals is None else signals.values)
        if values is None or (signals is not None and signals.times is not None):
            return None
        under = () if signals is None else (signals.channels, signals.units, signals.rate)
        if under != self._under:
            self._under = None  # for as long as they do not match
            self._match(signals)
            self._under = under
        if self._order is not None:
            values = values[:, self._order]
        if signals is not None and len(event) == 1 and values.shape[1] == 1:
            values = values[:, 0]
        shape = tuple(values.shape[1:])
        fits = shape == event if self.hop is None else shape[:-1] == event[:-1] and shape[-1:] >= event[-1:]
        return values if len(values) and fits else None

    def _match(self, x: Signals | None) -> None:
        """Prepare the law for signals of such names, units and rate."""
        model, factor, offset = self.model, torch.ones(1, 1), torch.zeros(1, 1)
        self._order = self._law = None
        if x is not None:
            self._order, factor, offset = matching(x, model.channels, model.units, model.rate, model.times)
        if self.hop is None:
            self._law = Sweep.of(model.law, model.scaler, factor, offset)
        elif (along := Along.of(model.law, model.scaler, self.hop, factor, offset)) is not None:
            self._law = lambda values: torch.stack([along(one) for one in values])


def _tensor(x: object) -> Tensor | None:
    """Floats that can be read as they are; None for any other object."""
    if isinstance(x, np.ndarray) and x.dtype in (np.dtype("=f4"), np.dtype("=f8")):
        x = torch.from_numpy(x)
    return x if isinstance(x, Tensor) and x.dtype in (torch.float32, torch.float64) and x.device.type == "cpu" else None
