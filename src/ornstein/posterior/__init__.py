"""Conditioning on measurements: a denoiser goes in, the law of the signal given the measurement comes out, with its evidence."""

from ornstein.posterior.door import condition, condition_all
from ornstein.posterior.given import Given
from ornstein.posterior.guidance import GUIDANCE, Guidance, guidance
from ornstein.posterior.methods import RUNS, why
from ornstein.posterior.products import product
from ornstein.posterior.runs import runs
from ornstein.posterior.twisted import Twisted, twisted

__all__ = [
    "GUIDANCE",
    "RUNS",
    "Given",
    "Guidance",
    "Twisted",
    "condition",
    "condition_all",
    "guidance",
    "product",
    "runs",
    "twisted",
    "why",
]
