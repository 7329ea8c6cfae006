"""Chapter three: what the spectrum of a curve says, and how white noise takes on a covariance."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ornstein.covariance import Dense


def similarity(values: Tensor) -> Tensor:
    """exp(-(v_i - v_j)^2), (d, d): a Gaussian similarity kernel of one curve's values. Positive semi-definite, diagonal 1."""
    return torch.exp(-((values[:, None] - values) ** 2))


def second_moment(draws: Tensor) -> Tensor:
    """X^T X / m of draws (m, d) whose mean is known to be 0: their covariance, (d, d)."""
    return draws.T @ draws / len(draws)


def recolour(draws: Tensor, target: Dense) -> tuple[Tensor, Tensor]:
    """The tutorial's f(X) = X V Psi V_1^T for draws (m, d), and Psi (d,).

    V, Lambda belong to X^T X / m and V_1, Lambda_1 to the target, both sorted by size; Psi = (Lambda_1 / Lambda)^(1/2). The
    covariance of f(X) is the target exactly where X has full rank. Directions that X lacks stay empty: there Psi is 0.
    """
    source = Dense.from_factor(draws.T / math.sqrt(len(draws)))
    support = source.eigenvalues > 0
    ratio = target.eigenvalues / torch.where(support, source.eigenvalues, torch.ones_like(source.eigenvalues))
    psi = torch.where(support, ratio, torch.zeros_like(ratio)).sqrt()
    return (draws @ source.basis * psi) @ target.basis.T, psi


def standardised(curves: Tensor) -> Tensor:
    """Each curve (n, d) brought to mean 0 and variance 1: what must *not* follow a recolouring, for it undoes it."""
    centred = curves - curves.mean(-1, keepdim=True)
    return centred / centred.square().mean(-1, keepdim=True).sqrt()


def mismatch(found: Tensor, wanted: Tensor) -> float:
    """Relative difference of two matrices in the Frobenius norm."""
    return float(torch.linalg.matrix_norm(found - wanted) / torch.linalg.matrix_norm(wanted))
