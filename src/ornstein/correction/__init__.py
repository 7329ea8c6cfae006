"""A learned correction of a law's answers in gaps: its quantiles there, bent by a small network that sees what the law says."""

from ornstein.correction.correction import Bend, Correction
from ornstein.correction.learning import learned

__all__ = ["Bend", "Correction", "learned"]
