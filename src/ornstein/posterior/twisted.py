"""Conditioning any denoiser on a linear measurement: sequential Monte Carlo, twisted by what a Gaussian knows."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ornstein.common.errors import InputError
from ornstein.common.random import Noise
from ornstein.covariance import Spectral
from ornstein.denoisers import Denoiser, Gaussian, Particles
from ornstein.measurements import Measurement
from ornstein.posterior.seen import Seen

BATCH = 8192
"""Particles that go through the denoiser at once."""

HIGHEST, LOWEST, RHO = 5.0, 0.01, 3.0
"""Noise levels: from 5 deviations of the widest direction, where little but a Gaussian is left to see, to 0.01 of the mean one, spaced as
in Karras et al. (2022), eq. 5."""

RESAMPLE = 0.5
"""Share of the particles below which their effective number may not fall without resampling."""

_START, _CHOICE = 1 << 21, 1 << 22
"""Streams of the first draw and of the choices among particles; step k has streams 3 k, 3 k + 1 and 3 k + 2."""


@dataclass(frozen=True, eq=False)
class Twisted:
    """Particles of p(x_0 | y), and how far they can be trusted; one entry per measurement, shape (*batch).

    law             the weighted particles
    log_evidence    log p(y) in nats under the local models; its exponential is unbiased for them
    evidence_error  standard error of it by the number of particles, from the weights that descend from each first particle (Chan & Lai
                    2013, "A general theory of particle filters", section 2); what the steps leave is not in it: double them to see that
    effective       1 / sum w^2 at the end, and ``least`` the smallest of all steps
    ancestors       how many of the first particles have descendants at the end
    """

    law: Particles
    log_evidence: Tensor
    evidence_error: Tensor
    effective: Tensor
    least: Tensor
    ancestors: Tensor


@torch.no_grad()
def twisted(
    denoiser: Denoiser,
    reference: Gaussian,
    measurement: Measurement,
    y: Tensor,
    noise: float | Tensor | Spectral = 0.0,
    *,
    particles: int = 512,
    steps: int = 120,
    seed: int = 0,
) -> Twisted:
    """p(x_0 | y) for y = A x_0 + n, n ~ N(0, R), under any denoiser D whose signals have a Gaussian ``reference`` N(mu, Sigma).

    The local model of x_0 at noise t is N(D(x_t), C_t) with the closed-form C_t = Sigma t^2 (Sigma + t^2 I)^-1 of the reference: no
    Jacobian. From it follow, for S_t = R + A C_t A^T,

        proposal  x_s ~ p(x_s | x_t, y): a draw of x_0 | x_t, moved by the gain C_t A^T S_t^-1 (Matheron's rule), then the bridge to s
        weight    N(y; A D(x_s), S_s) / N(y; A m, S_s),    m = E[x_0 | x_s, x_t] = D(x_t) + K (x_s - a x_t - (1 - a) D(x_t)),
                  a = s^2 / t^2,    K = C_t ((1 - a) C_t + s^2 I)^-1

    identically 1 where D is the reference's own denoiser. Both have the covariance S_s because Var[x_0 | x_s, x_t] = C_s, whatever D.
    The first particles are exact draws of the reference given y. Where the effective number falls below half they are resampled
    (systematic; Douc & Cappé 2005). The limit of many particles is the posterior under the ``steps`` local models (twisted SMC: Wu et
    al. 2023, with another twist), that of many steps p(x_0 | y).

    y (*output), or (case, *output) for one set of particles each. Draws belong to (seed, case), whatever the batch. Raises
    ``InputError`` for a reference without an eigenbasis and shapes that do not fit. Cost: ``particles`` * ``steps`` denoiser calls a
    case, and a Cholesky factor of S per step. Memory: (case, particles, d).
    """
    prior = reference.operator
    if not isinstance(prior, Spectral) or reference.batch_shape:
        raise InputError("the reference must be one Gaussian with an eigenbasis: match it to the signals first (denoisers.matched)")
    seen = Seen.of(measurement, y, noise, reference)
    cases, d, event = len(seen.y), reference.size, reference.event_shape
    random = Noise(seed)
    mu, deviations = reference.mean().flatten(), prior.eigenvalues.clamp_min(0).sqrt()
    highest, lowest = HIGHEST * float(deviations.max()), LOWEST * math.sqrt(float(prior.trace()) / d)
    levels = torch.linspace(highest ** (1 / RHO), lowest ** (1 / RHO), steps, dtype=torch.float64) ** RHO

    def white(stream: int, size: int) -> Tensor:
        return random.normal(cases, (particles, size), stream)

    def denoised(x: Tensor, sigma: float) -> Tensor:
        rows = x.view(-1, *event).split(BATCH)
        return torch.cat([denoiser(row, sigma).mean.flatten(1).to(torch.float64) for row in rows]).view_as(x)

    t = float(levels[0])
    first = seen.moved(prior, mu + prior.color(white(_START, prior.white_size)), white(_START + 1, seen.size))
    x = first + t * white(_START + 2, d)
    clean = denoised(x, t)
    within = prior.posterior(t)
    log_w = seen.log_ratio(within, clean, mu + prior.gain(x - mu, t))
    log_evidence = seen.log_evidence(prior, mu)
    eve = torch.arange(particles).expand(cases, particles)
    least = torch.full((cases,), math.inf, dtype=torch.float64)
    for k in range(steps):
        least = torch.minimum(least, _effective(log_w))
        chosen, kept = _resampled(log_w, random.uniform(cases, (), _CHOICE + k))
        log_evidence = log_evidence + torch.where(kept, 0.0, torch.logsumexp(log_w, -1) - math.log(particles))
        log_w = torch.where(kept.unsqueeze(-1), log_w, 0.0)
        x, clean = (torch.take_along_dim(part, chosen.unsqueeze(-1), 1) for part in (x, clean))
        eve = torch.take_along_dim(eve, chosen, 1)
        drawn = seen.moved(within, clean + within.color(white(3 * k, prior.white_size)), white(3 * k + 1, seen.size))
        if k == steps - 1:
            x = drawn
            break
        s = float(levels[k + 1])
        a = (s / t) ** 2
        step = a * x + (1 - a) * drawn + s * math.sqrt(1 - a) * white(3 * k + 2, d)
        ahead = step - a * x - (1 - a) * clean
        between = clean + (1 - a) ** -1 * within.gain(ahead, s / math.sqrt(1 - a))
        x, t, within = step, s, prior.posterior(s)
        clean = denoised(x, s)
        log_w = log_w + seen.log_ratio(within, clean, between)
    total = torch.logsumexp(log_w, -1)
    weights = torch.softmax(log_w, -1)
    families = torch.zeros_like(weights).scatter_add_(1, eve, weights)
    error = (families.square().sum(-1) - 1 / particles).clamp_min(0).sqrt()
    batch = (cases,) if seen.many else ()
    found = (log_evidence + total - math.log(particles), error, _effective(log_w), least, (families > 0).sum(-1))
    law = Particles(x.view(*batch, particles, *event), log_w.view(*batch, particles))
    return Twisted(law, *(part.view(batch) for part in found))


def _effective(log_w: Tensor) -> Tensor:
    """1 / sum w^2 of each row."""
    return 1 / torch.softmax(log_w, -1).square().sum(-1)


def _resampled(log_w: Tensor, u: Tensor) -> tuple[Tensor, Tensor]:
    """(which particle each place takes (case, n), whether a case keeps its particles): systematic, one uniform number a case."""
    count = log_w.shape[-1]
    kept = _effective(log_w) >= RESAMPLE * count
    places = (torch.arange(count, dtype=torch.float64) + u.to(torch.float64).unsqueeze(-1)) / count
    reached = torch.softmax(log_w, -1).cumsum(-1)
    chosen = torch.searchsorted(reached.contiguous(), places.contiguous()).clamp_max(count - 1)
    return torch.where(kept.unsqueeze(-1), torch.arange(count), chosen), kept
