"""Lower bounds on log p(x): what a chain of stochastic steps makes of a signal."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ornstein.common import checks
from ornstein.common.errors import unknown_name
from ornstein.common.random import Noise
from ornstein.covariance.base import posterior_variance
from ornstein.denoisers import Colored, Denoiser, Gaussian
from ornstein.likelihood.density import Density
from ornstein.likelihood.flow import signals
from ornstein.likelihood.frame import Frame, reference_of
from ornstein.likelihood.levels import HIGH, LOW, Scale

COVARIANCES = ("full", "small", "large")
BATCH = 256
"""Cases that are bounded together."""


@torch.no_grad()
def bound(
    denoiser: Denoiser,
    x: object,
    reference: Gaussian | None = None,
    *,
    steps: int = 32,
    covariance: str = "full",
    paths: int = 8,
    particles: int = 1,
    seed: int = 0,
) -> Density:
    """A lower bound on log p(x) in nats, where p is the law of a chain of ``steps`` stochastic steps from noise to data:

        log p(x_0) >= E_q[log p(x_T) + sum_i log p(x_(i-1) | x_i) - log q(x_(1:T) | x_0)]

    (Sohl-Dickstein et al. 2015, eq. 13; Ho et al. 2020, eq. 3), with q the forward process x_i = x_0 + sigma_i z_i, p(x_T) the
    reference at the last level, and, for s = sigma_(i-1), t = sigma_i and a = s^2 / t^2,

        p(x_s | x_t) = N(a x_t + (1 - a) D(x_t), s^2 (1 - a) I + (1 - a)^2 C)

    covariance  "full": C = Sigma t^2 (Sigma + t^2 I)^-1, the posterior covariance of the reference: on a Gaussian every path gives
                log p(x) exactly. "small": C = 0, "large": C = t^2 I, the two variances of DDPM; their step to data has t^2 I
    paths       draws of the bound; their spread is its standard error
    particles   K of the importance-weighted bound, log of the mean over K paths (Burda et al. 2016): closer, for K times the calls

    Where D is the exact posterior mean, p tends to the law itself with the number of steps. The discretisation error is the difference
    to the chain with every second level left out, which costs nothing: about the distance to the bound of infinitely many steps.
    Raises ``InputError`` for an unknown covariance. Cost: steps paths particles calls.
    """
    values = signals(denoiser, x)
    if isinstance(denoiser, Colored):
        more = {"steps": steps, "covariance": covariance, "paths": paths, "particles": particles, "seed": seed}
        return bound(denoiser.inner, denoiser.whiten(values), reference, **more).shifted(-0.5 * float(denoiser.noise.logdet()))  # type: ignore[arg-type]
    if covariance not in COVARIANCES:
        raise unknown_name("covariance", covariance, COVARIANCES)
    steps, paths = checks.count(steps, "steps", at_least=4), checks.count(paths, "paths", at_least=2)
    checks.count(particles, "particles")
    frame = Frame.of(reference_of(denoiser, reference), 0.0)
    parts = []
    for first in range(0, len(values), BATCH):
        batch = values[first : first + BATCH]
        mine = denoiser.of_cases(first, first + len(batch))
        fine, coarse = _weights(mine, frame, batch, steps, covariance, paths * particles, Noise(seed, first))
        parts.append(_density(frame, batch, fine, coarse, particles, steps, covariance))
    return Density.joined(parts)


def _density(frame: Frame, x: Tensor, fine: Tensor, coarse: Tensor, particles: int, steps: int, covariance: str) -> Density:
    """From log-weights (path, case) on the chain and on half of it."""
    means = [torch.logsumexp(w.unflatten(0, (-1, particles)), 1) - math.log(particles) for w in (fine, coarse)]
    value = means[0].mean(0)
    error = means[0].std(0) / math.sqrt(len(means[0]))
    off = (value - means[1].mean(0)).abs()
    kind = "" if particles == 1 else f", importance-weighted over {particles} paths"
    why = f"lower bound of a chain of {steps} steps with {covariance} covariance{kind}"
    return Density.estimate(value, (error, off), ~frame.holds(x), steps * len(fine), "bound", why)


def _weights(denoiser: Denoiser, frame: Frame, x: Tensor, steps: int, covariance: str, paths: int, noise: Noise) -> tuple[Tensor, Tensor]:
    """log p(x_(0:T)) - log q(x_(1:T) | x_0) of ``paths`` forward paths, (path, case), on all levels and on every second one."""
    roots = frame.eigenvalues[frame.eigenvalues > 0].sqrt()
    scale = Scale.between(frame, LOW / steps * float(roots.min()), HIGH * steps * float(roots.max()))
    levels = [0.0, *scale.at(torch.linspace(0, 1, steps, dtype=torch.float64))[0].tolist()]
    # the second chain keeps 0, the last level, and every second one before it
    kept = {0, *range(steps, 0, -2)}
    start = frame.inside * frame.basis.rotate(x.flatten(1) - frame.mean)
    fine, coarse = (torch.zeros(paths, len(x), dtype=torch.float64) for _ in range(2))
    for path in range(paths):
        w, points = start, {0: start}
        for i in range(1, steps + 1):
            fresh = math.sqrt(levels[i] ** 2 - levels[i - 1] ** 2)
            white = frame.basis.rotate(noise.normal(len(x), (frame.basis.size,), path * steps + i))
            w = w + fresh * frame.inside * white
            points[i] = w
        fine[path] = coarse[path] = _normal(frame, points[steps], frame.eigenvalues + levels[steps] ** 2)
        below = sorted(kept)
        for i in range(1, steps + 1):
            clean = denoiser((frame.mean + frame.basis.unrotate(points[i])).reshape(x.shape), levels[i]).mean
            means = frame.inside * frame.basis.rotate(clean.flatten(1).to(torch.float64) - frame.mean)
            fine[path] += _step(frame, points[i - 1], points[i], means, levels[i - 1], levels[i], covariance)
            if i in kept:
                j = below[below.index(i) - 1]
                coarse[path] += _step(frame, points[j], points[i], means, levels[j], levels[i], covariance)
    return fine, coarse


def _step(frame: Frame, near: Tensor, far: Tensor, clean: Tensor, s: float, t: float, covariance: str) -> Tensor:
    """log p(x_s | x_t) - log q(x_t | x_s), (case,), in coordinates."""
    a = s**2 / t**2
    spread = posterior_variance(frame.eigenvalues, t) if covariance == "full" else torch.full_like(frame.eigenvalues, t**2)
    if covariance == "small" and s > 0:
        spread = torch.zeros_like(spread)
    variance = s**2 * (1 - a) + (1 - a) ** 2 * spread
    forward = torch.full_like(variance, t**2 - s**2)
    return _normal(frame, near - a * far - (1 - a) * clean, variance) - _normal(frame, far - near, forward)


def _normal(frame: Frame, w: Tensor, variance: Tensor) -> Tensor:
    """log N(w; 0, diag(variance)) on the space of the frame, (case,)."""
    safe = torch.where(frame.inside, variance, 1.0)
    return -0.5 * ((w**2 / safe).sum(-1) + (frame.multiplicity * (2 * math.pi * safe).log()).sum())
