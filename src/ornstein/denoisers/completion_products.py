"""The same as by blocks where too many entries are known to factor one: conjugate gradients, by products with C only."""

from __future__ import annotations

import torch
from torch import Tensor

from ornstein.common.random import Noise
from ornstein.covariance import Spectral
from ornstein.covariance.iterative import conjugate_gradients
from ornstein.denoisers.completion_terms import ridge

PROBES = 4
"""Random signs, always the same, by which the variance left is estimated: it only scales what a network adds."""
_TOLERANCE, _STEPS = 1e-9, 5000


def solved_by_products(operator: Spectral, spectra: Tensor, seen: Tensor, off: Tensor) -> Tensor:
    """C_oo^-1 off at the ``seen`` entries o and 0 elsewhere, (case, d), for the eigenvalues of C (case, coordinate).

    Preconditioned by the inverse of all of C. Cost: four rotations a step, fewer steps the less noise there is. Raises ``RunError`` where
    known entries contradict a law that has no variance in some direction.
    """
    least = ridge(operator, spectra)

    def product(v: Tensor) -> Tensor:
        return torch.where(seen, operator.unrotate(spectra * operator.rotate(v)) + least * v, 0.0)

    def precondition(v: Tensor) -> Tensor:
        return torch.where(seen, operator.unrotate(operator.rotate(v) / (spectra + least)), 0.0)

    return conjugate_gradients(product, off, precondition, tolerance=_TOLERANCE, steps=_STEPS)


def left_by_products(operator: Spectral, spectra: Tensor, seen: Tensor) -> Tensor:
    """The trace of C - C_:o C_oo^-1 C_o: over the hidden entries, (case,), by the mean over ``PROBES`` z of z^T (...) z."""
    total = torch.zeros_like(spectra[:, 0])
    for sign in Noise(0, device=spectra.device).normal(PROBES, (operator.size,)).sign().to(spectra):
        z = torch.where(seen, 0.0, sign)
        moved = operator.unrotate(spectra * operator.rotate(z))
        known = torch.where(seen, moved, 0.0)
        total += (z * moved).sum(-1) - (known * solved_by_products(operator, spectra, seen, known)).sum(-1)
    return total / PROBES
