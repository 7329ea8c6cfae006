"""The maximisation step of full covariances, for all components at once: no loop in Python over them."""

from __future__ import annotations

import torch
from torch import Tensor

from ornstein.covariance.shrinking import oas_weight
from ornstein.covariance.stacked import StackedDense
from ornstein.denoisers.collapse import floors
from ornstein.denoisers.components import IN_CACHE, LEAST
from ornstein.denoisers.mixture import Mixture


def together(structure: str, shrinkage: str | float) -> bool:
    """Whether ``maximize_dense`` knows this structure and this shrinkage of it."""
    return structure == "dense" and shrinkage not in ("ledoit-wolf", "nonlinear")


def maximize_dense(x: Tensor, responsibilities: Tensor, shrinkage: str | float, spread: Tensor) -> tuple[Mixture, int]:
    """``em.maximize`` for signals x (case, *event) and responsibilities (case, K) without empty components.

        mu_k = sum_i r_ik x_i / m_k,      S_k = sum_i r_ik (x_i - mu_k)(x_i - mu_k)^T / m_k,      m_k = sum_i r_ik

    then S_k drawn towards the round covariance of its trace, by ``shrinkage`` or the weight of OAS for m_k cases, and its eigenvalues
    kept above the floor along ``spread``, rows (row, d) with the covariance of all cases. Cost: K (n d^2 + d^3).
    """
    flat, mass = x.flatten(1), responsibilities.sum(0)
    means = (responsibilities.T @ flat) / mass.unsqueeze(1)
    matrices = _covariances(flat, responsibilities / mass, means)
    eigenvalues, bases = torch.linalg.eigh(matrices)
    size = flat.shape[1]
    rounding = size * torch.finfo(torch.float64).eps * eigenvalues.abs().amax(1, keepdim=True)
    eigenvalues = torch.where(eigenvalues > rounding, eigenvalues, torch.zeros_like(eigenvalues))
    weights = _weights(matrices, mass, shrinkage).unsqueeze(1)
    level = matrices.diagonal(dim1=1, dim2=2).mean(1, keepdim=True)
    eigenvalues = torch.where(weights > 0, (1 - weights) * eigenvalues + weights * level, eigenvalues)
    least = floors((spread @ bases).square().mean(1))
    low = (eigenvalues < least).any(1)
    eigenvalues = torch.where(low.unsqueeze(1), torch.maximum(eigenvalues, least), eigenvalues)
    law = Mixture.of_stack((mass / mass.sum()).log(), means, StackedDense.of(bases, eigenvalues), tuple(x.shape[1:]))
    return law, int(low.sum())


def _covariances(flat: Tensor, shares: Tensor, means: Tensor) -> Tensor:
    """sum_i s_ik (x_i - mu_k)(x_i - mu_k)^T for shares (case, K), (K, d, d), with work arrays that a cache holds."""
    size = flat.shape[1]
    found = torch.zeros(len(means), size, size, dtype=torch.float64)
    rows = max(LEAST, IN_CACHE // means.numel())
    for part, share in zip(flat.split(rows), shares.sqrt().split(rows), strict=True):
        scaled = (part - means.unsqueeze(1)).mul_(share.T.unsqueeze(2))
        found.baddbmm_(scaled.mT, scaled)
    return (found + found.mT) / 2


def _weights(matrices: Tensor, mass: Tensor, shrinkage: str | float) -> Tensor:
    """How far each covariance is drawn towards the round one, (K,)."""
    if shrinkage == "oas":
        return torch.tensor([oas_weight(s, m) for s, m in zip(matrices, mass.tolist(), strict=True)], dtype=torch.float64)
    return torch.full_like(mass, 0.0 if isinstance(shrinkage, str) else shrinkage)
