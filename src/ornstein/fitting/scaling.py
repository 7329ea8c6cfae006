"""Standardisation: signals in the user's units become numbers of order one, and come back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor

from ornstein.common.errors import InputError, unknown_name
from ornstein.covariance import Moments, Operator, Spectral
from ornstein.fitting.curves import Curves
from ornstein.measurements import Measurement, Shape

STANDARDIZE = ("channel", "feature", "none")


@dataclass(frozen=True, eq=False)
class Scaler:
    """x = centre + scale u, entry by entry; ``centre`` and ``scale`` have the event's shape, scale > 0.

    With ``curves``, u is the score of a monotone curve instead, one for each row of the event (a channel, or an entry of a vector);
    ``centre`` and ``scale`` are then those of the values, to speak of them.
    """

    centre: Tensor
    scale: Tensor
    curves: Curves | None = None

    @classmethod
    def fit(cls, x: Tensor, standardize: str) -> Scaler:
        """Mean and deviation of x (case, *event), NaN left out; a constant channel or feature keeps scale 1.

        "channel"  one pair per channel (over cases and time), which keeps stationary and separable structure;
                   x without a channel axis (case, time) is one channel
        "feature"  one pair per entry: for vectors whose entries have different units
        "none"     no change
        """
        axes = _pooled(standardize, x.ndim)
        if axes is None:
            return cls._identity(x.shape[1:])
        centre = x.nanmean(axes, keepdim=True)
        return cls._spread(centre, (x - centre).square().nanmean(axes, keepdim=True), x.shape[1:])

    @classmethod
    def from_moments(cls, moments: Moments, variance: Tensor, standardize: str) -> Scaler:
        """The same from accumulated moments and the ``variance`` (*event) of every entry (or its mean over time)."""
        event = variance.shape
        axes = _pooled(standardize, 1 + len(event))
        if axes is None:
            return cls._identity(event)
        centre = moments.mean.view(1, *event).mean(axes, keepdim=True)
        apart = moments.mean_from(centre.expand(1, *event).flatten()).view(1, *event)
        return cls._spread(centre, (variance + apart.square()).mean(axes, keepdim=True), event)

    @classmethod
    def _identity(cls, event: torch.Size) -> Scaler:
        return cls(torch.zeros(event, dtype=torch.float64), torch.ones(event, dtype=torch.float64))

    @classmethod
    def _spread(cls, centre: Tensor, square: Tensor, event: torch.Size) -> Scaler:
        scale = square.sqrt()
        # deviations at the level of rounding belong to a constant
        constant = scale <= 1e-12 * (centre.abs() + torch.finfo(torch.float64).tiny)
        scale = torch.where(constant | (scale == 0), torch.ones_like(scale), scale)
        return cls(centre[0].expand(event).clone(), scale[0].expand(event).clone())

    @property
    def uniform(self) -> bool:
        """Whether every entry has the same scale, and no curve."""
        return self.curves is None and bool((self.scale == self.scale.flatten()[0]).all())

    def encode(self, x: Tensor) -> Tensor:
        """u = (x - centre) / scale, or the score of x."""
        if self.curves is not None:
            return self._by_row(x.to(torch.float64), lambda curves, rows: curves.encode(rows)[0])
        return (x.to(torch.float64) - self.centre) / self.scale

    def decode(self, u: Tensor) -> Tensor:
        """x = centre + scale u, or the value with score u."""
        if self.curves is not None:
            return self._by_row(u, lambda curves, rows: curves.decode(rows))
        return self.centre + self.scale * u

    @property
    def still(self) -> bool:
        """Whether it is the same at all times of a signal."""
        by_entry = self.curves is not None and len(self.curves.values) * self.scale.shape[-1] > self.scale.numel()
        return not by_entry and all(bool((part == part[..., :1]).all()) for part in (self.centre, self.scale))

    def lengthened(self, times: int) -> Scaler:
        """The same for signals of another length, where it is ``still``."""
        lead = self.scale.shape[:-1]
        return Scaler(self.centre[..., :1].expand(*lead, times), self.scale[..., :1].expand(*lead, times), self.curves)

    def first(self, count: int) -> Scaler:
        """That of the first entries of vectors."""
        curves = self.curves and Curves(self.curves.values[:count], self.curves.scores[:count], self.curves.slopes[:count])
        return Scaler(self.centre[:count], self.scale[:count], curves)

    def log_volumes(self, x: Tensor) -> Tensor:
        """log dx/du of every entry at x (case, *event), (case, *event); (1, *event) where it is the same for all."""
        if self.curves is not None:
            return -self._by_row(x.to(torch.float64), lambda curves, rows: curves.encode(rows)[1])
        return self.scale.log().unsqueeze(0)

    def log_volume(self, x: Tensor, covariance: Operator) -> float | Tensor:
        """log |dx/du| at x (case, *event) on the support of a law with this covariance of u: one number, or with curves (case,)."""
        if self.curves is None:
            return self.log_jacobian(covariance)
        if isinstance(covariance, Spectral) and covariance.rank() < covariance.size:
            raise InputError(
                f"the covariance has rank {covariance.rank()} of {covariance.size}, but with marginals every direction needs variance: "
                "use shrinkage 'oas', or leave marginals out"
            )
        return self.log_volumes(x).flatten(1).sum(1)

    def _by_row(self, x: Tensor, act: Callable[[Curves, Tensor], Tensor]) -> Tensor:
        """``act`` on x (..., *event) as (row, many), and back."""
        curves = cast("Curves", self.curves)
        rows = len(curves.values)
        cut = x.reshape(-1, rows, self.scale.numel() // rows)
        acted = act(curves, cut.transpose(0, 1).reshape(rows, -1))
        return acted.reshape(rows, len(cut), -1).transpose(0, 1).reshape(x.shape)

    def log_jacobian(self, covariance: Operator) -> float:
        """log |dx/du| on the support of a law with this covariance: sum log scale where it has full rank.

        On a support spanned by orthonormal columns U it is 1/2 log det (U^T diag(scale^2) U).
        """
        scale = self.scale.flatten()
        if not isinstance(covariance, Spectral) or covariance.rank() == covariance.size:
            return float(scale.log().sum())
        if self.uniform:
            return covariance.rank() * float(scale[0].log())
        basis = torch.linalg.eigh(covariance.dense()).eigenvectors[:, covariance.size - covariance.rank() :]
        return 0.5 * float(torch.logdet(basis.T @ (scale.square().unsqueeze(-1) * basis)))

    def measured(self, measurement: Measurement, y: Tensor, noise: float | Tensor | Spectral) -> Standardised:
        """y = A x + n as a measurement of u: either A itself in scaled units, or A diag(scale)."""
        event = tuple(self.scale.shape)
        if self.curves is not None:
            return self._selected(measurement, y, noise)
        residual = measurement.outputs(y, event) - measurement.apply(self.centre, event)
        if not (self.uniform or measurement.selects):
            return Standardised(Rescaled(measurement, self.scale), residual, noise, 0.0)
        out = measurement.output_shape(event)
        unit = self.scale.flatten()[0].expand(out) if self.uniform else measurement.apply(self.scale, event)
        flat = unit.flatten()
        if isinstance(noise, Tensor) and noise.shape not in ((), (1,), flat.shape, (len(flat), len(flat))):
            raise InputError(
                f"noise has shape {tuple(noise.shape)}, but y has {len(flat)} entries: give one number, one per entry, or a covariance"
            )
        if isinstance(noise, Spectral):
            noise = noise.dense()
        if isinstance(noise, Tensor) and noise.ndim == 2:
            scaled_noise: float | Tensor = noise / torch.outer(flat, flat)
        else:
            scaled_noise = torch.as_tensor(noise, dtype=torch.float64).flatten() / flat
        return Standardised(measurement, residual / unit, scaled_noise, float(flat.log().sum()))

    def _selected(self, measurement: Measurement, y: Tensor, noise: float | Tensor | Spectral) -> Standardised:
        """Selected entries of x without noise, as scores."""
        exact = not isinstance(noise, Spectral) and not bool(torch.as_tensor(noise).any())
        if not (measurement.selects and exact):
            raise InputError(
                "with marginals only masks without noise are measured exactly, since any other measurement mixes curves: "
                "use orn.Mask and noise=0, or fit without marginals"
            )
        event = tuple(self.scale.shape)
        values = measurement.outputs(y, event)
        chosen = measurement.apply(torch.arange(self.scale.numel()).view(event), event).flatten()
        lead = values.shape[: values.ndim - len(measurement.output_shape(event))]
        whole = torch.full((*lead, self.scale.numel()), torch.nan, dtype=torch.float64)
        whole[..., chosen] = values.reshape(*lead, -1)
        signals = whole.view(*lead, *event)
        scores = measurement.apply(self.encode(signals), event)
        volume = self.log_volumes(signals.view(-1, *event)).flatten(1)[:, chosen].sum(1).view(lead)
        return Standardised(measurement, scores, 0.0, volume)


def spread(x: Tensor) -> float:
    """The largest deviation of an entry over the smallest, among those of x (case, *event) that vary; 1 where none does."""
    scale = Scaler.fit(x, "feature")
    deviation = scale.encode(x).square().nanmean(0).sqrt() * scale.scale
    varying = deviation[deviation > 0]
    return float(varying.max() / varying.min()) if len(varying) else 1.0


def check_standardize(standardize: str) -> None:
    """Raise ``InputError`` unless it is one of STANDARDIZE."""
    if standardize not in STANDARDIZE:
        raise unknown_name("standardize", standardize, STANDARDIZE)


def _pooled(standardize: str, ndim: int) -> list[int] | None:
    """The axes of (case, *event) that share one centre and scale; None for no change."""
    check_standardize(standardize)
    kept = 1 if ndim > 2 else 0
    return {"channel": [0, *range(1 + kept, ndim)], "feature": [0], "none": None}[standardize]


@dataclass(frozen=True, eq=False)
class Standardised:
    """A measurement of u, its y and noise, and the log-Jacobian to take off its evidence."""

    measurement: Measurement
    y: Tensor
    noise: float | Tensor | Spectral
    log_jacobian: float | Tensor


@dataclass(frozen=True, eq=False)
class Rescaled(Measurement):
    """u -> A (scale u)."""

    inner: Measurement
    scale: Tensor

    def apply(self, x: Tensor, event_shape: Shape) -> Tensor:
        return self.inner.apply(x * self.scale.to(x), event_shape)

    def output_shape(self, event_shape: Shape) -> Shape:
        return self.inner.output_shape(event_shape)


class Stretched(Operator):
    """diag(scale) Sigma diag(scale): a covariance in the user's units."""

    def __init__(self, inner: Operator, scale: Tensor) -> None:
        self.inner, self.scale, self.size = inner, scale.flatten(), inner.size

    @property
    def batch_shape(self) -> tuple[int, ...]:
        return self.inner.batch_shape

    def __matmul__(self, x: Tensor) -> Tensor:
        return self.scale * (self.inner @ (self.scale * x))

    def diagonal(self) -> Tensor:
        return self.scale**2 * self.inner.diagonal()
