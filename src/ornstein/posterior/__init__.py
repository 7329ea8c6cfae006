"""Conditioning on measurements: a denoiser goes in, the law of the signal given the measurement comes out, with its evidence."""

from ornstein.posterior.door import condition
from ornstein.posterior.twisted import Twisted, twisted

__all__ = ["Twisted", "condition", "twisted"]
