"""Reshaping noise: draws of one covariance take on another, and what that is worth to a signal.

Fresh draws of a covariance need no source at all: ``operator.draw(Noise(seed), n)`` is exact whatever its rank. What stands
here, and in ``transport``, is for draws that exist already.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ornstein.common import checks
from ornstein.common.errors import InputError
from ornstein.covariance.base import Covariance, Operator, Spectral
from ornstein.covariance.structures import Dense, as_spectral


@dataclass(frozen=True, eq=False)
class Recolored:
    """Recoloured draws (case, *event), and what they rest on.

    psi    the factor of each pair of eigenvectors, by size, (d,); 0 where the source has no variance
    empty  share of the target's variance that the draws lack because the source has no such direction: 0 at full rank
    """

    values: Tensor
    psi: Tensor
    empty: float


def recolor(x: object, source: Operator, target: Operator) -> Recolored:
    """Draws x (case, *event) of covariance ``source`` as draws of covariance ``target``: the k-th eigenvector becomes the k-th.

        f(X) = X V Psi V_1^T,    Psi = (Lambda_1 / Lambda)^(1/2)      source = V Lambda V^T,  target = V_1 Lambda_1 V_1^T

    with both spectra in descending order (rows are draws). Then f^T Sigma_s f = Sigma_t exactly where the source has full rank.
    With 50 draws in 100 dimensions their own covariance X^T X / m has rank 50: f can only fill the target's 50 largest
    directions, and ``empty`` says how much variance is missing. Nothing must be standardised afterwards: that undoes it.
    Within equal eigenvalues the pairing is arbitrary. ``transport`` reaches the same covariance with the least change of x.

    Raises ``InputError`` for sizes that differ. Cost: one rotation out of the source's basis and one into the target's.
    """
    before, after = pair(source, target)
    values = checks.tensor(x, "x")
    flat = _vectors(values, before.size, "x")
    before, after = _square(before), _square(after)
    from_order, to_order = (side.eigenvalues.argsort(descending=True, stable=True) for side in (before, after))
    lam, lam_1 = before.eigenvalues[from_order], after.eigenvalues[to_order]
    psi = amplitude(lam, lam_1)
    coordinates = torch.empty_like(flat)
    coordinates[:, to_order] = psi * before.rotate(flat)[:, from_order]
    return Recolored(after.unrotate(coordinates).reshape(values.shape), psi, share(lam_1[lam <= 0].sum(), lam_1.sum()))


def amplitude(source: Tensor, target: Tensor) -> Tensor:
    """Psi = (target / source)^(1/2), eigenvalue by eigenvalue; 0 where the source has no variance."""
    support = source > 0
    return torch.where(support, target / torch.where(support, source, torch.ones_like(source)), torch.zeros_like(target)).sqrt()


def gain_in_nats(x: object, target: Covariance, *, floor: float) -> Tensor:
    """By how many nats the covariance C raises the log-density of each signal x (case, *event) over white noise, (case,).

        log N(x; 0, C + floor I) - log N(x; 0, I) = 1/2 (x^T x - x^T (C + floor I)^-1 x - log det (C + floor I))

    ``floor`` is a variance. Smooth signals have covariances that are singular to rounding, and there the gain is as large as the
    floor is small (1/2 log(1 / floor) nats for every empty direction): it must be stated, so it has no default. Negative where
    white noise suits the signal better. 0 is allowed at full rank only. Cost: one product with C per case.
    Raises ``InputError`` for a floor below 0, or of 0 where C is singular.
    """
    flat = _vectors(checks.tensor(x, "x"), target.size, "x")
    floor = checks.positive(floor, "floor", zero=True)
    if floor == 0 and target.rank() < target.size:
        raise InputError(f"floor is 0, but the covariance has rank {target.rank()} of {target.size}: pass a floor above 0, such as 0.01")
    level = math.sqrt(floor)
    return 0.5 * (flat.square().sum(-1) - target.mahalanobis(flat, level) - target.logdet(level))


def nearest_distance(x: object, draws: object) -> Tensor:
    """Distance of a signal x (*event) to the nearest of the first 1, 2, ..., n draws (n, *event): a falling curve (n,).

    White noise in d dimensions stays about sqrt(|x|^2 + d) away whatever n; recoloured noise comes closer. Cost: n d.
    """
    signal, cloud = checks.tensor(x, "x"), checks.tensor(draws, "draws")
    if cloud.ndim != signal.ndim + 1 or cloud.shape[1:] != signal.shape or not cloud.numel():
        raise InputError(
            f"draws has shape {tuple(cloud.shape)} and x {tuple(signal.shape)}, but draws must be (n, *shape of x) with at least one"
        )
    distances: Tensor = torch.linalg.vector_norm((cloud - signal).flatten(1), dim=1)
    return distances.cummin(0).values


def pair(source: Operator, target: Operator) -> tuple[Spectral, Spectral]:
    """Two covariances of one size, each with an eigenbasis; a structure without one is made dense."""
    for side, name in ((source, "source"), (target, "target")):
        if side.batch_shape:
            raise InputError(f"{name} holds a batch of covariances {side.batch_shape}, but must be one: pick one of them")
    if source.size != target.size:
        raise InputError(f"source has size {source.size} and target {target.size}, but both must be covariances of one size")
    return as_spectral(source), as_spectral(target)


def share(part: Tensor, whole: Tensor) -> float:
    """part / whole, and 0 where there is nothing at all."""
    return float(part / whole) if float(whole) > 0 else 0.0


def _square(covariance: Spectral) -> Spectral:
    """With exactly d coordinates, each of its own direction; those of ``LowRank`` are redundant."""
    return covariance if covariance.eigenvalues.shape[-1] == covariance.size else Dense(covariance.dense())


def _vectors(x: Tensor, size: int, name: str) -> Tensor:
    if x.ndim < 2 or math.prod(x.shape[1:]) != size:
        raise InputError(f"{name} has shape {tuple(x.shape)}, but must be (case, *event) with {size} entries per case")
    return x.reshape(len(x), size)
