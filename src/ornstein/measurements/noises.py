"""Noise that is not Gaussian: what it says of every entry of y on its own."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor

from ornstein.common import checks
from ornstein.common.errors import InputError

_FAINTEST = 1e-9
"""Rate of a Poisson count where the signal says 0 or less: a count there is then all but impossible, and its density finite."""


class NoiseLaw(ABC):
    """log p(y_i | m_i) in nats, for values y and noise-free values m (..., output)."""

    @abstractmethod
    def log_prob(self, y: Tensor, m: Tensor) -> Tensor: ...

    def check(self, y: Tensor) -> None:  # noqa: B027  # most kinds of noise can give any value
        """Raise ``InputError`` for values that this noise cannot give."""


@dataclass(frozen=True)
class Normal(NoiseLaw):
    """y = m + n, n ~ N(0, deviation^2), one deviation for all values or one each."""

    deviation: Tensor

    def log_prob(self, y: Tensor, m: Tensor) -> Tensor:
        found: Tensor = -0.5 * ((y - m) / self.deviation).square() - (self.deviation * (2 * torch.pi) ** 0.5).log()
        return found


@dataclass(frozen=True)
class Laplace(NoiseLaw):
    """y = m + n with density exp(-|n| / scale) / (2 scale): most values are close, some are far."""

    scale: float

    def __post_init__(self) -> None:
        checks.positive(self.scale, "scale")

    def log_prob(self, y: Tensor, m: Tensor) -> Tensor:
        return -(y - m).abs() / self.scale - math.log(2 * self.scale)


@dataclass(frozen=True)
class StudentT(NoiseLaw):
    """y = m + scale n with n of Student's t: outliers are expected. Small ``freedom`` means heavy tails; 1 is Cauchy."""

    scale: float
    freedom: float

    def __post_init__(self) -> None:
        checks.positive(self.scale, "scale")
        checks.positive(self.freedom, "freedom")

    def log_prob(self, y: Tensor, m: Tensor) -> Tensor:
        nu = self.freedom
        constant = math.lgamma((nu + 1) / 2) - math.lgamma(nu / 2) - 0.5 * math.log(nu * math.pi) - math.log(self.scale)
        return constant - (nu + 1) / 2 * torch.log1p(((y - m) / self.scale).square() / nu)


@dataclass(frozen=True)
class Poisson(NoiseLaw):
    """Counts y with the mean m + background, or exp(m) with ``log=True``. Where the mean would be negative, it is 0."""

    background: float = 0.0
    log: bool = False

    def __post_init__(self) -> None:
        checks.positive(self.background, "background", zero=True)

    def log_prob(self, y: Tensor, m: Tensor) -> Tensor:
        rate = m.clamp_max(500.0).exp() if self.log else m
        rate = (rate + self.background).clamp_min(_FAINTEST)
        return y * rate.log() - rate - torch.lgamma(y + 1)

    def check(self, y: Tensor) -> None:
        if bool(((y < 0) | (y != y.round())).any()):
            wrong = float(y[(y < 0) | (y != y.round())].flatten()[0])
            raise InputError(f"y holds {wrong:g}, but Poisson noise gives counts, whole numbers from 0")
