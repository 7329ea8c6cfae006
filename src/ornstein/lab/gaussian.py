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
    """``mean`` (d,), ``eigenvalues`` (d,) from the largest, ``basis`` (d, d) with an eigenvector per row; nothing where d is too large.

    Of a law that is not Gaussian, these are its moments.
    """
    if math.prod(model.event_shape) > LARGEST:
        return {}
    law = Dense(model.covariance().dense())
    basis = law.unrotate(torch.eye(law.size, dtype=torch.float64))
    return {"mean": model.mean().flatten(), "eigenvalues": law.eigenvalues, "basis": basis}


def is_gaussian(model: Model) -> bool:
    """Whether the law is Gaussian in the units of the data, so that the page's numbers are the model's."""
    return isinstance(model.law, Gaussian) and model.scaler.curves is None
