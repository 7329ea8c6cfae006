"""Schedules given by a formula: linear-beta VP, cosine, rectified flow, and VE with the grid of Karras."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ornstein.common import checks
from ornstein.common.errors import InputError
from ornstein.schedules.base import Grid, Schedule, Time, as_time, whole
from ornstein.schedules.grids import karras


@dataclass(frozen=True)
class VP(Schedule):
    """Variance preserving with linear beta(t) (Ho et al. 2020; Song et al. 2021, eq. 32).

        alpha_t = exp(-B(t) / 2),  sigma_t^2 = 1 - exp(-B(t)),  B(t) = beta_min t + (beta_max - beta_min) t^2 / 2

    sigma_t grows like sqrt(t) at the data end, so its grid is quadratic in t: equal steps of noise rather than of time.
    """

    beta_min: float = 0.1
    beta_max: float = 20.0

    def __post_init__(self) -> None:
        checks.positive(self.beta_min, "beta_min")
        if checks.positive(self.beta_max, "beta_max") < self.beta_min:
            raise InputError(f"beta_max is {self.beta_max:g}, but must be at least beta_min = {self.beta_min:g}")

    def _integral(self, t: Tensor) -> Tensor:
        return self.beta_min * t + 0.5 * (self.beta_max - self.beta_min) * t**2

    def alpha(self, t: Time) -> Tensor:
        return torch.exp(-0.5 * self._integral(as_time(t)))

    def sigma(self, t: Time) -> Tensor:
        return torch.sqrt(-torch.expm1(-self._integral(as_time(t))))

    def time(self, noise: Time) -> Tensor:
        integral = torch.log1p(torch.as_tensor(noise, dtype=torch.float64) ** 2)
        slope = self.beta_max - self.beta_min
        return 2 * integral / (self.beta_min + torch.sqrt(self.beta_min**2 + 2 * slope * integral))

    def rates(self, t: Time) -> tuple[Tensor, Tensor]:
        time = as_time(t)
        beta = self.beta_min + (self.beta_max - self.beta_min) * time
        alpha = self.alpha(time)
        return -0.5 * beta * alpha, 0.5 * beta * alpha**2 / self.sigma(time)

    def grid(self, steps: int) -> Grid:
        return Grid(torch.linspace(1, 0, whole(steps) + 1, dtype=torch.float64) ** 2)


@dataclass(frozen=True)
class Cosine(Schedule):
    """alpha_t = cos(theta) / cos(theta_0), theta = theta_0 + t (pi / 2 - theta_0), shifted by s (Nichol and Dhariwal 2021, eq. 17).

    theta_0 = (pi / 2) s / (1 + s). It ends at alpha = 0 exactly (zero terminal SNR): nothing of the signal is left at t = 1.
    Its grid takes equal steps of the angle arctan(sigma_t / alpha_t), which is uniform in t but for the shift by s.
    """

    s: float = 0.008

    def __post_init__(self) -> None:
        checks.positive(self.s, "s", zero=True)

    @property
    def _first(self) -> float:
        return 0.5 * math.pi * self.s / (1 + self.s)

    def _below(self, t: Tensor) -> Tensor:
        """The angle still to go, pi / 2 - theta: sines of it stay exact where cos(theta) vanishes."""
        return (1 - t) * (0.5 * math.pi - self._first)

    def alpha(self, t: Time) -> Tensor:
        return torch.sin(self._below(as_time(t))) / math.cos(self._first)

    def sigma(self, t: Time) -> Tensor:
        time = as_time(t)
        turned = time * (0.5 * math.pi - self._first)
        # 1 - cos^2(theta) / cos^2(theta_0) = sin(theta - theta_0) sin(theta + theta_0) / cos^2(theta_0), without cancellation
        return torch.sqrt(torch.sin(turned) * torch.sin(turned + 2 * self._first)) / math.cos(self._first)

    def time(self, noise: Time) -> Tensor:
        level = torch.as_tensor(noise, dtype=torch.float64)
        # sin^2(theta) = sin^2(theta_0) + cos^2(theta_0) sigma^2, with alpha and sigma finite for every level, inf included
        alpha = torch.rsqrt(1 + level**2)
        sigma2 = torch.where(torch.isinf(level), torch.ones_like(level), level**2 * alpha**2)
        c2 = math.cos(self._first) ** 2
        sine = torch.sqrt(math.sin(self._first) ** 2 + c2 * sigma2)
        theta = torch.atan2(sine, math.cos(self._first) * alpha)
        return ((theta - self._first) / (0.5 * math.pi - self._first)).clamp(0, 1)

    def rates(self, t: Time) -> tuple[Tensor, Tensor]:
        time = as_time(t)
        speed = 0.5 * math.pi - self._first
        fall = -speed * torch.cos(self._below(time)) / math.cos(self._first)
        return fall, -self.alpha(time) * fall / self.sigma(time)

    def grid(self, steps: int) -> Grid:
        angle = torch.linspace(0.5 * math.pi, 0, whole(steps) + 1, dtype=torch.float64)
        times = self.time(torch.tan(angle))
        times[0], times[-1] = 1.0, 0.0
        return Grid(times)


@dataclass(frozen=True)
class RectifiedFlow(Schedule):
    """The straight line x_t = (1 - t) x_0 + t z (Liu et al. 2023; Lipman et al. 2023), with zero terminal SNR."""

    def alpha(self, t: Time) -> Tensor:
        return 1 - as_time(t)

    def sigma(self, t: Time) -> Tensor:
        return as_time(t)

    def time(self, noise: Time) -> Tensor:
        level = torch.as_tensor(noise, dtype=torch.float64)
        return torch.where(torch.isinf(level), torch.ones_like(level), level / (1 + level))

    def rates(self, t: Time) -> tuple[Tensor, Tensor]:
        one = torch.ones_like(as_time(t))
        return -one, one


@dataclass(frozen=True)
class VE(Schedule):
    """Variance exploding, alpha = 1 and sigma_t = sigma_max t.

    Its grid is that of Karras et al. (2022), eq. 5: the levels of ``karras`` between sigma_max and sigma_min, then 0.
    """

    sigma_max: float = 80.0
    sigma_min: float = 0.002
    rho: float = 7.0

    def __post_init__(self) -> None:
        checks.positive(self.rho, "rho")
        if checks.positive(self.sigma_min, "sigma_min") >= checks.positive(self.sigma_max, "sigma_max"):
            raise InputError(f"sigma_min is {self.sigma_min:g}, but must be below sigma_max = {self.sigma_max:g}")

    def alpha(self, t: Time) -> Tensor:
        return torch.ones_like(as_time(t))

    def sigma(self, t: Time) -> Tensor:
        return self.sigma_max * as_time(t)

    def time(self, noise: Time) -> Tensor:
        return torch.as_tensor(noise, dtype=torch.float64) / self.sigma_max

    def rates(self, t: Time) -> tuple[Tensor, Tensor]:
        zero = torch.zeros_like(as_time(t))
        return zero, zero + self.sigma_max

    def grid(self, steps: int) -> Grid:
        return karras(self, steps, self.rho, self.sigma_min, self.sigma_max)
