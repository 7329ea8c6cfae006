"""Exact conditioning of analytic laws."""

from __future__ import annotations

from ornstein.common import checks
from ornstein.common.errors import InputError
from ornstein.covariance import Spectral
from ornstein.denoisers import Conditional, Denoiser, Law
from ornstein.measurements import Measurement


def condition(denoiser: Denoiser, measurement: Measurement, y: object, noise: object = 0.0) -> Conditional:
    """The law of x_0 given y = A x_0 + n, n ~ N(0, R), and log p(y) in nats.

    Gaussian -> Gaussian, mixture -> mixture with weights by evidence, empirical -> reweighted empirical (with a kernel, its
    points move too). y has the shape of one measurement, or (case, *output) for one law per case, all from one factorisation.
    ``noise`` is a standard deviation (a number, or one per entry of y), or a covariance (matrix or operator); 0 is exact.

    Raises ``InputError`` for shapes that do not fit, NaN, negative noise, contradictory exact constraints, and a denoiser that
    is not an analytic law. Cost: O(d^3) up to 1024 dimensions; above, products with the covariance and conjugate gradients.
    """
    if not isinstance(denoiser, Law):
        raise InputError(f"exact conditioning needs a Gaussian, mixture or empirical law, but this is a {type(denoiser).__name__}")
    value = checks.tensor(y, "y")
    r = noise if isinstance(noise, Spectral) else checks.tensor(noise, "noise", ndim=(0, 1, 2))
    return denoiser.condition(measurement, value, r)
