"""Draws of a law, weighted by what was measured: right for every likelihood, as long as it says little."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from ornstein.common import checks
from ornstein.common.errors import InputError, RunError
from ornstein.common.random import Noise
from ornstein.denoisers import Denoiser, Law, Particles
from ornstein.posterior.given import Given, cases_of, seen
from ornstein.posterior.twisted import Twisted, effective


def weighed(denoiser: Denoiser, given: Sequence[Given], particles: int, seed: int = 0) -> Twisted:
    """p(x_0 | y) by importance sampling: x_0 ~ the law, with weights p(y | x_0); log p(y) is the log of their mean.

    All cases weigh the same draws; particles keep their points. Raises ``InputError`` for a denoiser that cannot be drawn from in
    closed form and for exact measurements, ``RunError`` where no draw agrees with y. Cost: the draws, and one call of every likelihood
    a case.
    """
    if not isinstance(denoiser, Law) or denoiser.batch_shape:
        raise InputError(
            f"method 'weights' weighs draws of one law, but this is a {denoiser.described()}: draw from it first, as a model does"
        )
    event, many = denoiser.event_shape, cases_of(given, denoiser.event_shape)
    fixed = seen(given, event, denoiser.size)
    others = [one for one in given if not one.plain]
    if bool((fixed.r.diagonal() <= 0).any()):
        raise InputError("noise must be above 0 to weigh draws by: measure with noise > 0, or choose method 'twisted'")
    if isinstance(denoiser, Particles):
        points, log_w = denoiser.points, denoiser.log_weights
    else:
        points = denoiser.draw(Noise(checks.seed(seed)), particles).flatten(1)
        log_w = torch.full((particles,), -math.log(particles), dtype=torch.float64)
    factor = torch.linalg.cholesky(fixed.r)
    constant = factor.diagonal().log().sum() + 0.5 * fixed.size * math.log(2 * math.pi)
    rows = []
    for case in range(many or 1):
        apart = (fixed.y[case if len(fixed.y) > 1 else 0] - fixed.bound(points)).T
        said = -0.5 * torch.linalg.solve_triangular(factor, apart, upper=False).square().sum(0) - constant
        rows.append(log_w + said + _said(others, points, case, event))
    joint = torch.stack(rows)
    evidence = torch.logsumexp(joint, -1)
    if not bool(torch.isfinite(evidence).all()):
        raise RunError("no draw agrees with the measurement: give more particles, a measurement with more noise, or method 'twisted'")
    weights = torch.softmax(joint, -1)
    error = (weights.square().sum(-1) - 1 / joint.shape[-1]).clamp_min(0).sqrt()
    batch = () if many is None else (many,)
    law = Particles(points.expand(len(joint), *points.shape).reshape(*batch, -1, *event), joint.view(*batch, -1))
    told = [part.view(batch) for part in (evidence, error, effective(joint), effective(joint), (weights > 0).sum(-1))]
    return Twisted(law, told[0], told[1], told[2], told[3], told[4], torch.zeros(batch, dtype=torch.float64))


def _said(others: Sequence[Given], points: Tensor, case: int, event: tuple[int, ...]) -> Tensor:
    found = torch.zeros(len(points), dtype=torch.float64)
    for one in others:
        found = found + one.told(case, event).nats(points)
    return found
