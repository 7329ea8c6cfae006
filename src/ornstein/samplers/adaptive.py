"""The probability flow with a step size of its own for every case, chosen from an estimate of the error."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ornstein.common import checks
from ornstein.common.errors import RunError
from ornstein.samplers.base import Context, Sampler
from ornstein.samplers.level import Level

_SAFETY, _LEAST, _MOST = 0.9, 0.2, 5.0
"""A new step aims at 0.9 of the largest that would pass, and changes at most fivefold (Hairer, Norsett, Wanner 1993, II.4)."""

_RATIO = 2.5
"""Two angles of one step differ at most by this factor: a longer step can miss all of a law's scale and still agree with itself."""


@dataclass(frozen=True)
class Adaptive(Sampler):
    """Bogacki and Shampine's pair of orders 3 and 2 (1989), from each time of the grid to the next in as many steps as it takes.

    The state is r = x / sqrt(alpha^2 + sigma^2), the variable is the angle of noise, the same for every schedule and finite
    with no signal left (n = inf):

        theta = arctan(sigma / alpha) in (0, pi / 2],     dr/dtheta = (r cos(theta) - D) / sin(theta)

    A step passes if the root mean square (over the entries of a case) of the difference between the two orders is at most
    ``tolerance`` times that of r. The result of order 3 is kept, and its error falls in proportion to the tolerance: on Gaussian
    laws, from alpha = 0 to n = 0.05, it was below the tolerance over all cases, and below three times it for each. Signals whose
    mean is large against their spread should be centred first: the tolerance is relative to both together.

    The pair needs three calls a step, because the last stage is the first of the next. From alpha = 0 to n = 0.02 that was 40 to
    55 calls at 1e-3 on a Gaussian and a mixture, with errors below the tolerance; Dormand and Prince's pair of orders 5 and 4
    took 43 to 61, with errors up to six times it, and has fewer calls only from 1e-4 down.

    Every case has its own steps, and all are evaluated together, with one sigma each, until the slowest arrives: results do not
    depend on the batch, only the number of rounds does. The step to sigma = 0 returns the denoised signal, so the grid should
    have a small level before it.

    Cost: 1 + 3 calls a round for each interval, 1 for the last; ``report(step, calls)`` is told after each. Raises ``RunError``
    after ``rounds`` rounds within one interval.
    """

    tolerance: float = 1e-3
    rounds: int = 1000
    report: Callable[[int, int], object] | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        checks.positive(self.tolerance, "tolerance")
        checks.count(self.rounds, "rounds")

    @property
    def order(self) -> int:
        return 3

    def calls(self, steps: int) -> int:
        """The fewest: one round for each interval. ``report`` tells how many there were."""
        return 4 * steps - 3

    def step(self, context: Context, x: Tensor, now: Level, then: Level) -> Tensor:
        clean = context.clean(x, now)
        if then.sigma == 0:
            self._tell(context.step, 1)
            return then.alpha * clean
        r, rounds = self._advance(context, x / math.hypot(now.alpha, now.sigma), clean, now, then)
        self._tell(context.step, 1 + 3 * rounds)
        return math.hypot(then.alpha, then.sigma) * r

    def _advance(self, context: Context, r: Tensor, clean: Tensor, now: Level, then: Level) -> tuple[Tensor, int]:
        """r at ``then``, and the rounds it took. A case that has arrived takes steps of length 0, which change nothing."""
        axes = len(context.denoiser.event_shape)
        begin, end = (math.atan2(level.sigma, level.alpha) for level in (now, then))
        theta = torch.full(r.shape[: r.ndim - axes], begin, dtype=torch.float64, device=r.device)
        longest = 1 / _RATIO - 1 if end < begin else _RATIO - 1
        h, failed = _fitted(longest * theta, end - theta), torch.zeros_like(theta, dtype=torch.bool)
        k1 = _slope(r, clean, theta)
        for rounds in range(1, self.rounds + 1):
            step = _column(h, r)
            k2 = _field(context, r + 0.5 * step * k1, theta + 0.5 * h)
            k3 = _field(context, r + 0.75 * step * k2, theta + 0.75 * h)
            ahead = r + step * (2 / 9 * k1 + 1 / 3 * k2 + 4 / 9 * k3)
            reached = torch.where(h == end - theta, end, theta + h)
            k4 = _field(context, ahead, reached)
            error = _rms(step * (-5 / 72 * k1 + 1 / 12 * k2 + 1 / 9 * k3 - 1 / 8 * k4), axes)
            allowed = self.tolerance * torch.maximum(_rms(r, axes), _rms(ahead, axes))
            failed = failed | ~torch.isfinite(error + allowed)
            passed = (error <= allowed) | failed
            theta = torch.where(failed, end, torch.where(passed, reached, theta))
            moved = _column(passed, r) > 0
            r, k1 = torch.where(moved, ahead, r), torch.where(moved, k4, k1)
            left = end - theta
            if bool((left == 0).all()):
                # NaN for a case that met one, so that the loop names the step
                return torch.where(_column(failed, r) > 0, torch.nan, r), rounds
            wanted = h * (_SAFETY * (allowed / error) ** (1 / 3)).nan_to_num(_MOST).clamp(_LEAST, _MOST)
            h = _fitted(torch.where(wanted.abs() < (longest * theta).abs(), wanted, longest * theta), left)
        slowest = float(theta.flatten()[(end - theta).abs().argmax()].tan())
        raise RunError(
            f"Adaptive did not come from sigma = {now.noise:.4g} to {then.noise:.4g} at step {context.step}: after {self.rounds} rounds "
            f"a case is at sigma = {slowest:.4g}; raise tolerance = {self.tolerance:g} or rounds, or check the denoiser for jumps"
        )

    def _tell(self, step: int, calls: int) -> None:
        if self.report is not None:
            self.report(step, calls)


def _field(context: Context, r: Tensor, theta: Tensor) -> Tensor:
    """dr/dtheta with one angle per case. Where nothing of the signal is left, the denoiser sees 0 at sigma = inf."""
    nothing = theta == 0.5 * math.pi
    sigma = torch.where(nothing, torch.inf, theta.tan())
    y = r / _column(torch.where(nothing, torch.inf, theta.cos()), r)
    return _slope(r, context.denoiser(y, sigma.to(r)).mean, theta)


def _fitted(h: Tensor, left: Tensor) -> Tensor:
    """h or less, so that what is left of the interval falls into equal parts and the last is no sliver."""
    return torch.where(left == 0, left, left / (left / h).ceil().clamp_min(1))


def _slope(r: Tensor, clean: Tensor, theta: Tensor) -> Tensor:
    return (r * _column(theta.cos(), r) - clean) / _column(theta.sin(), r)


def _column(value: Tensor, like: Tensor) -> Tensor:
    """One value per case, ready to multiply (case, *event)."""
    return value.to(like).reshape(*value.shape, *(1,) * (like.ndim - value.ndim))


def _rms(x: Tensor, axes: int) -> Tensor:
    return x.flatten(-axes).square().mean(-1).sqrt().to(torch.float64)
