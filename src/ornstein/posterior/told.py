"""What any likelihood says of a signal, and the linear Gaussian measurement that stands for it where the particles are."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ornstein.common.errors import InputError
from ornstein.measurements.base import Measurement
from ornstein.measurements.curved import Likelihood, split
from ornstein.measurements.noises import NoiseLaw

NODES = 400
"""Points of a quadrature over ``REACH`` deviations to either side, of what is known of a value with and without its own likelihood."""

REACH = 7.0

LARGEST = 256
"""Entries up to which a ``Likelihood`` is approximated by its second derivatives."""

_FLAT = 0.02
"""Least precision of a value, as a share of that of what is known of it already: log-densities may be flat, or curved the other way."""


Rows = tuple[Tensor, Tensor, Tensor]
"""A (m, d), y (m,) and variances (m,) of a measurement y = A x + n with independent noise."""


class Told(ABC):
    """log p(y | x_0) for vectors x_0 in the coordinates of the denoiser."""

    @abstractmethod
    def log_prob(self, x: Tensor) -> Tensor:
        """log p(y | x) in nats for x (..., d), shape (...)."""

    def nats(self, x: Tensor) -> Tensor:
        """The same, where signals without a value, such as the root of a negative number, did not give y: -inf."""
        return torch.nan_to_num(self.log_prob(x), nan=-torch.inf, posinf=torch.inf, neginf=-torch.inf)

    @abstractmethod
    def stand_in(self, x: Tensor, weights: Tensor, before: Rows | None) -> Rows:
        """The linear Gaussian measurement that says about the same where the draws x (n, d) with weights (n,) are.

        ``before`` is the one that guided these draws; None where they knew nothing of y.
        """


@dataclass(frozen=True, eq=False)
class Values(Told):
    """y_i ~ p(y_i | g(m_i)) with m = f(x): independent noise of any kind, after a function g of every entry.

    Each m_i is N(a, v) among the draws. Without what stood in for its own value before, it is the cavity N(b, w); times p(y_i | g(m_i))
    that has the mean c and variance u, by quadrature, and the Gaussian in m_i that makes N(c, u) of N(b, w) stands in: expectation
    propagation (Minka 2001), which covers what a likelihood allows, tails, limits and steps included, and needs no derivative of it. f is
    linearised at the mean of the draws; what this misses among them counts as noise.
    """

    f: Callable[[Tensor], Tensor]
    pointwise: Callable[[Tensor], Tensor]
    y: Tensor
    noise: NoiseLaw
    linear: bool
    _rows: list[Tensor] = field(default_factory=list)

    @classmethod
    def of(cls, measurement: Measurement, y: Tensor, noise: NoiseLaw, decode: Callable[[Tensor], Tensor], event: tuple[int, ...]) -> Values:
        """Of vectors whose signals in the units of y are ``decode(u)`` for u (..., *event)."""
        inner, after = split(measurement)
        out = measurement.output_shape(event)

        def f(u: Tensor) -> Tensor:
            x = decode(u.view(*u.shape[:-1], *event))
            return (x if inner is None else inner.apply(x, event)).flatten(u.ndim - 1)

        def pointwise(m: Tensor) -> Tensor:
            shaped = m.view(*m.shape[:-1], *out)
            for function in after:
                shaped = function.apply(shaped, out)
            return shaped.flatten(m.ndim - 1)

        noise.check(y)
        return cls(f, pointwise, y.flatten(), noise, inner is None or inner.linear)

    def log_prob(self, x: Tensor) -> Tensor:
        return self.noise.log_prob(self.y, self.pointwise(self.f(x))).sum(-1)

    def stand_in(self, x: Tensor, weights: Tensor, before: Rows | None) -> Rows:
        centre = weights @ x
        rows = self._linearised(centre)
        m = self.f(x)
        if not bool(torch.isfinite(m).all()):
            raise InputError(
                "the function measured is NaN or infinite for signals that the model draws: make it finite there, or use method 'weights', "
                "where such signals count for nothing"
            )
        a = weights @ m
        v = (weights @ (m - a).square()).clamp_min(1e-12 * (a.square() + 1e-12))
        b, w = a, v
        if before is not None:
            told = 1 / (before[2] if self.linear else before[2] + v)
            told = torch.minimum(told, (1 - _FLAT) / v)
            w = 1 / (1 / v - told)
            b = w * (a / v - told * (before[1] - before[0] @ centre + a))
        c, u = self._tilted(b, w, a, v)
        precision = (1 / u - 1 / w).clamp_min(_FLAT / w)
        site = (c / u - b / w) / precision
        missed = 0.0 if self.linear else weights @ (m - a - (x - centre) @ rows.T).square()
        return rows, site - a + rows @ centre, 1 / precision + missed

    def _tilted(self, b: Tensor, w: Tensor, a: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and variance (m,) of N(m; b, w) p(y | g(m)), on points around b and around a, where its mass is by now."""
        steps = torch.linspace(-REACH, REACH, NODES, dtype=b.dtype).unsqueeze(-1)
        points = torch.cat([b + w.sqrt() * steps, a + v.sqrt() * steps]).sort(0).values
        level = self.noise.log_prob(self.y, self.pointwise(points)) - 0.5 * (points - b).square() / w
        width = torch.nn.functional.pad(points.diff(dim=0), (0, 0, 1, 1))
        mass = (level - level.amax(0)).exp() * (width[1:] + width[:-1])
        mass = mass / mass.sum(0)
        c = (mass * points).sum(0)
        return c, (mass * (points - c).square()).sum(0).clamp_min(1e-9 * w)

    def _linearised(self, x: Tensor) -> Tensor:
        """The derivatives of f at x (m, d)."""
        if self.linear and self._rows:
            return self._rows[0]
        with torch.enable_grad():
            at = x.clone().requires_grad_(True)
            value = self.f(at)
            if not value.requires_grad:
                raise _flat("its result does not depend on the signal by operations of torch")
            rows = torch.stack([torch.autograd.grad(one, at, retain_graph=True)[0] for one in value])
        if not self.linear and not bool((rows != 0).any()):
            raise _flat("all its derivatives are 0")
        self._rows[:] = [rows]
        return rows


