"""The tour: the tutorial's figures on one curve, as a single page that needs no network."""

from ornstein.tour.compute import Tour, compute
from ornstein.tour.page import render, write_tour

__all__ = ["Tour", "compute", "render", "write_tour"]
