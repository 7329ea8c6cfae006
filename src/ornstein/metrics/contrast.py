"""The spectra of signal and noise side by side, and the factor between them."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from ornstein.common.errors import InputError
from ornstein.covariance import Operator, amplitude
from ornstein.metrics.spectra import spectrum


@dataclass(frozen=True, eq=False)
class Contrast:
    """Eigenvalues (d,) of signal and noise, both in descending order, and Psi = (signal / noise)^(1/2), 0 where the noise has none.

    Psi is what recolouring multiplies each direction of the noise by (``covariance.recolor``): steep where a signal is simple.
    """

    signal: Tensor
    noise: Tensor
    ratio: Tensor


def contrast(signal: Operator, noise: Operator) -> Contrast:
    """Two covariances of one size, compared eigenvalue by eigenvalue. Raises ``InputError`` for sizes that differ. Cost as ``spectrum``."""
    if signal.size != noise.size:
        raise InputError(f"signal has size {signal.size} and noise {noise.size}, but both must be covariances of one size")
    top, bottom = spectrum(signal).eigenvalues, spectrum(noise).eigenvalues
    return Contrast(top, bottom, amplitude(bottom, top))
