"""The covariance-aware exponential integrator: the Gaussian part of any denoiser is solved exactly, only the rest is stepped."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ornstein.common import checks
from ornstein.common.errors import InputError
from ornstein.covariance import Spectral
from ornstein.denoisers import Gaussian
from ornstein.samplers.base import Context, Past, Sampler
from ornstein.samplers.level import Level
from ornstein.samplers.multistep import usable
from ornstein.samplers.quadrature import slopes

_KEPT = 512
"""Steps whose weights are remembered: every batch of a run asks for the same ones."""


@dataclass(frozen=True)
class Residual(Past):
    """An earlier step with r = W (D - D_G), the coordinates (case, k) of what the reference does not explain."""

    rest: Tensor


@dataclass(frozen=True)
class Exponential(Sampler):
    """Any denoiser, less the Gaussian part of its flow, by multistep integration; one denoiser call a step.

    With w the coordinates of x / alpha - mu in the eigenbasis of the reference N(mu, Sigma), n = sigma / alpha, and r those of the
    denoised signal less the one of the reference, the flow is

        u_k = w_k / sqrt(lambda_k + n^2),      du_k / dn = -r_k / (n sqrt(lambda_k + n^2))

    so a step has no error where the denoiser is the reference, and elsewhere only that of r, which is written as
    r = n / sqrt(c + n^2) q with c the mean eigenvalue and q a polynomial in log n through its values at other steps: the factor is
    the deviation of a typical posterior, in which r stays of one size from noise to data. With lambda = 0 the steps are DDIM and
    the multistep DPM-Solver++ with exact integrals.

    reference  the Gaussian whose part is solved: that of the mean and covariance of the data (``denoisers.matched``), spectral
    order      1 to 3, how many residuals the polynomial goes through; the first steps use as many as there are
    corrector  whether each call also corrects the step that led to it, by the polynomial through its residual as well (UniPC: Zhao
               et al. 2023): one order more at no further call

    The step to sigma = 0 takes r to be what it is for a smooth density, the variance lambda n^2 / (lambda + n^2) of the reference's
    posterior times a constant:

        x_0 = mu + W^T (g w + r / (1 + g)),    g_k = sqrt(lambda_k / (lambda_k + n^2))

    which is the denoised signal in modes that the noise hides (g = 0) and, unlike it, exact for the Gaussian part of the others.
    Raises ``InputError`` for another order and for a reference whose basis is not known.
    """

    reference: Gaussian
    order: int = 2
    corrector: bool = True
    _weights: dict[tuple[float, ...], list[Tensor]] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        checks.count(self.order, "order", at_most=3)
        basis(self.reference)

    @property
    def bound(self) -> bool:
        return True

    @property
    def memory(self) -> int:
        return self.order - 1 + self.corrector

    def leave(self, context: Context, x: Tensor, now: Level, then: Level) -> Tensor:
        """Along the flow of the reference, which is exact on it."""
        return flow(self.reference, x, now, then)

    def step(self, context: Context, x: Tensor, now: Level, then: Level) -> Tensor:
        operator = basis(self.reference)
        lam, mean = operator.eigenvalues, self.reference.mean().flatten()
        clean = context.clean(x, now)
        w = operator.rotate(_flat(self.reference, x) - now.alpha * mean)
        spread = (now.alpha**2 * lam + now.sigma**2).sqrt()
        rest = operator.rotate(clean.flatten(1).to(torch.float64) - mean) - now.alpha * lam / spread**2 * w
        here = Residual(now, clean, rest)
        u = w / spread
        earlier = [p for p in context.past if isinstance(p, Residual)]
        if self.corrector and earlier:
            u = u + self._correction(lam, here, earlier)
        context.past.appendleft(here)
        if then.sigma == 0:
            kept = now.alpha * lam.sqrt() / spread
            moved = then.alpha * (lam.sqrt() * u + rest / (1 + kept))
        else:
            through = [here, *usable(earlier, now, then, self.order - 1)]
            moved = (then.alpha**2 * lam + then.sigma**2).sqrt() * (u + self._moved(lam, through, now, then))
        return (operator.unrotate(moved) + then.alpha * mean).reshape(x.shape).to(x)

    def _moved(self, lam: Tensor, through: Sequence[Residual], now: Level, then: Level) -> Tensor:
        """The change of u from ``now`` to ``then`` by the polynomial through these residuals."""
        key = tuple(value for level in (now, then, *(p.at for p in through)) for value in (level.alpha, level.sigma))
        if key not in self._weights:
            if len(self._weights) >= _KEPT:
                self._weights.clear()
            self._weights[key] = slopes(lam, typical(self.reference), [p.at for p in through], now, then)
        parts = [weight * p.rest for weight, p in zip(self._weights[key], through, strict=True)]
        return sum(parts[1:], parts[0])

    def _correction(self, lam: Tensor, here: Residual, earlier: Sequence[Residual]) -> Tensor:
        """What the step that led here would have added to u, had it known the residual here."""
        before = earlier[0].at
        predicted = [earlier[0], *usable(earlier[1:], before, here.at, self.order - 1)]
        corrected = [here, *usable(earlier, before, here.at, self.order)]
        return self._moved(lam, corrected, before, here.at) - self._moved(lam, predicted, before, here.at)


def flow(reference: Gaussian, x: Tensor, now: Level, then: Level) -> Tensor:
    """x_t (case, *event) -> x_s along the probability flow of a Gaussian, without error.

    From sigma_t = 0 the modes outside the support of the reference stay where they are: no noise of theirs leads there.
    """
    operator, mean = basis(reference), reference.mean().flatten()
    variance = now.alpha**2 * operator.eigenvalues + now.sigma**2
    ratio = (then.alpha**2 * operator.eigenvalues + then.sigma**2) / torch.where(variance > 0, variance, torch.inf)
    ratio = torch.where(variance > 0, ratio, (then.alpha / now.alpha) ** 2 if now.sigma == 0 else 1.0)
    moved = operator.apply(lambda _: ratio.sqrt(), _flat(reference, x) - now.alpha * mean)
    return (moved + then.alpha * mean).reshape(x.shape).to(x)


def _flat(reference: Gaussian, x: Tensor) -> Tensor:
    """x (case, *event) as vectors (case, d) of the reference."""
    if tuple(x.shape[1:]) != reference.event_shape:
        raise InputError(f"reference holds signals of shape {reference.event_shape}, but those of this run have shape {tuple(x.shape[1:])}")
    return x.flatten(1).to(torch.float64)


def typical(reference: Gaussian) -> Tensor:
    """c, the mean eigenvalue of a reference."""
    return reference.operator.trace() / reference.operator.size


def deviation(reference: Gaussian) -> float:
    """The root mean variance of the entries of a signal, sqrt(c)."""
    return math.sqrt(float(typical(reference)))


def basis(reference: Gaussian) -> Spectral:
    """The eigenbasis of a reference, or the error that says what a reference must be."""
    if isinstance(reference, Gaussian) and isinstance(reference.operator, Spectral) and not reference.batch_shape:
        return reference.operator
    raise InputError(
        f"reference is {type(reference).__name__}, but must be one Gaussian law whose covariance has a known eigenbasis: "
        "pass denoisers.matched(law), or Gaussian(mean, Dense(covariance))"
    )
