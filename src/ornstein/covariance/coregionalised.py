"""Sums of separable kernels: the law of irregular, multivariate series.

    Cov(x_ct, x_c't') = sum_j (F_j F_j^T)_cc' k_j(|t - t'|) + nugget_c delta_cc' delta_tt'

the linear model of coregionalisation (Journel and Huijbregts 1978; Alvarez, Rosasco and Lawrence 2012, section 4.2) with the kernels of
``time_kernels``: constant (the level of a case), exponential or Matern with several time constants, cosine (day, week), white.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ornstein.common.times import rising
from ornstein.covariance.time_kernels import SCALED, TimeKernel


@dataclass(frozen=True)
class Coregionalised:
    """The parameters, for values in the units of the data.

    levels     (channel,)                     mean of every channel
    kernels    J kernels, with time constants in samples or in the unit of the time stamps
    factors    (J, channel, channel)          F of every kernel
    nugget     (channel,)                     variance of its own in every value
    """

    levels: Tensor
    kernels: tuple[TimeKernel, ...]
    factors: Tensor
    nugget: Tensor

    def matrix(self, times: Tensor) -> Tensor:
        """The covariance (channel * time, channel * time) at the times (time,)."""
        lag = (times.unsqueeze(1) - times).abs()
        return assembled(self.factors @ self.factors.mT, torch.stack([k.of(lag) for k in self.kernels]), self.nugget)

    def mean(self, length: int) -> Tensor:
        """The mean (channel * length,) of a window."""
        return self.levels.unsqueeze(1).expand(-1, length).flatten()

    @property
    def numbers(self) -> int:
        """How many free numbers the covariance holds: a symmetric coupling for every kernel, the time constants and the nuggets."""
        channels = len(self.levels)
        return len(self.kernels) * channels * (channels + 1) // 2 + channels + sum(k.name in SCALED for k in self.kernels)


def assembled(couplings: Tensor, kernels: Tensor, nugget: Tensor) -> Tensor:
    """sum_j B_j (x) K_j + diag(nugget) from B (J, channel, channel), K (J, time, time) and nugget (channel,)."""
    size = kernels.shape[1] * couplings.shape[1]
    summed = torch.einsum("jab,jts->atbs", couplings, kernels)
    own = nugget.unsqueeze(1).expand(-1, kernels.shape[1]).flatten()
    return summed.reshape(size, size) + torch.diag(own)


def grid(length: int) -> Tensor:
    """The times of ``length`` samples on a grid: 0, 1, 2, ..."""
    return torch.arange(length, dtype=torch.float64)


def stamps(times: object, length: int) -> Tensor:
    """The times (length,) in float64; None stands for a grid. Raises ``InputError`` where they do not rise, and for another number."""
    return grid(length) if times is None else rising(times, length)
