"""The forward process: what noise does to a signal, between any two times, and the five names of a prediction.

    q(x_t | x_0) = N(alpha_t x_0, sigma_t^2 I)
    q(x_t | x_s) = N(alpha_ts x_s, sigma_ts^2 I),   alpha_ts = alpha_t / alpha_s,  sigma_ts^2 = sigma_t^2 - alpha_ts^2 sigma_s^2   (s < t)
    q(x_s | x_t, x_0) = N(a x_t + b x_0, c^2 I),    a = alpha_ts sigma_s^2 / sigma_t^2,  b = alpha_s sigma_ts^2 / sigma_t^2,
                                                    c = sigma_s sigma_ts / sigma_t

(Sohl-Dickstein et al. 2015; Kingma et al. 2021, appendix A). The tutorial's recursion is the case of neighbouring steps.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from ornstein.common.errors import InputError, unknown_name
from ornstein.common.random import Noise
from ornstein.covariance import Spectral
from ornstein.schedules import Grid, Schedule, Time

KINDS = ("x0", "eps", "score", "v", "velocity")


class Transition(NamedTuple):
    """x_t = scale x_s + deviation z."""

    scale: Tensor
    deviation: Tensor


class Bridge(NamedTuple):
    """x_s = noisy x_t + clean x_0 + deviation z."""

    noisy: Tensor
    clean: Tensor
    deviation: Tensor


@dataclass(frozen=True)
class Process:
    """The forward process of a schedule. Times and coefficients are float64; signals keep their type."""

    schedule: Schedule

    def marginal(self, t: Time) -> Transition:
        """(alpha_t, sigma_t): the transition from the data to time t."""
        return Transition(self.schedule.alpha(t), self.schedule.sigma(t))

    def transition(self, s: Time, t: Time) -> Transition:
        """The exact transition q(x_t | x_s) from s to any later t >= s."""
        _ordered(s, t)
        alpha_s, alpha_t = self.schedule.alpha(s), self.schedule.alpha(t)
        scale = torch.where(alpha_s > 0, alpha_t / torch.where(alpha_s > 0, alpha_s, torch.ones_like(alpha_s)), torch.ones_like(alpha_s))
        variance = self.schedule.sigma(t) ** 2 * self._fresh(s, t)
        return Transition(scale, variance.sqrt())

    def bridge(self, s: Time, t: Time) -> Bridge:
        """q(x_s | x_t, x_0) for s <= t; at s = 0 < t it returns x_0, whatever x_t."""
        _ordered(s, t)
        alpha_s, sigma_s, sigma_t = self.schedule.alpha(s), self.schedule.sigma(s), self.schedule.sigma(t)
        fresh = self._fresh(s, t)
        # at s = t = 0 there is no noise to share out, and x_s is x_t
        kept = self.transition(s, t).scale * torch.where(sigma_t > 0, sigma_s / sigma_t, torch.ones_like(sigma_t)) ** 2
        return Bridge(kept, alpha_s * fresh, sigma_s * fresh.sqrt())

    def _fresh(self, s: Time, t: Time) -> Tensor:
        """sigma_ts^2 / sigma_t^2 = 1 - snr_t / snr_s: the share of the noise at t that came after s."""
        noise_s, noise_t = self.schedule.noise_level(s), self.schedule.noise_level(t)
        ratio = torch.where(noise_t == noise_s, torch.ones_like(noise_t), noise_s / noise_t)
        return (1 - ratio) * (1 + ratio)

    def noised(self, x_0: Tensor, t: Time, noise: Noise) -> Tensor:
        """A draw of x_t given each x_0 (case, *event)."""
        z = noise.normal(x_0.shape[0], tuple(x_0.shape[1:])).to(x_0)
        alpha, sigma = self.marginal(t)
        return _per_case(alpha, x_0) * x_0 + _per_case(sigma, x_0) * z

    def trajectory(self, x_0: Tensor, grid: Grid, noise: Noise) -> Tensor:
        """x_t at every time of the grid, all with the same noise: straight blends of signal and noise, (time, case, *event)."""
        z = noise.normal(x_0.shape[0], tuple(x_0.shape[1:])).to(x_0)
        alpha, sigma = self.marginal(grid.times)
        shape = (-1, *(1,) * x_0.ndim)
        return alpha.to(x_0).view(shape) * x_0 + sigma.to(x_0).view(shape) * z

    def path(self, x_0: Tensor, times: Tensor, noise: Noise) -> Iterator[Tensor]:
        """One run of the Markov chain: x at each of the increasing ``times``, every step with fresh noise."""
        x, s = x_0, 0.0
        for step, t in enumerate(torch.as_tensor(times, dtype=torch.float64).tolist()):
            scale, deviation = self.transition(s, t)
            x = scale.to(x) * x + deviation.to(x) * noise.normal(x.shape[0], tuple(x.shape[1:]), stream=step).to(x)
            s = t
            yield x

    def law(self, mean: Tensor, covariance: Spectral, t: Time) -> tuple[Tensor, Spectral]:
        """Mean and covariance of x_t for x_0 ~ (mean, covariance): alpha mu and Sigma_t = alpha^2 Sigma_0 + sigma^2 I, exactly."""
        alpha, sigma = self.marginal(t)
        return (alpha.view(-1, *(1,) * mean.ndim) if alpha.ndim else alpha) * mean, covariance.scaled(alpha, sigma)

    def convert(self, value: Tensor, x_t: Tensor, t: Time, source: str, target: str) -> Tensor:
        """A prediction in another of the five languages.

            x_t = alpha x0 + sigma eps;   score = -eps / sigma;   v = alpha eps - sigma x0 (Salimans and Ho 2022, for any
            alpha, sigma);   velocity = dx_t/dt = alpha' x0 + sigma' eps

        Raises ``InputError`` where the target cannot be recovered: x0 from eps or score at alpha = 0, anything at sigma = 0
        that needs the noise.
        """
        for name, kind in (("source", source), ("target", target)):
            if kind not in KINDS:
                raise unknown_name(name, kind, KINDS)
        if source == target:
            return value
        alpha, sigma = (_per_case(c, x_t) for c in self.marginal(t))
        if {source, target} == {"eps", "score"}:
            _solvable(sigma, f"{target} from {source}")
            return -value / sigma if target == "score" else -sigma * value
        rate_alpha, rate_sigma = (_per_case(c, x_t) for c in self.schedule.rates(t)) if "velocity" in (source, target) else (alpha, sigma)
        if source == "x0":
            x0 = value
        else:
            # a prediction p x0 + q eps = value, together with alpha x0 + sigma eps = x_t
            p, q, scaled = {
                "eps": (torch.zeros_like(alpha), torch.ones_like(alpha), value),
                "score": (torch.zeros_like(alpha), torch.ones_like(alpha), -sigma * value),
                "v": (-sigma, alpha, value),
                "velocity": (rate_alpha, rate_sigma, value),
            }[source]
            determinant = alpha * q - sigma * p
            _solvable(determinant, f"{target} from {source}")
            x0 = (q * x_t - sigma * scaled) / determinant
        if target == "x0":
            return x0
        _solvable(sigma, f"{target} from {source}")
        eps = (x_t - alpha * x0) / sigma
        return {"eps": eps, "score": -eps / sigma, "v": alpha * eps - sigma * x0, "velocity": rate_alpha * x0 + rate_sigma * eps}[target]


def _solvable(denominator: Tensor, what: str) -> None:
    if bool(((denominator == 0) | ~torch.isfinite(denominator)).any()):
        raise InputError(
            f"cannot recover {what} at this time: there is no signal (alpha = 0) or no noise (sigma = 0) left to recover it from"
        )


def _ordered(s: Time, t: Time) -> None:
    if bool((torch.as_tensor(s, dtype=torch.float64) > torch.as_tensor(t, dtype=torch.float64)).any()):
        raise InputError(f"s is {s} and t is {t}, but the process runs forward: s must be at most t")


def _per_case(coefficient: Tensor, x: Tensor) -> Tensor:
    """A number, or one per case, ready to multiply (case, *event)."""
    c = coefficient.to(x)
    return c.view(-1, *(1,) * (x.ndim - 1)) if c.ndim else c
