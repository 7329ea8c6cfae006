"""Schedules: how much signal and how much noise there is at time t.

    x_t = alpha_t x_0 + sigma_t z,      t in [0, 1],  t = 0 is data, t = 1 is noise

A schedule is two smooth functions and an inverse; everything else (log-SNR, noise in data scale, rates, grids) follows from
them. All of it is float64. ``Grid`` is the finite list of times that a sampler visits, from noise to data.
"""

from __future__ import annotations

import itertools
import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ornstein import checks
from ornstein.errors import InputError

Time = float | Tensor


def _time(t: Time) -> Tensor:
    time = torch.as_tensor(t, dtype=torch.float64)
    if bool(((time < 0) | (time > 1) | torch.isnan(time)).any()):
        raise InputError(f"t is {t}, but time runs from 0 (data) to 1 (noise)")
    return time


class Schedule(ABC):
    """t -> (alpha_t, sigma_t). ``alpha`` and ``sigma`` accept a number or a tensor and return a tensor of its shape."""

    @abstractmethod
    def alpha(self, t: Time) -> Tensor:
        """The weight of the signal, 1 at t = 0."""

    @abstractmethod
    def sigma(self, t: Time) -> Tensor:
        """The weight of the noise, 0 at t = 0."""

    @abstractmethod
    def time(self, noise: Time) -> Tensor:
        """The time at which sigma_t / alpha_t equals ``noise``: the inverse of ``noise_level``, on [0, noise_level(1)]."""

    @abstractmethod
    def rates(self, t: Time) -> tuple[Tensor, Tensor]:
        """(d alpha / dt, d sigma / dt) for t > 0."""

    def noise_level(self, t: Time) -> Tensor:
        """sigma_t / alpha_t, the noise in data scale that a denoiser sees; inf where alpha_t = 0."""
        return self.sigma(t) / self.alpha(t)

    def log_snr(self, t: Time) -> Tensor:
        """log (alpha_t^2 / sigma_t^2): inf at t = 0, and -inf where alpha_t = 0."""
        return -2 * self.noise_level(t).log()

    def time_of_log_snr(self, log_snr: Time) -> Tensor:
        """The time with this log-SNR: the inverse of ``log_snr``."""
        return self.time(torch.exp(-0.5 * torch.as_tensor(log_snr, dtype=torch.float64)))

    def grid(self, steps: int) -> Grid:
        """The schedule's own grid of ``steps`` steps from t = 1 to t = 0."""
        steps = checks.count(steps, "steps")
        return Grid(torch.linspace(1, 0, steps + 1, dtype=torch.float64))


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
        return torch.exp(-0.5 * self._integral(_time(t)))

    def sigma(self, t: Time) -> Tensor:
        return torch.sqrt(-torch.expm1(-self._integral(_time(t))))

    def time(self, noise: Time) -> Tensor:
        integral = torch.log1p(torch.as_tensor(noise, dtype=torch.float64) ** 2)
        slope = self.beta_max - self.beta_min
        return 2 * integral / (self.beta_min + torch.sqrt(self.beta_min**2 + 2 * slope * integral))

    def rates(self, t: Time) -> tuple[Tensor, Tensor]:
        time = _time(t)
        beta = self.beta_min + (self.beta_max - self.beta_min) * time
        alpha = self.alpha(time)
        return -0.5 * beta * alpha, 0.5 * beta * alpha**2 / self.sigma(time)

    def grid(self, steps: int) -> Grid:
        steps = checks.count(steps, "steps")
        return Grid(torch.linspace(1, 0, steps + 1, dtype=torch.float64) ** 2)


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
        return torch.sin(self._below(_time(t))) / math.cos(self._first)

    def sigma(self, t: Time) -> Tensor:
        time = _time(t)
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
        time = _time(t)
        speed = 0.5 * math.pi - self._first
        fall = -speed * torch.cos(self._below(time)) / math.cos(self._first)
        return fall, -self.alpha(time) * fall / self.sigma(time)

    def grid(self, steps: int) -> Grid:
        angle = torch.linspace(0.5 * math.pi, 0, checks.count(steps, "steps") + 1, dtype=torch.float64)
        times = self.time(torch.tan(angle))
        times[0], times[-1] = 1.0, 0.0
        return Grid(times)


