"""At which noise levels a density is integrated, and with which weights."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ornstein.common import checks
from ornstein.likelihood.frame import Frame

LOW, HIGH = 2.4, 1.25
"""With n levels the integral runs from LOW / n of the least deviation to HIGH n times the largest. What is left out falls with n, so a
second grid sees it too: below, like the square of the level (and only its deviation from that law is lost); above, like its cube."""

_TABLE = 2001
_FLOOR = 0.05
_GREGORY = (3 / 8, 7 / 6, 23 / 24)
"""End weights of the trapezoidal rule that make it of order 4 (Gregory)."""


@dataclass(frozen=True, eq=False)
class Levels:
    """Rising noise levels (n,) at equal steps of a coordinate s, the rate dlog sigma / ds times the step (n,), and the weights (n, k)
    with which sum_ik weights_ik h_k(sigma_i) is int h_k dlog sigma, one column per coordinate of the frame."""

    noise: Tensor
    rate: Tensor
    weights: Tensor

    def __len__(self) -> int:
        return len(self.noise)


def levels(frame: Frame, steps: int, sigma: float = 0.0) -> Levels:
    """``steps`` noise levels for the frame, from ``sigma`` up.

    They are dense where modes of the reference turn from hidden to seen: with rho = sum_k sech^2(log sigma - log lambda_k / 2), whose
    terms are 4 g (1 - g) of each mode's gain, the density in log sigma is rho^(1/3) plus a twentieth of its maximum. At sigma = 0 the
    first level stands for everything below it, where residuals fall like the posterior variance v = lambda s^2 / (lambda + s^2):

        int_0^s v dlog s / v(s) = (lambda + s^2) / (2 s^2) log(1 + s^2 / lambda)
    """
    checks.count(steps, "steps", at_least=4)
    lam, inside = frame.eigenvalues, frame.inside & (frame.eigenvalues > 0)
    roots = lam[inside].sqrt()
    low = sigma if sigma > 0 else LOW / steps * float(roots.min())
    scale = Scale.between(frame, low, max(HIGH * steps * float(roots.max()), 2 * low))
    noise, density = scale.at(torch.linspace(0, 1, steps, dtype=torch.float64))
    rate = 1 / (steps - 1) / density
    weights = (_ends(steps) * rate)[:, None].repeat(1, len(lam))
    if sigma == 0:
        share = float(noise[0]) ** 2 / torch.where(inside, lam, 1.0)
        weights[0] += torch.where(inside, (1 + 1 / share) / 2 * torch.log1p(share), 0.0)
    return Levels(noise, rate, weights * frame.inside)


@dataclass(frozen=True, eq=False)
class Scale:
    """A coordinate from 0 to 1 along log sigma, in which the transitions of all modes are evenly spread.

    log_noise  (table,);  place: the coordinate there (table,);  density: its derivative by log sigma (table,)
    """

    log_noise: Tensor
    place: Tensor
    density: Tensor

    @classmethod
    def between(cls, frame: Frame, low: float, high: float) -> Scale:
        """From the noise level ``low`` to ``high``."""
        inside = frame.inside & (frame.eigenvalues > 0)
        tau = torch.linspace(math.log(low), math.log(high), _TABLE, dtype=torch.float64)
        rho = _density(tau, frame.eigenvalues[inside].log() / 2, frame.multiplicity[inside])
        s = torch.cat([torch.zeros(1, dtype=torch.float64), (0.5 * (rho[1:] + rho[:-1]) * tau.diff()).cumsum(0)])
        return cls(tau, s / s[-1], rho / s[-1])

    def at(self, place: Tensor) -> tuple[Tensor, Tensor]:
        """(noise level, density) at coordinates of any shape."""
        tau = np.interp(place.numpy(), self.place.numpy(), self.log_noise.numpy())
        return torch.from_numpy(np.exp(tau)), torch.from_numpy(np.interp(tau, self.log_noise.numpy(), self.density.numpy()))


def _density(tau: Tensor, transitions: Tensor, counts: Tensor) -> Tensor:
    """How many levels there should be at each log sigma, up to a factor; far apart spectra leave no gap."""
    centres, place = transitions.unique(return_inverse=True)
    weight = torch.zeros_like(centres).index_add_(0, place, counts)
    rho = torch.zeros_like(tau)
    for centre, many in zip(centres.split(256), weight.split(256), strict=True):
        # past 300 the square of cosh overflows, and its inverse is 0 to every digit
        rho += (many / torch.cosh((tau[:, None] - centre).clamp(-300, 300)) ** 2).sum(-1)
    rho = rho ** (1 / 3)
    return rho + _FLOOR * rho.max()


def _ends(steps: int) -> Tensor:
    weights = torch.ones(steps, dtype=torch.float64)
    ends = torch.tensor(_GREGORY if steps >= 2 * len(_GREGORY) else (0.5,), dtype=torch.float64)
    weights[: len(ends)], weights[steps - len(ends) :] = ends, ends.flip(0)
    return weights
