"""The trace that a density along a flow is made of, exact or by random directions until its error is small enough."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ornstein.common.random import Noise
from ornstein.likelihood.frame import Frame
from ornstein.likelihood.jacobian import Derivative
from ornstein.likelihood.levels import Levels

PILOT = 4
"""Directions at every level before anything is known; with 8 levels and more the variance of their sum has over 24 degrees of freedom."""
_NUMBERS = 1 << 21
"""Numbers in the directions of one product: 16 MiB in float64, a few times that inside a network."""
DIRECTIONS = 2
"""Directions that several grids share."""
SHARED = 1 << 18
"""Stream of the directions that several grids share, apart from those of one level."""


class Integral(NamedTuple):
    """int tr W (dD/dx - dD_G/dx) W^T dlog sigma along a path: (case,), its standard error (case,), and products spent on a case."""

    value: Tensor
    error: Tensor
    products: int


def exact(derivative: Derivative, frame: Frame, points: Tensor, levels: Levels) -> Integral:
    """With every coordinate of the frame as a direction: no error; one product for each coordinate and level."""
    units = torch.nn.functional.one_hot(frame.inside.nonzero()[:, 0], len(frame.inside)).to(torch.float64)
    total = torch.zeros(points.shape[1], dtype=torch.float64)
    for i in range(len(levels)):
        for part in units.split(_rows(points)):
            signs = part.unsqueeze(1).expand(-1, points.shape[1], -1)
            total += _values(derivative, frame, points[i], levels, i, signs).sum(0)
    return Integral(total, torch.zeros_like(total), len(units) * len(levels))


def estimated(derivative: Derivative, frame: Frame, points: Tensor, levels: Levels, *, noise: Noise, error: float, most: int) -> Integral:
    """By random signs in the eigenbasis of the reference, W^T s with s_k = +-1, until the standard error of every case is ``error`` nats.

        E[s_k (W A W^T s)_k] = (W A W^T)_kk,    A = dD/dx - dD_G/dx

    so a denoiser whose Jacobian shares the basis of the reference is integrated without error. Every level has directions of its own:
    their errors average. After a pilot they are shared out as their deviations ask (Neyman 1934), in rounds that at most double them,
    up to ``most`` products a case. Direction p at level i of a case depends on the seed, the case, i and p alone.
    """
    cases, steps = points.shape[1], len(levels)
    count = torch.zeros(steps, dtype=torch.int64)
    first, second = (torch.zeros(steps, cases, dtype=torch.float64) for _ in range(2))
    wanted = torch.full((steps,), PILOT)
    while True:
        for i in range(steps):
            fresh = range(int(count[i]), int(wanted[i]))
            for some in torch.tensor(list(fresh)).split(_rows(points)):
                signs = noise.normals(cases, (points.shape[2],), [p * steps + i for p in some.tolist()]).sign()
                values = _values(derivative, frame, points[i], levels, i, signs)
                first[i] += values.sum(0)
                second[i] += values.square().sum(0)
        count = wanted
        many = count[:, None]
        variance = ((second - first**2 / many) / (many - 1)).clamp_min(0)
        total, deviation = (first / many).sum(0), (variance / many).sum(0).sqrt()
        spent = int(count.sum())
        open_cases = deviation > error
        if not bool(open_cases.any()) or spent >= most:
            return Integral(total, deviation, spent)
        roots = variance[:, open_cases].mean(1).sqrt()
        ideal = (roots * roots.sum() / error**2).ceil()
        share = (ideal / ideal.sum() * min(spent, most - spent)).ceil()
        wanted = count + torch.minimum((ideal - count).clamp_min(0), share).long().clamp_min(1)


def shared(derivative: Derivative, frame: Frame, points: Tensor, levels: Levels, *, noise: Noise, directions: int = DIRECTIONS) -> Integral:
    """The integral along a few directions that are the same at every level and on every grid: their difference between two grids is
    that of the grids, without the noise of the estimate. Its own error is not known. Cost: ``directions`` products a level."""
    signs = noise.normals(points.shape[1], (points.shape[2],), [SHARED + p for p in range(directions)]).sign()
    parts = [_values(derivative, frame, points[i], levels, i, signs).mean(0) for i in range(len(levels))]
    total = torch.stack(parts).sum(0)
    return Integral(total, torch.full_like(total, torch.inf), directions * len(levels))


def _values(derivative: Derivative, frame: Frame, u: Tensor, levels: Levels, i: int, signs: Tensor) -> Tensor:
    """s^T diag(weights) W A W^T s at level i for signs (m, case, k): (m, case)."""
    level = float(levels.noise[i])
    signs = signs * frame.inside
    directions = frame.basis.unrotate(signs)
    moved = frame.basis.rotate(derivative(frame.signals(u, level), level)(directions))
    rest = moved - frame.gain(level) * frame.basis.rotate(directions)
    return (levels.weights[i] * signs * rest).sum(-1)


def _rows(points: Tensor) -> int:
    """How many directions fit into one product."""
    return max(1, _NUMBERS // max(1, points[0].numel()))