@dataclass(frozen=True)
class RectifiedFlow(Schedule):
    """The straight line x_t = (1 - t) x_0 + t z (Liu et al. 2023; Lipman et al. 2023), with zero terminal SNR."""

    def alpha(self, t: Time) -> Tensor:
        return 1 - _time(t)

    def sigma(self, t: Time) -> Tensor:
        return _time(t)

    def time(self, noise: Time) -> Tensor:
        level = torch.as_tensor(noise, dtype=torch.float64)
        return torch.where(torch.isinf(level), torch.ones_like(level), level / (1 + level))

    def rates(self, t: Time) -> tuple[Tensor, Tensor]:
        one = torch.ones_like(_time(t))
        return -one, one


@dataclass(frozen=True)
class VE(Schedule):
    """Variance exploding, alpha = 1 and sigma_t = sigma_max t, with the grid of Karras et al. (2022), eq. 5.

    sigma_i = (sigma_max^(1/rho) + i / (n - 1) (sigma_min^(1/rho) - sigma_max^(1/rho)))^rho,  then 0
    """

    sigma_max: float = 80.0
    sigma_min: float = 0.002
    rho: float = 7.0

    def __post_init__(self) -> None:
        checks.positive(self.rho, "rho")
        if checks.positive(self.sigma_min, "sigma_min") >= checks.positive(self.sigma_max, "sigma_max"):
            raise InputError(f"sigma_min is {self.sigma_min:g}, but must be below sigma_max = {self.sigma_max:g}")

    def alpha(self, t: Time) -> Tensor:
        return torch.ones_like(_time(t))

    def sigma(self, t: Time) -> Tensor:
        return self.sigma_max * _time(t)

    def time(self, noise: Time) -> Tensor:
        return torch.as_tensor(noise, dtype=torch.float64) / self.sigma_max

    def rates(self, t: Time) -> tuple[Tensor, Tensor]:
        zero = torch.zeros_like(_time(t))
        return zero, zero + self.sigma_max

    def grid(self, steps: int) -> Grid:
        return self.karras(steps)

    def karras(self, steps: int) -> Grid:
        """Karras' grid: ``steps`` noise levels between sigma_max and sigma_min, then 0."""
        steps = checks.count(steps, "steps")
        ramp = torch.linspace(0, 1, steps, dtype=torch.float64)
        high, low = self.sigma_max ** (1 / self.rho), self.sigma_min ** (1 / self.rho)
        levels = (high + ramp * (low - high)) ** self.rho / self.sigma_max
        return Grid(torch.cat([torch.ones(1, dtype=torch.float64), levels[1:], torch.zeros(1, dtype=torch.float64)]))


