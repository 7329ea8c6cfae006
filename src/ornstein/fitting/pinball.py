"""The score of quantiles."""

from __future__ import annotations

import torch
from torch import Tensor

LEVELS = torch.arange(1, 20, dtype=torch.float64) / 20
"""Levels whose mean pinball loss stands for the CRPS, as in published tables: 0.05, 0.10, ... 0.95."""


def pinball(truth: Tensor, quantiles: Tensor, levels: Tensor = LEVELS) -> Tensor:
    """2 / L sum_l max(p_l e_l, (p_l - 1) e_l), e_l = truth - q_l, for quantiles (level, ...): the CRPS (...) at even levels.

    Gneiting and Raftery 2007, section 4.2; differentiable. For the median alone it is the absolute error.
    """
    p = levels.to(truth).view(-1, *(1,) * truth.ndim)
    error = truth - quantiles
    loss: Tensor = 2 * torch.maximum(p * error, (p - 1) * error).mean(0)
    return loss
