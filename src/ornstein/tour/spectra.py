"""Chapter three: what the spectrum of a curve says, and how far a covariance is from another."""

from __future__ import annotations

import torch
from torch import Tensor


def second_moment(draws: Tensor) -> Tensor:
    """X^T X / m of draws (m, d) whose mean is known to be 0: their covariance, (d, d)."""
    return draws.T @ draws / len(draws)


def standardised(curves: Tensor) -> Tensor:
    """Each curve (n, d) brought to mean 0 and variance 1: what must *not* follow a recolouring, for it undoes it."""
    centred = curves - curves.mean(-1, keepdim=True)
    return centred / centred.square().mean(-1, keepdim=True).sqrt()


def mismatch(found: Tensor, wanted: Tensor) -> float:
    """Relative difference of two matrices in the Frobenius norm."""
    return float(torch.linalg.matrix_norm(found - wanted) / torch.linalg.matrix_norm(wanted))
