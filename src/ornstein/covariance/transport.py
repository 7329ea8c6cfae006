"""Optimal transport between two centred Gaussians: the map that changes draws least, and how far apart the two laws are."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ornstein.covariance.base import Operator, Spectral, refuse_dense
from ornstein.covariance.reshaping import amplitude, pair, share
from ornstein.covariance.structures import Dense, Diagonal, Kronecker, LowRank, Stationary


@dataclass(frozen=True, eq=False)
class Transport:
    """The map as an operator (``transport.map @ x`` for x (..., d)), symmetric and positive semi-definite.

    empty  share of the target's variance that lies outside the support of the source, where no linear map can put any
    """

    map: Spectral
    empty: float


def transport(source: Operator, target: Operator) -> Transport:
    """The optimal-transport map from N(0, Sigma_s) to N(0, Sigma_t) for the squared distance.

        T = Sigma_s^(-1/2) (Sigma_s^(1/2) Sigma_t Sigma_s^(1/2))^(1/2) Sigma_s^(-1/2)        (Knott and Smith 1984)

    T Sigma_s T = P Sigma_t P with P the projector on the support of Sigma_s: Sigma_t itself where the source has full rank. Of all
    maps that do so, ``recolor`` among them, T has the least E|T x - x|^2, which at full rank is ``bures``^2.

    Where both share an eigenbasis (two diagonal or two stationary covariances, one spectrum mapped, or one side white) T is
    (lambda_t / lambda_s)^(1/2) in that basis, at O(d). Otherwise it is dense: d^3 once, refused above DENSE_LIMIT.
    Raises ``InputError`` for sizes that differ.
    """
    before, after = pair(source, target)
    common = _common(before, after)
    if common is not None:
        carrier, lam_s, lam_t = common
        lost = (carrier.multiplicity * lam_t * (lam_s <= 0)).sum()
        return Transport(carrier.replace(amplitude(lam_s, lam_t)), share(lost, after.trace()))
    root_t, _, (_, d, vh) = _roots(before, after)
    # F_t F_s = U D V^T, so T = (F_s^+ V D^(1/2)) (F_s^+ V D^(1/2))^T: never negative, and no root of a squared spectrum is taken
    moved = Dense.from_factor(before.whiten(d.sqrt().unsqueeze(-1) * vh).T)
    kept = (before.projector() @ root_t).square().sum() if before.rank() < before.size else after.trace()
    return Transport(moved, share((after.trace() - kept).clamp_min(0), after.trace()))


def bures(source: Operator, target: Operator) -> float:
    """The 2-Wasserstein distance of N(0, Sigma_s) and N(0, Sigma_t), in the unit of the data, whatever their ranks.

        W2^2 = tr Sigma_s + tr Sigma_t - 2 tr (Sigma_s^(1/2) Sigma_t Sigma_s^(1/2))^(1/2) = min over rotations O of |F_s - F_t O|_F^2

    (Gelbrich 1990; Bhatia, Jain and Lim 2019.) The second form, with symmetric roots F, is the one computed: nothing cancels where
    the two are close. For laws with means, add |mu_s - mu_t|^2 under the root. Cost as ``transport``.
    """
    before, after = pair(source, target)
    common = _common(before, after)
    if common is not None:
        carrier, lam_s, lam_t = common
        return float((carrier.multiplicity * (lam_s.sqrt() - lam_t.sqrt()).square()).sum().sqrt())
    root_t, root_s, (u, _, vh) = _roots(before, after)
    return float(torch.linalg.matrix_norm(root_s - root_t @ (u @ vh)))


def _roots(before: Spectral, after: Spectral) -> tuple[Tensor, Tensor, tuple[Tensor, Tensor, Tensor]]:
    """The symmetric roots F_t and F_s, and the singular values F_t F_s = U D V^T with their vectors."""
    refuse_dense(before.size, "a transport between covariances without a common eigenbasis")
    root_s, root_t = before.sqrt().dense(), after.sqrt().dense()
    return root_t, root_s, torch.linalg.svd(root_t @ root_s)


def _common(before: Spectral, after: Spectral) -> tuple[Spectral, Tensor, Tensor] | None:
    """A structure whose basis diagonalises both, with both spectra in it; None where there is none at hand."""
    if _same_basis(before, after):
        return before, before.eigenvalues, after.eigenvalues
    for carrier, other in ((before, after), (after, before)):
        level = other.eigenvalues[0]
        if bool((other.eigenvalues == level).all()):
            flat = level.expand(carrier.eigenvalues.shape)
            return (carrier, carrier.eigenvalues, flat) if other is after else (carrier, flat, carrier.eigenvalues)
    return None


def _same_basis(a: Spectral, b: Spectral) -> bool:
    if isinstance(a, Kronecker) and isinstance(b, Kronecker):
        return a.left.size == b.left.size and _same_basis(a.left, b.left) and _same_basis(a.right, b.right)
    if isinstance(a, Dense | LowRank) and type(a) is type(b):
        return a.basis is b.basis or (a.basis.shape == b.basis.shape and bool((a.basis == b.basis).all()))
    return isinstance(a, Diagonal | Stationary) and type(a) is type(b)
