"""Linear measurements y = A x + n of a signal: masks, matrices, blurs, coarse sampling, frequencies, sums of channels, and compositions.

``A(x)`` measures a batch (case, *event) without noise; ``A @ B`` measures with B first, then A.
"""

from ornstein.measurements.base import Composition, Measurement, Shape
from ornstein.measurements.blur import Blur
from ornstein.measurements.coarse import Average, Downsample
from ornstein.measurements.fourier import Fourier
from ornstein.measurements.linear import Linear
from ornstein.measurements.mask import Mask
from ornstein.measurements.mix import Mix

__all__ = ["Average", "Blur", "Composition", "Downsample", "Fourier", "Linear", "Mask", "Measurement", "Mix", "Shape"]
