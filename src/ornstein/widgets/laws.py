"""What the widgets need of a law: its mean and the eigenbasis of its covariance."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ornstein.common.errors import InputError
from ornstein.covariance import Dense

LARGEST = 256
"""Entries of a signal: up to here the browser answers within a frame."""


def moments(law: Any) -> tuple[Tensor, Dense]:
    """Mean (d,) and covariance of a law, whatever its structure. Raises ``InputError`` for other things, and above 256 entries."""
    if not hasattr(law, "covariance") or not hasattr(law, "mean"):
        raise InputError(f"law is {type(law).__name__}, but must have a mean and a covariance: a fitted model or a Gaussian")
    mean, covariance = law.mean(), law.covariance()
    if covariance.size > LARGEST:
        raise InputError(f"law is of signals of {covariance.size} entries, but a widget takes up to {LARGEST}: use shorter windows")
    known = covariance if isinstance(covariance, Dense) else Dense(covariance.dense())
    return torch.as_tensor(mean, dtype=torch.float64).flatten(), known
