"""Whether generated signals are new, or copies of those that a model was fitted to."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from ornstein.common import checks
from ornstein.common.errors import InputError

_PAIRS = 1 << 24


class Novelty(NamedTuple):
    """How near generated and held-out cases come to the fitted ones.

    generated  distance of each generated case to its nearest fitted one (case,), root mean square per entry
    held_out   the same of held-out cases
    p_value    (1 + number of held-out cases at least as near) / (1 + their number): small means nearer than real cases ever are
    """

    generated: Tensor
    held_out: Tensor
    p_value: Tensor


def novelty(generated: object, fitted: object, held_out: object) -> Novelty:
    """Distances to the nearest fitted case, of generated cases against those of held-out ones, each (case, *event).

    A model that has learnt the law, not the cases, draws signals as far from the fitted ones as new real signals are, and its p-values
    are uniform. Raises ``InputError`` for signals of different shapes. Cost: every pair once.
    """
    names = ("generated", "fitted", "held_out")
    new, seen, unseen = (checks.tensor(v, name) for v, name in zip((generated, fitted, held_out), names, strict=True))
    if not new.shape[1:] == seen.shape[1:] == unseen.shape[1:] or not len(seen) or not len(unseen):
        raise InputError(
            f"generated, fitted and held_out have shapes {tuple(new.shape)}, {tuple(seen.shape)} and {tuple(unseen.shape)}, but must hold "
            "signals of one shape, at least one each"
        )
    near, real = _nearest(new, seen), _nearest(unseen, seen).sort().values
    below = torch.searchsorted(real, near, right=True).to(torch.float64)
    return Novelty(near, real, (1 + below) / (1 + len(real)))


def _nearest(x: Tensor, points: Tensor) -> Tensor:
    flat, others = x.flatten(1), points.flatten(1)
    rows = max(1, _PAIRS // len(others))
    found: Tensor = torch.cat([torch.cdist(part, others).amin(1) for part in flat.split(rows)])
    return found / math.sqrt(flat.shape[1])
