"""The Gaussian that shares its first two moments with a law."""

from __future__ import annotations

from ornstein.common.errors import InputError
from ornstein.covariance import Dense, Spectral
from ornstein.denoisers.base import Law
from ornstein.denoisers.gaussian import Gaussian


def matched(law: Law) -> Gaussian:
    """N(E x_0, Cov x_0): the Gaussian nearest to the law in relative entropy, with a known eigenbasis.

    A covariance that has its basis (``Spectral``) is kept as it is; any other becomes a dense matrix, which costs d products with
    it and one eigendecomposition, and is refused with ``InputError`` above ``covariance.DENSE_LIMIT`` and for a batch of laws.
    """
    if law.batch_shape:
        raise InputError(f"law holds a batch {law.batch_shape} of laws, but one is matched at a time: pass them one by one")
    if isinstance(law, Gaussian) and isinstance(law.operator, Spectral):
        return law
    covariance = law.covariance()
    return Gaussian(law.mean(), covariance if isinstance(covariance, Spectral) else Dense(covariance.dense()))
