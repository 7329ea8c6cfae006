"""One figure per question, as matplotlib figures without pyplot. They draw what they are given and compute nothing."""

from ornstein.plots.calibration import reliability
from ornstein.plots.certificate import certificates, deviations, distances
from ornstein.plots.covariance import covariance
from ornstein.plots.eigenvalues import eigenvalues
from ornstein.plots.explained import explained, spectra
from ornstein.plots.images import images
from ornstein.plots.imputation import imputation
from ornstein.plots.likelihood import likelihood
from ornstein.plots.oddest import oddest
from ornstein.plots.signals import mean_band, signals
from ornstein.plots.spectrum import spectrum
from ornstein.plots.surprise import surprise
from ornstein.plots.svg import to_svg

__all__ = [
    "certificates",
    "covariance",
    "deviations",
    "distances",
    "eigenvalues",
    "explained",
    "images",
    "imputation",
    "likelihood",
    "mean_band",
    "oddest",
    "reliability",
    "signals",
    "spectra",
    "spectrum",
    "surprise",
    "to_svg",
]
