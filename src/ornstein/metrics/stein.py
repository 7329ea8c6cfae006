"""Whether draws follow a law of which only the score is known: the kernel Stein discrepancy."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ornstein.common import checks
from ornstein.common.errors import InputError
from ornstein.common.random import Noise

BOOTSTRAPS = 999


class Stein(NamedTuple):
    """value: the squared discrepancy, about 0 for draws of the law;  p_value: the share of bootstraps at least as large."""

    value: float
    p_value: float


def stein(draws: object, score: object, *, seed: int = 0) -> Stein:
    """Draws x (draw, *event) and the score grad log p(x) there, of the same shape; independent draws.

        KSD^2 = mean over i != j of s_i.s_j k + s_i.grad_j k + s_j.grad_i k + tr grad_i grad_j k,     k = (1 + |x_i - x_j|^2 / h)^-1/2

    with draws of unit covariance and h the median squared distance (Gorham & Mackey 2017, arXiv 1703.01717: this kernel notices draws
    that do not reach far enough);
    p-value by the wild bootstrap (Chwialkowski et al. 2016, arXiv 1602.02964). For a posterior the score is that of the prior plus the
    gradient of log p(y | x), with no evidence and no exact draws needed; it sees the shape of modes, but hardly their weights. Raises
    ``InputError`` for shapes that differ. Cost: pairs of draws, d numbers each.
    """
    x, s = checks.tensor(draws, "draws"), checks.tensor(score, "score")
    if x.shape != s.shape or x.ndim < 2 or len(x) < 10:
        raise InputError(f"draws has shape {tuple(x.shape)} and score {tuple(s.shape)}, but both must be (draw, *event), 10 draws at least")
    pairs = _pairs(*_whitened(x.flatten(1), s.flatten(1)))
    n = len(pairs)
    value = float(pairs.sum()) / (n * (n - 1))
    signs = Noise(checks.seed(seed)).uniform(BOOTSTRAPS, (n,)).sub(0.5).sign()
    wild = ((signs @ pairs) * signs).sum(1) / (n * (n - 1))
    return Stein(value, (1 + int((wild >= value).sum())) / (1 + BOOTSTRAPS))


def _whitened(x: Tensor, s: Tensor) -> tuple[Tensor, Tensor]:
    """Draws of unit covariance, and the score in their coordinates: directions of little variance then count as much as all others."""
    values, vectors = torch.linalg.eigh(torch.cov(x.T).view(x.shape[1], x.shape[1]))
    scale = values.clamp_min(1e-12 * float(values.max())).sqrt()
    return x @ vectors / scale, s @ vectors * scale


def _pairs(x: Tensor, s: Tensor) -> Tensor:
    """The terms of all pairs (n, n), 0 on the diagonal."""
    d = x.shape[1]
    squares = torch.cdist(x, x).square()
    h = squares[squares > 0].median() if bool((squares > 0).any()) else squares.new_ones(())
    base = 1 + squares / h
    along = (s * x).sum(1, keepdim=True) - s @ x.T  # s_i . (x_i - x_j)
    first = base**-1.5 / h
    second = -3 * base**-2.5 * squares / h**2 + d * base**-1.5 / h
    found = s @ s.T * base**-0.5 + (along + along.T) * first + second
    found = torch.where(torch.eye(len(x), dtype=torch.bool), torch.zeros_like(found), found)
    return 0.5 * (found + found.T)
