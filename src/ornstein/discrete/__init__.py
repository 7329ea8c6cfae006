"""Diffusion of bits and symbols: chains, exact laws, a network, samplers, bounds, and a certificate by enumeration."""

from ornstein.discrete.bound import Bound, bound, revealed
from ornstein.discrete.chain import Chain
from ornstein.discrete.law import Known, Law
from ornstein.discrete.learning import train
from ornstein.discrete.markov import Markov, fit_markov
from ornstein.discrete.mixture import Mixture, fit_mixture
from ornstein.discrete.network import Network
from ornstein.discrete.sampling import certify, denoiser, sample, sequences

__all__ = [
    "Bound",
    "Chain",
    "Known",
    "Law",
    "Markov",
    "Mixture",
    "Network",
    "bound",
    "certify",
    "denoiser",
    "fit_markov",
    "fit_mixture",
    "revealed",
    "sample",
    "sequences",
    "train",
]
