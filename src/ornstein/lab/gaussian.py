"""A Gaussian law as the page computes with it: mean, eigenbasis and eigenvalues, in the units of the data."""

from __future__ import annotations

import math
from typing import Any

import torch

from ornstein.covariance import Dense
from ornstein.denoisers import Gaussian
from ornstein.model import Model

LARGEST = 512
"""Entries of a signal up to which a page computes: one product with a 512 x 512 matrix is 0.3 ms."""


def arrays_of(model: Model) -> dict[str, Any]:
    """``mean`` (d,), ``eigenvalues`` (d,) from the largest, ``basis`` (d, d) with an eigenvector per column; nothing where d is too large.

    Of each, what Float32 rounds away is beside it, ``mean_rest`` and so on: a gap is conditioned on with the inverse of the smallest
    eigenvalues, which would multiply that rounding. Of a law that is not Gaussian, these are its moments.
    """
    if math.prod(model.event_shape) > LARGEST:
        return {}
    law = Dense(model.covariance().dense())
    whole = {"mean": model.mean().flatten(), "eigenvalues": law.eigenvalues, "basis": law.basis}
    return whole | {f"{name}_rest": values - values.to(torch.float32).to(torch.float64) for name, values in whole.items()}


def is_gaussian(model: Model) -> bool:
    """Whether the law is Gaussian in the units of the data, so that the page's numbers are the model's."""
    return isinstance(model.law, Gaussian) and model.scaler.curves is None
