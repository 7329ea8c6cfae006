"""Covariance operators, their estimation from data, and conditioning: the one idea that everything else uses."""

from ornstein.covariance.accumulator import Accumulator
from ornstein.covariance.base import DENSE_LIMIT, Covariance, Operator, Sigma, Spectral
from ornstein.covariance.conditioned import Conditioned
from ornstein.covariance.conditioning import Conditioning, condition
from ornstein.covariance.estimate import SHRINKAGES, STRUCTURES, Estimate, estimate
from ornstein.covariance.structures import Dense, Diagonal, Kronecker, LowRank, Stationary

__all__ = [
    "DENSE_LIMIT",
    "SHRINKAGES",
    "STRUCTURES",
    "Accumulator",
    "Conditioned",
    "Conditioning",
    "Covariance",
    "Dense",
    "Diagonal",
    "Estimate",
    "Kronecker",
    "LowRank",
    "Operator",
    "Sigma",
    "Spectral",
    "Stationary",
    "condition",
    "estimate",
]
