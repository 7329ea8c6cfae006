"""Particles that go from a prior to a posterior by degrees, for any log-likelihood of few parameters."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from ornstein.common import checks
from ornstein.common.errors import RunError
from ornstein.common.random import Noise
from ornstein.denoisers import Law, Particles
from ornstein.posterior.twisted import Twisted, effective

KEEP = 0.5
"""Share of the particles that stays effective in one degree."""

MOVES, LAST = 6, 60
"""Metropolis moves of every particle after each degree, and after the last one."""

SIZES = (-4.5, -0.5)
"""Range of the log of a step over the deviation of the particles: posteriors of several narrow peaks need small ones."""

LEAST = 1e-9
_CHOICE, _SIZE, _PAIR, _TAKE, _STEP = 1 << 20, 2 << 20, 3 << 20, 4 << 20, 5 << 20
HALVINGS = 50


@torch.no_grad()
def annealed(log_likelihood: Callable[[Tensor], Tensor], prior: Law, *, particles: int = 2000, seed: int = 0, case: int = 0) -> Twisted:
    """Equally weighted draws of p(x) l(x) / Z, for vectors x of a law with density, and log Z.

    The target is p(x) l(x)^b with b from 0 to 1, each step as large as leaves ``KEEP`` of the particles effective (Del Moral, Doucet &
    Jasra 2006). After each they are resampled and moved by Metropolis steps whose size is drawn over four e-folds, half of them along
    the difference of two particles of the other half of the population (ter Braak 2006), some by all of it, which jumps between peaks.
    log Z is unbiased in exp for steps that are fixed beforehand, and here nearly so.

    ``least`` is the smallest effective number of a degree, ``ancestors`` how many of the first particles have descendants. Draws belong to
    (seed, case). Raises ``RunError`` where the likelihood is 0 at all particles. Cost: ``particles`` likelihoods a move; 60 to 150 moves.
    """
    noise = Noise(checks.seed(seed), case)
    x = prior.draw(Noise(checks.seed(seed), case * particles), particles).flatten(1)
    density, told = prior.log_prob(x), log_likelihood(x)
    if not bool(torch.isfinite(told).any()):
        raise RunError("no draw of the prior agrees with the observation: look whether it is in the units of the simulations")
    b, log_evidence, least, number = 0.0, torch.zeros((), dtype=torch.float64), float(particles), 0
    eve, error = torch.arange(particles), 0.0
    while b < 1:
        further = _further(told, 1 - b)
        log_w = further * told
        log_evidence = log_evidence + torch.logsumexp(log_w, 0) - math.log(particles)
        left = float(effective(log_w))
        least, error = min(least, left), error + 1 / left - 1 / particles
        b = 1.0 if further >= 1 - b else b + further
        u = noise.uniform(1, (), _CHOICE + number)[0]
        places = (torch.arange(particles, dtype=torch.float64) + u) / particles
        chosen = torch.searchsorted(torch.softmax(log_w, 0).cumsum(0), places).clamp_max(particles - 1)
        x, density, told, eve = x[chosen], density[chosen], told[chosen], eve[chosen]
        for _ in range(MOVES if b < 1 else LAST):
            x, density, told = _moved(log_likelihood, prior, x, density, told, b, noise, number)
            number += 1
    law = Particles.equal(x)
    count = torch.tensor(float(particles), dtype=torch.float64)
    lowest, ancestors = torch.tensor(least, dtype=torch.float64), torch.tensor(len(eve.unique()))
    nothing = torch.zeros((), dtype=torch.float64)
    return Twisted(law, log_evidence, torch.tensor(max(error, 0.0), dtype=torch.float64).sqrt(), count, lowest, ancestors, nothing)


def _further(told: Tensor, most: float) -> float:
    """The largest step of b, up to ``most``, that leaves ``KEEP`` of the particles effective, by bisection."""
    wanted = KEEP * len(told)
    if float(effective(most * told)) >= wanted:
        return most
    low, high = 0.0, most
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if float(effective(middle * told)) >= wanted else (low, middle)
    return high


def _moved(
    log_likelihood: Callable[[Tensor], Tensor], prior: Law, x: Tensor, density: Tensor, told: Tensor, b: float, noise: Noise, number: int
) -> tuple[Tensor, Tensor, Tensor]:
    """One Metropolis step of every particle, first of the even ones with the others as a guide, then the other way round."""
    n, d = x.shape
    white = noise.normal(1, (n, d), _STEP + number)[0]
    kind, size, jump, taken = noise.uniform(1, (4, n), _SIZE + number)[0].unsqueeze(-1)
    pair = noise.uniform(1, (2, n), _PAIR + number)[0]
    x, density, told = x.clone(), density.clone(), told.clone()
    for mine, other in ((slice(0, None, 2), slice(1, None, 2)), (slice(1, None, 2), slice(0, None, 2))):
        guide = x[other]
        spread = guide.std(0) + LEAST
        one, two = (pair[:, mine] * len(guide)).long().clamp_max(len(guide) - 1)
        length = torch.exp(SIZES[0] + (SIZES[1] - SIZES[0]) * size[mine])
        along = torch.where(jump[mine] < 0.2, torch.ones_like(length), 2 * length) * (guide[one] - guide[two])
        tried = x[mine] + torch.where(kind[mine] < 0.5, length * spread * white[mine], along + 1e-4 * spread * white[mine])
        there, said = prior.log_prob(tried), log_likelihood(tried)
        gain = there - density[mine] + b * (said - told[mine])
        take = taken[mine, 0].log() < torch.where(torch.isnan(gain), -torch.inf, gain)
        x[mine] = torch.where(take.unsqueeze(1), tried, x[mine])
        density[mine], told[mine] = torch.where(take, there, density[mine]), torch.where(take, said, told[mine])
    return x, density, told
