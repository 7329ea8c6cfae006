"""log p(x) of any denoiser, with its errors: by the probability flow, by I-MMSE, or as a bound."""

from ornstein.likelihood.bound import bound
from ornstein.likelihood.density import Density
from ornstein.likelihood.door import log_density
from ornstein.likelihood.flow import flow
from ornstein.likelihood.frame import reference_of
from ornstein.likelihood.mmse import mmse
from ornstein.likelihood.quantised import bits_per_dim, looks_rounded, probability, quanta, quantum, remarks, repeated, rounding
from ornstein.likelihood.states import path, state
from ornstein.likelihood.where import local, subspace, where

__all__ = [
    "Density",
    "bits_per_dim",
    "bound",
    "flow",
    "local",
    "log_density",
    "looks_rounded",
    "mmse",
    "path",
    "probability",
    "quanta",
    "quantum",
    "reference_of",
    "remarks",
    "repeated",
    "rounding",
    "state",
    "subspace",
    "where",
]
