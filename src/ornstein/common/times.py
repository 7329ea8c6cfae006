"""Times of samples that are not evenly spaced."""

from __future__ import annotations

import math

from torch import Tensor

from ornstein.common import checks
from ornstein.common.errors import InputError

ALIKE = 1e-9
"""Share of the longest distance within which two times are one."""


def rising(times: object, length: int, name: str = "times") -> Tensor:
    """The times (length,) of as many samples, in float64. Raises ``InputError`` where they do not rise, and for another number."""
    found = checks.tensor(times, name, ndim=(1,), largest=math.inf)
    if len(found) != length:
        raise InputError(f"{name} has {len(found)} entries, but the signals have {length} samples: give one per sample")
    steps = found.diff()
    if bool((steps == 0).any()):
        where = int((steps == 0).nonzero()[0, 0])
        raise InputError(f"{name} holds {float(found[where]):g} twice, at samples {where} and {where + 1}: average them, or drop one")
    if bool((steps < 0).any()):
        where = int((steps < 0).nonzero()[0, 0])
        raise InputError(
            f"{name} falls from {float(found[where]):g} to {float(found[where + 1]):g} at sample {where + 1}: sort the samples"
        )
    return found


def same(one: Tensor, other: Tensor) -> bool:
    """Whether samples stand at the same times, counted from the first."""
    if len(one) != len(other):
        return False
    a, b = one - one[0], other - other[0]
    return bool(((a - b).abs() <= ALIKE * a[-1]).all())
