"""Chapter two: the signal as the mean of noisy copies, and the signal as one draw of a law of mean zero."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ornstein.covariance import Dense, Diagonal
from ornstein.denoisers import Gaussian

FLOOR = 0.01
"""Variance added to a covariance of smooth curves, which is singular to rounding, before its density is evaluated."""


def chi_mean(d: int) -> float:
    """The mean length of white noise in d dimensions: sqrt(2) Gamma((d + 1) / 2) / Gamma(d / 2), about sqrt(d - 1/2)."""
    return math.sqrt(2) * math.exp(math.lgamma((d + 1) / 2) - math.lgamma(d / 2))


def distances(curves: Tensor, signal: Tensor) -> Tensor:
    """Euclidean distance of each curve (n, d) to the signal (d,), (n,)."""
    return (curves - signal).square().sum(-1).sqrt()


def averaging(noise: Tensor) -> Tensor:
    """Variance left in the mean of the first n copies of unit noise (n, d), for each n: (1 / d) |mean of z_1 .. z_n|^2."""
    n = torch.arange(1, len(noise) + 1, dtype=noise.dtype)
    return (noise.cumsum(0) / n[:, None]).square().mean(-1)


def log_white(signal: Tensor) -> float:
    """log N(signal; 0, I) in nats."""
    return float(Gaussian(torch.zeros_like(signal), Diagonal(torch.ones_like(signal))).log_prob(signal[None])[0])


def log_coloured(signal: Tensor, covariance: Dense) -> float:
    """log N(signal; 0, C + FLOOR I) in nats."""
    return float(Gaussian(torch.zeros_like(signal), covariance).log_prob(signal[None], math.sqrt(FLOOR))[0])
