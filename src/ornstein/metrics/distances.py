"""How far two samples are apart, without a model of either."""

from __future__ import annotations

import torch
from torch import Tensor

from ornstein.common import checks
from ornstein.common.errors import InputError
from ornstein.common.random import Noise

_CHUNK = 1024


def energy_distance(x: object, y: object) -> float:
    """The squared energy distance of two samples (case, *event), in the unit of the data; 0 only for equal laws.

        D^2 = 2 E|X - Y| - E|X - X'| - E|Y - Y'|      (Szekely and Rizzo 2013; unbiased, so it can fall below 0 by chance)

    Raises ``InputError`` for fewer than two cases or different event shapes. Cost: (n + m)^2 d, in chunks.
    """
    a, b = _samples(x, y)
    n, m = len(a), len(b)
    return 2 * _sum(a, b) / (n * m) - _sum(a, a) / (n * (n - 1)) - _sum(b, b) / (m * (m - 1))


def sliced_wasserstein(x: object, y: object, directions: int = 256, *, seed: int = 0) -> float:
    """The sliced 2-Wasserstein distance of two samples (case, *event), in the unit of the data.

        SW2^2 = mean over unit directions u of W2^2(u^T X, u^T Y),      W2^2 = int_0^1 (F^-1(p) - G^-1(p))^2 dp  exactly

    Two samples of one law are at a positive distance of order n^(-1/2): compare with such a pair. Cost: directions (n + m) d.
    """
    a, b = _samples(x, y)
    u = Noise(seed).normal(checks.count(directions, "directions"), (a.shape[1],))
    u = (u / u.norm(dim=1, keepdim=True)).T
    p, q = (a @ u).sort(0).values, (b @ u).sort(0).values
    n, m = len(p), len(q)
    # cumulative probabilities in units of 1 / (n m), where both quantile functions step at whole numbers
    steps = torch.unique(torch.cat([torch.arange(1, n + 1) * m, torch.arange(1, m + 1) * n]))
    width = torch.diff(steps, prepend=torch.zeros(1, dtype=steps.dtype)).to(torch.float64) / (n * m)
    gap = p[(steps - 1) // m] - q[(steps - 1) // n]
    return float((width @ gap.square()).mean().sqrt())


def _sum(a: Tensor, b: Tensor) -> float:
    return sum(float(torch.cdist(piece, b, compute_mode="donot_use_mm_for_euclid_dist").sum()) for piece in a.split(_CHUNK))


def _samples(x: object, y: object) -> tuple[Tensor, Tensor]:
    a, b = checks.tensor(x, "x"), checks.tensor(y, "y")
    for sample, name in ((a, "x"), (b, "y")):
        if sample.ndim < 2 or len(sample) < 2:
            raise InputError(f"{name} has shape {tuple(sample.shape)}, but must be (case, *event) with at least 2 cases")
    if a.shape[1:] != b.shape[1:]:
        raise InputError(f"x holds signals of shape {tuple(a.shape[1:])} and y of {tuple(b.shape[1:])}, but they must agree")
    return a.flatten(1), b.flatten(1)
