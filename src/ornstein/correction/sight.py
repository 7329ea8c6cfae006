"""What a learned correction looks at: numbers that describe a hidden entry, what its case holds around it, and how that fits the law."""

from __future__ import annotations

from torch import Tensor

from ornstein.common.errors import InputError
from ornstein.denoisers.filling import Parts
from ornstein.denoisers.gap_marginals import Marginals, surprises
from ornstein.nets import around


def variables(event: tuple[int, ...]) -> int:
    """How many variables signals of a shape have: their entries, if few, or their channels. Raises ``InputError`` for images."""
    return around.variables(*_grid(event))


def width(event: tuple[int, ...]) -> int:
    """How many numbers ``sight`` returns for an entry."""
    return around.width(*_grid(event))


def sight(parts: Parts, u: Tensor, known: Marginals, wanted: Tensor, event: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """(numbers (n, ``width``), variables (n,)) for the ``wanted`` (case, d) of the hidden entries of u (case, d), whose laws are ``known``.

    Those of ``nets.around``, in scores, with ``surprises`` as what is off. Cost: as for conditioning.
    """
    grid = (len(u), *_grid(event))
    return around.around(u.view(grid), surprises(parts, u).view(grid), wanted.view(grid), *known.moments())


def _grid(event: tuple[int, ...]) -> tuple[int, int]:
    """(channels, times) of signals, and of vectors as one channel."""
    if len(event) > 2:
        raise InputError(f"the signals have shape {event}, but a correction is learned for signals in time and vectors: leave it out")
    return (event[0], event[1]) if len(event) == 2 else (1, event[0])
