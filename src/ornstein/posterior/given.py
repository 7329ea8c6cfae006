"""A measurement with its values and its noise, in the coordinates of a denoiser: what a posterior is given, once or several times."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ornstein.common import checks
from ornstein.common.errors import InputError
from ornstein.covariance import Spectral
from ornstein.denoisers import Gaussian, Mixture
from ornstein.measurements import Measurement
from ornstein.measurements.curved import Likelihood
from ornstein.measurements.noises import NoiseLaw, Normal
from ornstein.posterior.seen import Seen
from ornstein.posterior.told import Known, Told, Values

UNEVEN = 1e-6
"""Largest error of a covariance, over its largest entry, that float32 explains."""


@dataclass(frozen=True, eq=False)
class Given:
    """y (*output) or (case, *output), measured with a noise.

    noise    a deviation, one per value, a covariance, or a ``NoiseLaw``
    decode   coordinates (..., *event) to the signals that were measured; ``affine`` where that is an affine map
    volume   log-volume of y in the units of whoever measured, which comes off log p(y)
    """

    measurement: Measurement
    y: Tensor
    noise: float | Tensor | Spectral | NoiseLaw = 0.0
    decode: Callable[[Tensor], Tensor] = lambda u: u
    affine: bool = True
    volume: float | Tensor = 0.0

    @property
    def plain(self) -> bool:
        """Whether it is linear with Gaussian noise: what closed forms condition on."""
        return self.measurement.linear and self.affine and not isinstance(self.noise, NoiseLaw)

    def cases(self, event: tuple[int, ...]) -> int | None:
        """How many cases y holds; None for one without their axis."""
        target = self.measurement.outputs(self.y, event)
        return len(target) if target.ndim > len(self.measurement.output_shape(event)) else None

    def told(self, case: int, event: tuple[int, ...]) -> Told:
        """The likelihood of one case."""
        if isinstance(self.measurement, Likelihood):
            return Known.of(self.measurement, self.decode, event)
        y = self.y if self.cases(event) is None else self.y[case if len(self.y) > 1 else 0]
        size = self.measurement.outputs(y, event).numel()
        found = Values.of(self.measurement, y.to(torch.float64), _independent(self.noise, size, self.measurement), self.decode, event)
        return found if self.affine else Values(found.f, found.pointwise, found.y, found.noise, False)


def values_of(y: object) -> Tensor:
    """y as a tensor. Raises ``InputError`` for NaN: what was not observed is left out of the measurement."""
    values = checks.tensor(y, "y", missing=True)
    if gone := int(torch.isnan(values).sum()):
        at = tuple(torch.isnan(values).nonzero()[0].tolist())
        raise InputError(
            f"y holds {gone} NaN, first at index {at}: measure what was observed alone, such as orn.Mask(observed), or impute the signal"
        )
    return values


def noise_of(noise: object) -> Tensor | Spectral | NoiseLaw:
    """A noise as it may be given. Raises ``InputError`` for a deviation below 0, and a matrix that is no covariance."""
    if isinstance(noise, Spectral | NoiseLaw):
        return noise
    found = checks.tensor(noise, "noise", ndim=(0, 1, 2))
    if found.ndim < 2:
        if bool((found < 0).any()):
            raise InputError(f"noise is {float(found.min()):g}, but must be at least 0")
        return found
    if found.shape[0] != found.shape[1]:
        raise InputError(f"noise has shape {tuple(found.shape)}, but a covariance is square: give (m, m) for m values of y")
    scale = float(found.abs().max())
    if float((found - found.T).abs().max()) > UNEVEN * scale:
        raise InputError(f"noise is not symmetric: entries differ by up to {float((found - found.T).abs().max()):.3g}; pass (R + R.T) / 2")
    least = float(torch.linalg.eigvalsh(found.to(torch.float64))[0])
    if least < -UNEVEN * scale:
        raise InputError(f"noise is not a covariance: its smallest eigenvalue is {least:.3g}, but must be at least 0")
    return found


def cases_of(given: Sequence[Given], event: tuple[int, ...]) -> int | None:
    """How many cases measurements of the same signals hold. Raises ``InputError`` where they differ."""
    found = {n for n in (one.cases(event) for one in given) if n is not None}
    if len(found - {1}) > 1:
        least = min(found - {1})
        raise InputError(f"y holds {max(found)} cases, but another measurement of the same signals {least}: give as many, or one for all")
    return max(found, default=None)


def seen(given: Sequence[Given], event: tuple[int, ...], size: int) -> Seen:
    """All linear measurements with Gaussian noise together."""
    found = Seen.nothing(size)
    for one in given:
        if one.plain:
            assert not isinstance(one.noise, NoiseLaw)
            found = found.beside(Seen.of(one.measurement, one.y, one.noise, event))
    return found


def seen_by(given: Sequence[Given], known: Gaussian | Mixture) -> Seen:
    """``seen`` of a law. Raises ``InputError`` for values without noise that contradict each other or its moments."""
    found = seen(given, known.event_shape, known.size)
    if found.size and not known.batch_shape:
        found.refuse_contradiction(known.covariance() @ found.rows, known.mean().flatten())
    return found


def _independent(noise: float | Tensor | Spectral | NoiseLaw, size: int, measurement: Measurement) -> NoiseLaw:
    if isinstance(noise, NoiseLaw):
        return noise
    value = noise.dense() if isinstance(noise, Spectral) else checks.tensor(noise, "noise", ndim=(0, 1, 2))
    name = type(measurement).__name__
    if value.ndim == 2:
        raise InputError(f"noise is a covariance, but values of a {name} need independent noise: give a deviation, or one per value")
    if value.ndim == 1 and len(value) != size:
        raise InputError(f"noise has {len(value)} entries, but y has {size} values: give one number, or one per value")
    if bool((value <= 0).any()):
        raise InputError(
            f"noise is {float(value.min()):g}, but a {name} needs noise above 0, such as a tenth of the smallest step that matters"
        )
    return Normal(value)