@dataclass(frozen=True)
class Discrete(Schedule):
    """A chain of T steps given by abar_1 > ... > abar_T (alpha_t^2 = abar_t, sigma_t^2 = 1 - abar_t), at the times t = i / T.

    Between the steps -log abar is linear, so beta is constant within a step; abar_T = 0 is allowed (zero terminal SNR), and
    its last step is then linear in abar. Build it with ``Discrete.from_betas(...)``, ``Discrete.sigmoid()`` or from abar.
    """

    abar: tuple[float, ...]
    _knots: Tensor = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        abar = checks.tensor(torch.as_tensor(self.abar, dtype=torch.float64), "abar", ndim=(1,))
        if not len(abar):
            raise InputError("abar is empty, but a chain needs at least one step")
        if float(abar.max()) > 1 or float(abar.min()) < 0:
            raise InputError(f"abar runs from {float(abar.max()):g} to {float(abar.min()):g}, but must lie in [0, 1]")
        bad = (abar.diff(prepend=torch.ones(1, dtype=torch.float64)) >= 0).nonzero()[:, 0]
        if len(bad):
            i = int(bad[0])
            raise InputError(f"abar is not decreasing at step {i + 1}: it must fall from below 1, and every step must add noise")
        object.__setattr__(self, "abar", tuple(abar.tolist()))
        object.__setattr__(self, "_knots", torch.cat([torch.zeros(1, dtype=torch.float64), -abar.log()]))

    @classmethod
    def from_betas(cls, betas: Sequence[float] | Tensor) -> Discrete:
        """abar_t = prod (1 - beta_s), accumulated in logarithms."""
        beta = checks.tensor(betas, "betas", ndim=(1,))
        if not len(beta) or float(beta.min()) <= 0 or float(beta.max()) > 1:
            raise InputError("betas must be a non-empty list of numbers in (0, 1]: each is the variance that its step adds")
        return cls(tuple(torch.exp(torch.log1p(-beta).cumsum(0)).tolist()))

    @classmethod
    def sigmoid(cls, steps: int = 100, beta_max: float = 0.1) -> Discrete:
        """The tutorial's chain: beta = beta_max sigmoid(linspace(-6, 6, steps))."""
        ramp = torch.linspace(-6, 6, checks.count(steps, "steps"), dtype=torch.float64)
        return cls.from_betas(checks.positive(beta_max, "beta_max") * torch.sigmoid(ramp))

    @property
    def steps(self) -> int:
        """T, the length of the chain."""
        return len(self.abar)

    def _exponent(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """(-log abar_t, its derivative in t)."""
        position = t * self.steps
        i = (position.ceil().long() - 1).clamp(0, self.steps - 1)
        low, high = self._knots[i], self._knots[i + 1]
        part = position - i
        ends = torch.isinf(high)
        step = torch.where(ends, torch.zeros_like(low), high - low)
        inside = low + part * step
        slope = step * self.steps
        left = (1 - part).clamp_min(0)
        return torch.where(ends, low - left.log(), inside), torch.where(ends, self.steps / left, slope)

    def alpha(self, t: Time) -> Tensor:
        return torch.exp(-0.5 * self._exponent(_time(t))[0])

    def sigma(self, t: Time) -> Tensor:
        return torch.sqrt(-torch.expm1(-self._exponent(_time(t))[0]))

    def time(self, noise: Time) -> Tensor:
        exponent = torch.log1p(torch.as_tensor(noise, dtype=torch.float64) ** 2)
        i = (torch.searchsorted(self._knots, exponent) - 1).clamp(0, self.steps - 1)
        low, high = self._knots[i], self._knots[i + 1]
        ends = torch.isinf(high)
        part = torch.where(ends, -torch.expm1(low - exponent), (exponent - low) / torch.where(ends, torch.ones_like(low), high - low))
        return ((i + part) / self.steps).clamp(0, 1)

    def rates(self, t: Time) -> tuple[Tensor, Tensor]:
        time = _time(t)
        exponent, slope = self._exponent(time)
        alpha = torch.exp(-0.5 * exponent)
        # at zero terminal SNR slope alpha^2 stays finite while slope alpha does not: the convention there is 0
        fall = -0.5 * torch.where(alpha > 0, slope * alpha, torch.zeros_like(alpha))
        rise = 0.5 * torch.where(alpha > 0, slope * alpha**2, torch.zeros_like(alpha)) / self.sigma(time)
        return fall, rise

    def grid(self, steps: int) -> Grid:
        """``steps`` of the chain's own times, evenly chosen and always from T to 0; at most T of them."""
        steps = checks.count(steps, "steps", at_most=self.steps)
        index = torch.linspace(self.steps, 0, steps + 1, dtype=torch.float64).round()
        return Grid(index / self.steps)


@dataclass(frozen=True, eq=False)
class Grid:
    """The decreasing times that a sampler visits, noise first.

    ``previous(t_i)`` is the very number t_{i+1} of the list, found by comparison and not by arithmetic on steps.
    Raises ``InputError`` unless the times fall strictly within [0, 1].
    """

    times: Tensor

    def __post_init__(self) -> None:
        times = checks.tensor(self.times, "times", ndim=(1,))
        if len(times) < 2:
            raise InputError(f"times has {len(times)} entries, but a grid needs at least a start and an end")
        if float(times.max()) > 1 or float(times.min()) < 0:
            raise InputError(f"times runs from {float(times[0]):g} to {float(times[-1]):g}, but must lie in [0, 1]")
        rising = (times.diff() >= 0).nonzero()[:, 0]
        if len(rising):
            raise InputError(f"times must decrease from noise to data, but does not after entry {int(rising[0])}")
        object.__setattr__(self, "times", times)

    def __len__(self) -> int:
        """The number of steps."""
        return len(self.times) - 1

    def __iter__(self) -> Iterator[tuple[float, float]]:
        """The steps (t, s), each from noise towards data."""
        times = self.times.tolist()
        return itertools.pairwise(times)

    def previous(self, t: float) -> float:
        """The next time towards data after ``t``, which must be one of the list."""
        here = (self.times[:-1] == t).nonzero()[:, 0]
        if not len(here):
            raise InputError(f"t is {t!r}, but must be one of the grid's times before its end")
        return float(self.times[int(here[0]) + 1])
