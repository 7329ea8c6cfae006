"""log p(x) by the errors of the denoiser alone: no Jacobian, and every call by itself."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from ornstein.common import checks
from ornstein.common.random import Noise
from ornstein.denoisers import Colored, Denoiser, Gaussian, Mixture, matched
from ornstein.likelihood.density import Density
from ornstein.likelihood.flow import default_error, signals
from ornstein.likelihood.frame import Frame, law_of
from ornstein.likelihood.levels import Scale

STRATA = 24
"""Cells of the noise scale, each with samples of its own."""
PILOT = 2
"""Pairs in every cell before anything is known: 24 degrees of freedom for the variance of their sum."""
CALLS = 8192
"""Calls that a case may cost by default."""
LOW, HIGH = 0.02, 50.0
"""The integral runs from LOW of the least deviation to HIGH of the largest; what is left out is of order LOW^2 and HIGH^-3."""
FINER = 8
"""How often the lower end may be divided by 4 where the denoiser still gains at it."""
BATCH = 256
"""Cases that are integrated together."""
_PROBES = 1 << 40
"""Streams of the noise at the lower end, apart from those of all cells."""


@torch.no_grad()
def mmse(
    denoiser: Denoiser,
    x: object,
    reference: Gaussian | Mixture | None = None,
    *,
    error: float | None = None,
    most: int = CALLS,
    seed: int = 0,
) -> Density:
    """log p(x) in nats by the pointwise I-MMSE relation (Kong, Brekelmans and Ver Steeg 2023, eq. 10), against a law p_R:

        log p(x) = log p_R(x) + int E_z[|x - D_R(y)|^2 - |x - D(y)|^2] / sigma^2 dlog sigma,      y = x + sigma z

    It holds for any law whose density is known, and the integrand is small where the two denoisers agree, so the reference is the
    Gaussian with the full covariance, or the mixture that a network stands on. Where the denoiser is not the exact posterior mean,
    as with a network, it is the continuous-time variational bound (Kingma et al. 2021, eq. 15) of the stochastic sampler; errors of a
    network that are proportional to the noise pull it down for ever as the noise falls, so the end of the scale then counts.

    error  the standard error to reach in nats; default 0.05 or 0.001 d
    most   calls that one case may cost

    The noise scale is cut into 24 cells, evenly in the coordinate of ``Scale``; samples in a cell are pairs +-z at one random level, and
    after a pilot the cells get as many as their deviations ask, in rounds that at most double them. The lower end moves down while the
    denoiser still gains there: equal and rounded values are known more finely than any Gaussian says. The discretisation error says
    what the ends of the scale leave out. Where the reference is singular, the density is on its support. Cost: one call a sample.
    """
    values = signals(denoiser, x)
    if isinstance(denoiser, Colored):
        whitened = mmse(denoiser.inner, denoiser.whiten(values), reference, error=error, most=most, seed=seed)
        return whitened.shifted(-0.5 * float(denoiser.noise.logdet()))
    law = law_of(denoiser, reference)
    frame = Frame.of(matched(law), 0.0)
    allowed = default_error(frame.dimension) if error is None else checks.positive(error, "error")
    checks.count(most, "most")
    parts = []
    for first in range(0, len(values), BATCH):
        batch = values[first : first + BATCH]
        mine = denoiser.of_cases(first, first + len(batch))
        parts.append(_density(mine, law, frame, batch, allowed, most, Noise(seed, first)))
    return Density.joined(parts)


def _density(denoiser: Denoiser, law: Gaussian | Mixture, frame: Frame, x: Tensor, error: float, most: int, noise: Noise) -> Density:
    scale, probes = span(denoiser, law, frame, x, error, noise)
    first, second = (torch.zeros(STRATA, len(x), dtype=torch.float64) for _ in range(2))
    count, wanted = torch.zeros(STRATA, dtype=torch.int64), torch.full((STRATA,), PILOT)
    while True:
        for j in range(STRATA):
            for entries in pairs(denoiser, law, frame, x, scale, noise, j, range(int(count[j]), int(wanted[j]))):
                value = entries.sum(-1)
                first[j] += value
                second[j] += value.square()
        count = wanted
        many = count[:, None]
        means = first / many
        variance = ((second - first * means) / (many - 1)).clamp_min(0)
        deviation = (variance / many).sum(0).sqrt()
        spent = 2 * int(count.sum()) + probes
        late = deviation > error
        if not bool(late.any()) or spent >= most:
            break
        roots_of = variance[:, late].mean(1).sqrt()
        ideal = (roots_of * roots_of.sum() / error**2).ceil()
        share = (ideal / ideal.sum() * min(spent, most - spent) / 2).ceil()
        wanted = count + torch.minimum((ideal - count).clamp_min(0), share).long().clamp_min(1)
    density = scale.density[[0, -1]] * STRATA
    left_out = means[0].abs() * density[0] / 2 + means[-1].abs() * density[1] / 3
    known = law.log_prob(x)
    outside = torch.isinf(known)
    value = torch.where(outside, 0.0, known) + means.sum(0)
    why = f"I-MMSE against a {type(law).__name__}, {spent} calls on a continuous range of noise levels"
    return Density.estimate(value, (deviation, left_out), outside, spent, "mmse", why)


def span(denoiser: Denoiser, law: Gaussian | Mixture, frame: Frame, x: Tensor, error: float, noise: Noise) -> tuple[Scale, int]:
    """(the scale of the integral, the calls that its lower end took): down to where a factor e of noise gains at most ``error`` nats."""
    roots = frame.eigenvalues[frame.eigenvalues > 0].sqrt()
    low, calls = LOW * float(roots.min()), 0
    for probe in range(FINER + 1):
        level = torch.full((len(x),), low, dtype=torch.float64)
        calls += 2
        if float(_gain(denoiser, law, frame, x, level, noise, _PROBES + probe).sum(-1).mean()) <= error or probe == FINER:
            break
        low /= 4
    return Scale.between(frame, low, HIGH * float(roots.max())), calls


def pairs(
    denoiser: Denoiser, law: Gaussian | Mixture, frame: Frame, x: Tensor, scale: Scale, noise: Noise, j: int, numbers: range
) -> Iterator[Tensor]:
    """The share of cell j in the integral, entry by entry (case, d), from each numbered pair of noises +-z at one level."""
    for number in numbers:
        stream = number * STRATA + j
        place = (j + noise.uniform(len(x), (), 2 * stream)) / STRATA
        level, density = scale.at(place)
        yield _gain(denoiser, law, frame, x, level, noise, 2 * stream + 1) / (STRATA * density).unsqueeze(-1)


def _gain(denoiser: Denoiser, law: Gaussian | Mixture, frame: Frame, x: Tensor, level: Tensor, noise: Noise, stream: int) -> Tensor:
    """The integrand per unit of log sigma at the levels (case,), entry by entry (case, d), by one pair of noises +-z a case."""
    z = noise.normal(len(x), (len(frame.inside),), stream)
    step = frame.basis.unrotate(frame.inside * z).reshape(x.shape)
    total = torch.zeros_like(x).flatten(1)
    for sign in (1.0, -1.0):
        y = x + sign * level.view(-1, *(1,) * (x.ndim - 1)) * step
        known = law(y, level).mean
        apart = (denoiser(y, level).mean.to(torch.float64) - known).flatten(1)
        # |x - D_R|^2 - |x - D|^2 without the difference of two large numbers
        total += apart * (2 * (x - known).flatten(1) - apart)
    return total / (2 * level**2).unsqueeze(-1)
