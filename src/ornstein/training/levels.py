"""Which noise levels a network is trained at."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ornstein.common import checks
from ornstein.common.errors import InputError
from ornstein.covariance import Spectral

PLACES = 2048
"""Places of the tabulated distribution of log sigma, 0.005 apart over the usual range."""

_MODES = 4096
"""Eigenvalues that meet the table at once: 64 MiB."""

LOWEST, HIGHEST = 2e-3, 80.0
"""The range of sampling for signals of unit variance (Karras et al. 2022, table 1): no answer outside it is ever used."""


class NoiseLevels(ABC):
    """A distribution of sigma, by its quantiles."""

    @abstractmethod
    def quantile(self, u: Tensor) -> Tensor:
        """sigma with probability u below it; u in (0, 1), float64, any shape and device."""


@dataclass(frozen=True)
class LogNormal(NoiseLevels):
    """log sigma ~ N(mean, deviation^2) (Karras et al. 2022, table 1: -1.2 and 1.2 for data of deviation 0.5).

    For signals of unit variance the mean is log(2) higher.
    """

    mean: float = math.log(2) - 1.2
    deviation: float = 1.2

    def __post_init__(self) -> None:
        checks.real(self.mean, "mean")
        checks.positive(self.deviation, "deviation")

    def quantile(self, u: Tensor) -> Tensor:
        log_sigma: Tensor = self.mean + self.deviation * torch.special.ndtri(u)
        return log_sigma.exp()


@dataclass(frozen=True, eq=False)
class SpectrumLevels(NoiseLevels):
    """Noise where the modes of Sigma change from signal to noise: log sigma^2 = log lambda_k + logistic, k with probability p_k.

        P(below sigma) = sum_k p_k sigma^2 / (lambda_k + sigma^2),     given that lowest < sigma < highest

    Mode k keeps the share lambda_k / (lambda_k + sigma^2), whose slope in log sigma^2 is the logistic density around log lambda_k.
    p_k is proportional to lambda_k^power: 0 counts modes, 1 counts variance; an eigenvalue counts as often as it occurs. Of 0, 1/2
    and 1, 0 gave the lowest held-out loss on every set that was measured.

    operator  the covariance of the signals, any structure; eigenvalues of 0 are left out
    lowest, highest  the range of sigma, in units of the signals
    Raises ``InputError`` for a batch of covariances and one whose variance lies nowhere near the range. The distribution is
    tabulated once and moved once to every device that asks; its error is below 1e-5 in probability.
    """

    operator: Spectral
    power: float = 0.0
    lowest: float = LOWEST
    highest: float = HIGHEST
    _tables: dict[torch.device, tuple[Tensor, Tensor]] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        checks.positive(self.power, "power", zero=True)
        if not checks.positive(self.lowest, "lowest") < checks.positive(self.highest, "highest"):
            raise InputError(f"lowest is {self.lowest:g} and highest {self.highest:g}, but noise levels need lowest < highest")
        if self.operator.batch_shape:
            held = self.operator.batch_shape
            raise InputError(f"operator holds a batch {held} of covariances, but noise levels follow one: pass them one by one")
        self._tables[torch.device("cpu")] = self._tabulated()

    def quantile(self, u: Tensor) -> Tensor:
        if u.device not in self._tables:
            below, log_sigma = self._tables[torch.device("cpu")]
            self._tables[u.device] = below.to(u.device), log_sigma.to(u.device)
        below, log_sigma = self._tables[u.device]
        right = torch.searchsorted(below, u.to(below).contiguous()).clamp(1, len(below) - 1)
        step = (below[right] - below[right - 1]).clamp_min(torch.finfo(torch.float64).tiny)
        return torch.lerp(log_sigma[right - 1], log_sigma[right], ((u - below[right - 1]) / step).clamp(0, 1)).exp()

    def _tabulated(self) -> tuple[Tensor, Tensor]:
        """(probability below, log sigma), both (PLACES,). Equal eigenvalues are counted together."""
        lam = self.operator.eigenvalues.detach().to("cpu", torch.float64)
        count = self.operator.multiplicity.to("cpu", torch.float64)[lam > 0]
        lam, which = lam[lam > 0].unique(return_inverse=True)
        count = torch.zeros_like(lam).index_add_(0, which, count)
        p = torch.softmax(self.power * lam.log() + count.log(), 0)
        log_sigma = torch.linspace(math.log(self.lowest), math.log(self.highest), PLACES, dtype=torch.float64)
        below = torch.zeros_like(log_sigma)
        for part, share in zip(lam.log().split(_MODES), p.split(_MODES), strict=True):
            below += torch.sigmoid(2 * log_sigma.unsqueeze(-1) - part) @ share
        inside = float(below[-1] - below[0]) if len(lam) else 0.0
        if not inside > 1e-6:
            raise InputError(
                f"operator has no variance that noise between {self.lowest:g} and {self.highest:g} could hide: "
                "scale the signals to unit variance, or give lowest and highest in their units"
            )
        return (below - below[0]) / inside, log_sigma
