"""Ornstein: diffusion models for signals, covariance first.

One interface (``fit``, ``sample``, ``log_prob``, ``posterior``) over Gaussian, mixture and empirical laws that share every
sampler and every way of conditioning, exact in closed form.
"""

from ornstein import covariance, data, denoisers, measurements, nets, posterior, process, samplers, schedules, training
from ornstein.common import random, ranks
from ornstein.common.errors import InputError, OrnsteinError, RunError
from ornstein.common.signals import Signals
from ornstein.data import read, write
from ornstein.measurements import Average, Blur, Downsample, Linear, Mask
from ornstein.model import Model, fit, load

__all__ = [
    "Average",
    "Blur",
    "Downsample",
    "InputError",
    "Linear",
    "Mask",
    "Model",
    "OrnsteinError",
    "RunError",
    "Signals",
    "covariance",
    "data",
    "denoisers",
    "fit",
    "load",
    "measurements",
    "nets",
    "posterior",
    "process",
    "random",
    "ranks",
    "read",
    "samplers",
    "schedules",
    "training",
    "write",
]
