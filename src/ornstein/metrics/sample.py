"""The spectrum of signals as they are: no shrinkage, no structure, so that it can be held against white noise."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ornstein.common import checks
from ornstein.common.errors import InputError
from ornstein.common.signals import Signals
from ornstein.covariance import estimate
from ornstein.covariance.base import refuse_dense
from ornstein.fitting.scaling import Scaler
from ornstein.metrics.noise_edge import LEAST, Significant, significant
from ornstein.metrics.spectra import Spectrum, spectrum

_DIGITS = 1e-7


@dataclass(frozen=True, eq=False)
class SampleSpectrum:
    """The spectrum of a sample covariance over ``cases`` signals, and its noise.

    spectrum  eigenvalues in the square of the standardised unit
    noise     against white noise, or None where that law does not hold: ``reason`` is then "gaps", "overlap" or "few"
    """

    spectrum: Spectrum
    cases: int
    noise: Significant | None
    reason: str = ""


def sample_spectrum(x: Signals, *, standardize: str = "channel", overlap: bool = False, false_alarm: float = 0.05) -> SampleSpectrum:
    """The eigenvalues of the covariance sum (x - mean)(x - mean)^T / (n - 1) of signals, and which of them rise above white noise.

    standardize  "channel", "feature" or "none", as in ``orn.fit``: white noise has one variance, so channels need one scale
    overlap      the cases are windows that share samples: they are not independent draws, and there is no edge
    false_alarm  as in ``significant``, with n - 1 degrees of freedom

    NaN means missing: the covariance by EM, and no edge. With fewer cases than entries the smaller Gram matrix is
    enough, so d may be large. Raises ``InputError`` for fewer than two cases, signals that do not vary, and more than DENSE_LIMIT
    of both cases and entries. Cost: n d min(n, d).
    """
    values = checks.tensor(x.values, "x", missing=True)
    if len(values) < 2:
        raise InputError("x has 1 case, but a spectrum needs at least 2: cut a long recording into windows (window=..., --window)")
    scaled = Scaler.fit(values, standardize).encode(values)
    gaps = bool(torch.isnan(scaled).any())
    found = _with_gaps(scaled) if gaps else Spectrum.of(_eigenvalues(scaled.flatten(1)))
    if not found.rank:
        raise InputError("x is the same in every case, so its covariance is 0: a spectrum needs cases that vary")
    reason = "gaps" if gaps else "overlap" if overlap else "few" if found.rank < LEAST else ""
    noise = None if reason else significant(found.eigenvalues, len(values) - 1, false_alarm=false_alarm)
    return SampleSpectrum(found, len(values), noise, reason)


def _with_gaps(x: Tensor) -> Spectrum:
    """By EM, which knows of every variance no more than eight digits: eigenvalues below them are 0."""
    found = spectrum(estimate(x, "dense", shrinkage="none").covariance).eigenvalues
    return Spectrum.of(torch.where(found > _DIGITS * found[0], found, torch.zeros_like(found)))


def _eigenvalues(x: Tensor) -> Tensor:
    """Those of the covariance of vectors (n, d), as squared singular values; those of rounding are exactly 0."""
    n, d = x.shape
    refuse_dense(min(n, d), "the spectrum of so many signals")
    shifted = x - x[0]  # exact for entries that are constant, whatever their value
    singular = torch.linalg.svdvals(shifted - shifted.mean(0))
    rounding = 10 * max(n, d) * torch.finfo(x.dtype).eps * singular[0]
    eigenvalues = torch.zeros(d, dtype=x.dtype)
    eigenvalues[: len(singular)] = torch.where(singular > rounding, singular, torch.zeros_like(singular)).square() / (n - 1)
    return eigenvalues
