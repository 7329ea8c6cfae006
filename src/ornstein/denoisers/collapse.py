"""Components that stand on repeated cases: without a floor their density grows without end (Day 1969)."""

from __future__ import annotations

import torch
from torch import Tensor

from ornstein.covariance import Autoregressive, Covariance, LowRank, Spectral, Stationary

FLOOR = 1e-6
"""Least variance of a component, as a share of that of all cases in the same direction: a thousandth of the deviation."""


def kept_open(covariance: Covariance, centred: Tensor) -> tuple[Covariance, bool]:
    """(the covariance with no variance below ``FLOOR`` of that of all cases, whether it had one).

    ``centred`` (case, d) are all cases less their mean. A direction in which no case varies keeps its variance of 0: it is outside
    the support of every component.
    """
    if isinstance(covariance, Autoregressive):
        least = torch.full_like(covariance.innovations, FLOOR * float(centred.square().mean()))
        low = covariance.innovations < least
        if not bool(low.any()):
            return covariance, False
        return Autoregressive(covariance.weights, torch.maximum(covariance.innovations, least)), True
    if not isinstance(covariance, Spectral):
        return covariance, False
    everywhere = _along(covariance, centred)
    # directions that only rounding moves are null for all
    least = torch.where(everywhere > 1e-14 * everywhere.max(), FLOOR * everywhere, torch.zeros_like(everywhere))
    if not bool((covariance.eigenvalues < least).any()):
        return covariance, False
    return covariance.replace(torch.maximum(covariance.eigenvalues, least)), True


def _along(covariance: Spectral, centred: Tensor) -> Tensor:
    """The variance of all cases along every direction of an eigenbasis."""
    variances = covariance.rotate(centred).square().mean(0)
    if isinstance(covariance, LowRank):  # the directions outside share one
        rest = variances[covariance.components :].sum() / max(covariance.size - covariance.components, 1)
        return torch.cat([variances[: covariance.components], rest.expand(covariance.size)])
    if isinstance(covariance, Stationary):  # and so do sine and cosine of one frequency
        return (variances + torch.roll(variances.flip(-1), 1, -1)) / 2
    return variances