@dataclass(frozen=True, eq=False)
class Known(Told):
    """A ``Likelihood``: the parabola by first and second derivatives at the mean of the draws, where it curves down."""

    f: Callable[[Tensor], Tensor]

    @classmethod
    def of(cls, likelihood: Likelihood, decode: Callable[[Tensor], Tensor], event: tuple[int, ...]) -> Known:
        return cls(lambda u: likelihood.apply(decode(u.view(*u.shape[:-1], *event)), event))

    def log_prob(self, x: Tensor) -> Tensor:
        return self.f(x)

    def stand_in(self, x: Tensor, weights: Tensor, before: Rows | None) -> Rows:
        centre = weights @ x
        if len(centre) > LARGEST:
            raise InputError(
                f"a Likelihood is approximated by its second derivatives up to {LARGEST} entries, but signals have {len(centre)}: "
                "use Nonlinear with a noise, or method 'weights'"
            )
        with torch.enable_grad():
            at = centre.clone().requires_grad_(True)
            value = self.f(at.unsqueeze(0))[0]
            if not value.requires_grad:
                raise _flat("its result does not depend on the signal by operations of torch")
            (slope,) = torch.autograd.grad(value, at, create_graph=True)
            zero = torch.zeros_like(centre)
            second = torch.stack([_gradient(one, at, zero) for one in slope])
        curvature, directions = torch.linalg.eigh(-0.5 * (second + second.T))
        spread = weights @ ((x - centre) @ directions).square()
        kept = curvature * spread > _FLAT
        rows, precision = directions[:, kept].T, curvature[kept]
        return rows, rows @ centre + (rows @ slope.detach()) / precision, 1 / precision


def _gradient(value: Tensor, at: Tensor, zero: Tensor) -> Tensor:
    if not value.requires_grad:
        return zero
    found = torch.autograd.grad(value, at, retain_graph=True, allow_unused=True)[0]
    return zero if found is None else found


def _flat(why: str) -> InputError:
    return InputError(
        f"the function measured cannot be differentiated ({why}), which method 'twisted' needs: use method 'weights', or Clip and Quantise "
        "for limits and steps of every entry"
    )
