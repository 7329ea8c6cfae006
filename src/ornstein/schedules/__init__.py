"""Schedules: how much signal and how much noise there is at time t."""

from ornstein.schedules.base import Grid, Schedule, Time
from ornstein.schedules.continuous import VE, VP, Cosine, RectifiedFlow
from ornstein.schedules.discrete import Discrete
from ornstein.schedules.grids import karras, log_snr, spectral, uniform

__all__ = [
    "VE",
    "VP",
    "Cosine",
    "Discrete",
    "Grid",
    "RectifiedFlow",
    "Schedule",
    "Time",
    "karras",
    "log_snr",
    "spectral",
    "uniform",
]
