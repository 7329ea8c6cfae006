"""The law of some entries of a signal."""

from __future__ import annotations

import torch
from torch import Tensor

from ornstein.common.errors import InputError
from ornstein.covariance import Dense, Operator
from ornstein.denoisers.base import Law
from ornstein.denoisers.empirical import Empirical
from ornstein.denoisers.gaussian import Gaussian
from ornstein.denoisers.mixture import Mixture
from ornstein.denoisers.particles import Particles


def marginal(law: Law, entries: Tensor) -> Law:
    """The law of the entries with these numbers, as vectors: of the same kind as the law.

    Raises ``InputError`` for every other law. Cost: products with the covariance, one for each entry.
    """
    if isinstance(law, Gaussian):
        mean = law.mean().flatten(-len(law.event_shape))[..., entries]
        return Gaussian(mean, Dense(_block(law.covariance(), entries)), (len(entries),))
    if isinstance(law, Mixture):
        parts = [part for part in (marginal(c, entries) for c in law.components) if isinstance(part, Gaussian)]
        return Mixture.from_log_weights(law.log_weights, parts)
    if isinstance(law, Empirical):
        kernel = None if law.kernel is None else Dense(_block(law.kernel, entries))
        points, offset = law.points.flatten(1)[:, entries], law.offset[..., entries]
        return Empirical(points, kernel, log_weights=law.cloud.log_weights, offset=offset)
    if isinstance(law, Particles):
        return Particles(law.points[..., entries], law.log_weights)
    raise InputError(f"a {law.described()} has no marginal in closed form: draw from it, and take the entries of the draws")


def _block(covariance: Operator, entries: Tensor) -> Tensor:
    rows = torch.zeros(len(entries), covariance.size, dtype=torch.float64)
    rows[torch.arange(len(entries)), entries] = 1.0
    block = (covariance @ rows)[:, entries]
    return 0.5 * (block + block.T)
