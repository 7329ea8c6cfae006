"""Components that stand on repeated cases: without a floor their density grows without end (Day 1969)."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ornstein.covariance import Autoregressive, Covariance, LowRank, Spectral, Stationary

FLOOR = 1e-6
"""Least variance of a component, as a share of that of all cases in the same direction: a thousandth of the deviation."""


def kept_open(covariance: Covariance, centred: Tensor) -> tuple[Covariance, bool]:
    """(the covariance with no variance below ``FLOOR`` of that of all cases, whether it had one).

    ``centred`` (row, d) are all cases less their mean, or fewer rows with their covariance (``spread_of``). A direction
    in which no case varies keeps its variance of 0: it is outside the support of every component.
    """
    if isinstance(covariance, Autoregressive):
        least = torch.full_like(covariance.innovations, FLOOR * float(centred.square().mean()))
        low = covariance.innovations < least
        if not bool(low.any()):
            return covariance, False
        return Autoregressive(covariance.weights, torch.maximum(covariance.innovations, least)), True
    if not isinstance(covariance, Spectral):
        return covariance, False
    least = floors(_along(covariance, centred))
    if not bool((covariance.eigenvalues < least).any()):
        return covariance, False
    return covariance.replace(torch.maximum(covariance.eigenvalues, least)), True


def floors(everywhere: Tensor) -> Tensor:
    """The least variances of components whose directions have these variances over all cases, (..., d).

    Directions that only rounding moves are null for all.
    """
    most = everywhere.amax(-1, keepdim=True)
    return torch.where(everywhere > 1e-14 * most, FLOOR * everywhere, torch.zeros_like(everywhere))


def spread_of(x: Tensor) -> Tensor:
    """Few rows (row, d) whose squares have the means that those of all cases x (case, *event) less their mean have in any direction."""
    centred = (x - x.mean(0)).flatten(1)
    cases, size = centred.shape
    if cases <= size:
        return centred
    factor: Tensor = torch.linalg.qr(centred, mode="r").R
    return factor * math.sqrt(size / cases)


def _along(covariance: Spectral, centred: Tensor) -> Tensor:
    """The variance of all cases along every direction of an eigenbasis."""
    variances = covariance.rotate(centred).square().mean(0)
    if isinstance(covariance, LowRank):  # the directions outside share one
        rest = variances[covariance.components :].sum() / max(covariance.size - covariance.components, 1)
        return torch.cat([variances[: covariance.components], rest.expand(covariance.size)])
    if isinstance(covariance, Stationary):  # and so do sine and cosine of one frequency
        return (variances + torch.roll(variances.flip(-1), 1, -1)) / 2
    return variances
