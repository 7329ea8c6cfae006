"""Time grids for any schedule: where a sampler's steps should lie.

All are set in data scale, n = sigma_t / alpha_t, and translated by the schedule, so they also serve schedules that end at
n = inf. On a ``Discrete`` chain their times may lie between its steps: a denoiser sees n only, and the chain is defined there.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from ornstein.common import checks
from ornstein.common.errors import InputError
from ornstein.schedules.base import Grid, Schedule, whole

HIGH, LOW = 80.0, 0.002
"""sigma_max and sigma_min of Karras et al. (2022), table 1, for data of unit scale."""

_NODES = 64
"""More distinct eigenvalues than this are spread over so many, evenly spaced in log lambda: neighbours want the same steps."""
_LEVELS = 800
"""Noise levels of the quadrature: at most 0.05 apart in log n for a condition number of 1e12."""
_ROUNDS = 40
"""Each round halves the distance of log E from its fixed point, or better."""


def uniform(schedule: Schedule, steps: int) -> Grid:
    """Equal steps of t, from 1 to 0."""
    return Grid(torch.linspace(1, 0, whole(steps) + 1, dtype=torch.float64))


def karras(schedule: Schedule, steps: int, rho: float = 7.0, low: float | None = None, high: float | None = None) -> Grid:
    """Karras et al. (2022), eq. 5: n_i = (high^(1/rho) + i / (steps - 1) (low^(1/rho) - high^(1/rho)))^rho, then 0.

    low, high  noise in data scale; by default 0.002 and the schedule's own end, or 80 where that is infinite
    """
    low, high = _ends(schedule, low, high)
    power = 1 / checks.positive(rho, "rho")
    ramp = torch.linspace(0, 1, whole(steps), dtype=torch.float64)
    return _through(schedule, (high**power + ramp * (low**power - high**power)) ** rho, high)


def log_snr(schedule: Schedule, steps: int, low: float | None = None, high: float | None = None) -> Grid:
    """Equal steps of the log-SNR -2 log n between n = high and n = low, then 0 (Lu et al. 2022, section 3.4); ends as for ``karras``."""
    low, high = _ends(schedule, low, high)
    ramp = torch.linspace(0, 1, whole(steps), dtype=torch.float64)
    return _through(schedule, torch.exp(math.log(high) + ramp * math.log(low / high)), high)


def spectral(schedule: Schedule, steps: int, eigenvalues: Tensor, order: int = 1, multiplicity: Tensor | None = None) -> Grid:
    """The grid on which a method of this order has the least Wasserstein error on N(mu, Sigma), from the eigenvalues of Sigma.

    Along the flow the mode of variance lambda is w(n) = sqrt(lambda + n^2), up to a constant. In its angle, tan(theta) =
    n / sqrt(lambda), a DDIM step from n to s is the exact one times cos(theta_n - theta_s), the step to 0 included: one mode alone
    wants equal steps of its angle, and white data of variance 1 the steps of the cosine schedule. Many modes share one grid.
    With r(n) steps per unit of n and an error c_k(n) h^(p+1) of a step h in mode k, the deviation at the end is off by

        E_k = sqrt(lambda_k) int c_k r^-p dn,    and  sum_k E_k^2  is least for  r^(p+1) ~ sum_k E_k sqrt(lambda_k) c_k,

    a convex problem whose fixed point is found by iteration. The steps end at an n whose own error, sqrt(lambda) theta_n^2 / 2 for
    returning the denoised signal, is weighed against theirs by the same sum.

    order         1: c = lambda / (2 (lambda + n^2)^2), the error of DDIM on any schedule.
                  2: Heun's own, 1 + h (a_t + a_s (1 + h a_t)) / 2 against the flow, with a = d log w / dt in the schedule's time
    eigenvalues   (mode,), at least 0 and one above 0; those at 0 are solved exactly on any grid. Multiplied by c^2, the levels
                  are multiplied by c
    multiplicity  (mode,), how often each counts; once by default

    Measured over five spectra (power law, few strong modes on a floor, rank-deficient, condition number 1e7, white) and 5, 10, 20
    and 50 steps against ``uniform``, ``karras``, ``log_snr`` and the schedule's own grid: for DDIM on VE, VP, cosine, rectified flow
    and the sigmoid chain the least W2 in 96 of 100 cases and a tie in 4; for Heun in 59 of 60 on VE, cosine and rectified flow and
    in 13 of 20 on VP. On a chain, where beta jumps, Heun is better served by ``log_snr``. Eigenvalues 1 / k^2, k = 1 ... 100,
    10 steps of DDIM on the cosine schedule, relative W2: .157, against .230, .235, .255, .269 of own, uniform, log_snr, karras.
    Multistep methods of order 2 (DPM-Solver++, UniPC) do best with order 1 here, in the geometric mean; those of order 3 and more
    have errors of another shape, and ``karras`` or ``log_snr`` is often better.
    """
    steps = whole(steps)
    checks.count(order, "order", at_most=2)
    lam, weight = _nodes(eigenvalues, multiplicity)
    if steps == 1:
        return uniform(schedule, steps)
    top = float(schedule.noise_level(1.0))
    root = lam.sqrt()[:, None]
    high = min(top, 100 * steps * float(root.max()))
    low = min(0.01 / steps * float(root.min()), 1e-3 * high)
    log_n = torch.linspace(math.log(low), math.log(high), _LEVELS, dtype=torch.float64)
    n = log_n.exp().clamp_max(top)
    step_error = root * (lam[:, None] / (2 * (lam[:, None] + n**2) ** 2) if order == 1 else _heun(schedule, lam, n))
    last_error = 0.5 * root * torch.atan(n / root) ** 2
    error, share = root[:, 0], torch.empty(0)
    for _ in range(_ROUNDS):
        pull = (weight * error) @ step_error
        # a method without error, such as Heun where the variance never changes, leaves its steps to rounding, but never to 0 / 0
        density = pull.clamp_min(max(1e-30 * float(pull.max()), 1e-300)) ** (1 / (order + 1))
        share = _integral(density * n, log_n)
        rest = share[-1] - share
        end = int((rest ** (order + 1) / (steps - 1) ** order + (weight * error) @ last_error).argmin())
        gap = rest[end] / (steps - 1) / density
        found = _integral(step_error * gap**order * n, log_n)
        error = (error * (found[:, -1] - found[:, end] + last_error[:, end])).sqrt()
    wanted = torch.linspace(float(share[-1]), float(share[end]), steps, dtype=torch.float64)
    levels = torch.from_numpy(np.exp(np.interp(wanted.numpy(), share.numpy(), log_n.numpy())))
    return _through(schedule, levels, top)


def _nodes(eigenvalues: Tensor, multiplicity: Tensor | None) -> tuple[Tensor, Tensor]:
    """The positive eigenvalues and how often each counts, at most ``_NODES`` of them."""
    lam = checks.tensor(eigenvalues, "eigenvalues", ndim=(1,))
    weight = torch.ones_like(lam) if multiplicity is None else checks.tensor(multiplicity, "multiplicity", ndim=(1,))
    if weight.shape != lam.shape or bool((weight < 0).any()):
        raise InputError(f"multiplicity must hold {len(lam)} numbers of at least 0, one per eigenvalue")
    if len(lam) and float(lam.min()) < 0:
        raise InputError(f"eigenvalues has a negative entry {float(lam.min()):g}, but a variance must be at least 0")
    kept = (lam > 0) & (weight > 0)
    if not bool(kept.any()):
        raise InputError("eigenvalues has no entry above 0: such a law is solved exactly on any grid, so use the schedule's own")
    values, place = lam[kept].unique(return_inverse=True)
    counts = torch.zeros_like(values).index_add_(0, place, weight[kept])
    if len(values) <= _NODES:
        return values, counts
    ratio = values.log() - values[0].log()
    at = (_NODES - 1) * ratio / ratio[-1]
    left = at.floor().clamp_max(_NODES - 2)
    spread = torch.zeros(_NODES, dtype=torch.float64)
    spread.index_add_(0, left.long(), counts * (1 - at + left)).index_add_(0, left.long() + 1, counts * (at - left))
    nodes = values[0] * torch.exp(ratio[-1] * torch.linspace(0, 1, _NODES, dtype=torch.float64))
    return nodes[spread > 0], spread[spread > 0]


def _heun(schedule: Schedule, lam: Tensor, n: Tensor) -> Tensor:
    """The relative error of one step of Heun in t, from each n to 0.99 n, over its cubed length in n: (mode, level)."""
    reach = 0.01  # small against every scale of the flow, which is a function of log n, and its cube far above rounding
    ends = []
    for t in (schedule.time(n).clamp_max(1), schedule.time((1 - reach) * n).clamp_max(1)):
        (alpha, sigma), (alpha_rate, sigma_rate) = (schedule.alpha(t), schedule.sigma(t)), schedule.rates(t)
        variance = alpha**2 * lam[:, None] + sigma**2
        ends.append((t, variance, (alpha * alpha_rate * lam[:, None] + sigma * sigma_rate) / variance))
    (t, before, rate_t), (s, after, rate_s) = ends
    h = s - t
    taken = 1 + 0.5 * h * (rate_t + rate_s * (1 + h * rate_t))
    return (taken * (before / after).sqrt() - 1).abs() / (reach * n) ** 3


def _integral(y: Tensor, x: Tensor) -> Tensor:
    """int y dx from the first x to each, by the trapezoidal rule along the last axis."""
    pieces = 0.5 * (y[..., 1:] + y[..., :-1]) * x.diff()
    return torch.cat([torch.zeros_like(y[..., :1]), pieces.cumsum(-1)], -1)


def _ends(schedule: Schedule, low: float | None, high: float | None) -> tuple[float, float]:
    top = float(schedule.noise_level(1.0))
    last = (top if math.isfinite(top) else HIGH) if high is None else checks.positive(high, "high")
    first = LOW if low is None else checks.positive(low, "low")
    if last > top:
        raise InputError(f"high is {last:g}, but the noise of this schedule ends at {top:g} in data scale")
    if first >= last:
        raise InputError(f"low is {first:g}, but must be below high = {last:g}")
    return first, last


def _through(schedule: Schedule, levels: Tensor, first: float) -> Grid:
    """The grid through falling noise levels, whose first is ``first`` without rounding, and 0."""
    times = schedule.time(torch.cat([torch.tensor([first], dtype=torch.float64), levels[1:]]))
    if first == float(schedule.noise_level(1.0)):
        times[0] = 1.0
    return Grid(torch.cat([times, torch.zeros(1, dtype=torch.float64)]))
