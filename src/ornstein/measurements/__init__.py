"""Measurements of a signal: masks, matrices, blurs, coarse sampling, frequencies, sums of channels, limits, steps, any function, and
compositions; and the kinds of noise that are not Gaussian.

``A(x)`` measures a batch (case, *event) without noise; ``A @ B`` measures with B first, then A.
"""

from ornstein.measurements.base import Composition, Measurement, Shape
from ornstein.measurements.blur import Blur
from ornstein.measurements.coarse import Average, Downsample
from ornstein.measurements.curved import Clip, Likelihood, Nonlinear, Quantise
from ornstein.measurements.fourier import Fourier
from ornstein.measurements.linear import Linear
from ornstein.measurements.mask import Mask
from ornstein.measurements.mix import Mix
from ornstein.measurements.noises import Laplace, NoiseLaw, Poisson, StudentT

__all__ = [
    "Average",
    "Blur",
    "Clip",
    "Composition",
    "Downsample",
    "Fourier",
    "Laplace",
    "Likelihood",
    "Linear",
    "Mask",
    "Measurement",
    "Mix",
    "NoiseLaw",
    "Nonlinear",
    "Poisson",
    "Quantise",
    "Shape",
    "StudentT",
]
