"""Pairs (theta, x) of parameters and simulations: what counts as one, and its numbers."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from ornstein.common import checks
from ornstein.common.errors import InputError
from ornstein.common.signals import Signals
from ornstein.data.objects import is_foreign
from ornstein.data.read import recognised

PARTS = (Tensor, np.ndarray, list, tuple, Signals)
"""What may stand in a pair; objects of other libraries may too."""


def is_pair(x: object) -> bool:
    """Whether ``x`` is a pair (theta, x): a tuple of two tensors, arrays, lists, Signals or objects of other libraries."""
    return isinstance(x, tuple) and len(x) == 2 and all(isinstance(part, PARTS) or is_foreign(part) for part in x)


def refuse_listed_pair(x: object) -> None:
    """A list of two is two signals; two sets of rows, as many of each and of other lengths, were meant as a pair."""
    if not isinstance(x, list) or not is_pair(tuple(x)) or any(is_foreign(part) or isinstance(part, Signals) for part in x):
        return
    try:
        first, second = (np.shape(part) for part in x)
    except ValueError:  # rows of different lengths, which are refused where they are read
        return
    if first[:1] == second[:1] and first[1:] != second[1:]:
        raise InputError(
            f"x is a list of two arrays of shapes {first} and {second}: give parameters and their simulations as a pair, (theta, x)"
        )


def vectors(theta: object, x: object) -> tuple[Tensor, Tensor, tuple[int, ...], tuple[int, ...]]:
    """theta (case, p) and x (case, q) in float64, and the shapes of one case of each; a frame without a clock holds vectors."""
    parts = (("theta", recognised(theta)), ("x", recognised(x)))
    first, second = (checks.tensor(part.values.squeeze(-1) if isinstance(part, Signals) else part, name) for name, part in parts)
    if first.ndim < 1 or second.ndim < 1 or len(first) != len(second) or len(first) < 2:
        raise InputError(
            f"theta has shape {tuple(first.shape)} and x {tuple(second.shape)}, but both must have one row per simulation, as many of each"
        )
    first, second = (part.unsqueeze(1) if part.ndim == 1 else part for part in (first, second))
    return first.flatten(1).double(), second.flatten(1).double(), tuple(first.shape[1:]), tuple(second.shape[1:])
