"""Covariance operators, their estimation from data, and conditioning: the one idea that everything else uses."""

from ornstein.covariance.accumulator import Accumulator, Moments, SpectrumAccumulator, VarianceAccumulator
from ornstein.covariance.autoregressive import Autoregressive
from ornstein.covariance.base import DENSE_LIMIT, Covariance, Operator, Sigma, Spectral
from ornstein.covariance.choose import Candidate
from ornstein.covariance.conditioned import Conditioned
from ornstein.covariance.conditioning import Conditioning, condition
from ornstein.covariance.embedding import Embedding, StationaryDraws, embed, stationary_draws
from ornstein.covariance.estimate import Estimate, estimate
from ornstein.covariance.kernels import KERNELS, Kernel, similarity
from ornstein.covariance.missing_fit import Gaps
from ornstein.covariance.missing_start import interpolated
from ornstein.covariance.reshaping import Recolored, amplitude, gain_in_nats, nearest_distance, recolor
from ornstein.covariance.shrinking import SHRINKAGES
from ornstein.covariance.streaming import accumulate, accumulate_spectrum, accumulate_variances
from ornstein.covariance.structure import STRUCTURES, Options
from ornstein.covariance.structures import Dense, Diagonal, Kronecker, LowRank, Stationary, as_spectral
from ornstein.covariance.transport import Transport, bures, transport

__all__ = [
    "DENSE_LIMIT",
    "KERNELS",
    "SHRINKAGES",
    "STRUCTURES",
    "Accumulator",
    "Autoregressive",
    "Candidate",
    "Conditioned",
    "Conditioning",
    "Covariance",
    "Dense",
    "Diagonal",
    "Embedding",
    "Estimate",
    "Gaps",
    "Kernel",
    "Kronecker",
    "LowRank",
    "Moments",
    "Operator",
    "Options",
    "Recolored",
    "Sigma",
    "Spectral",
    "SpectrumAccumulator",
    "Stationary",
    "StationaryDraws",
    "Transport",
    "VarianceAccumulator",
    "accumulate",
    "accumulate_spectrum",
    "accumulate_variances",
    "amplitude",
    "as_spectral",
    "bures",
    "condition",
    "embed",
    "estimate",
    "gain_in_nats",
    "interpolated",
    "nearest_distance",
    "recolor",
    "similarity",
    "stationary_draws",
    "transport",
]
