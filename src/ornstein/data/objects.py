"""Objects of other libraries as signals, known by the name of their type: nothing is imported that the caller has not."""

from __future__ import annotations

from ornstein.common import checks
from ornstein.data.loaded import Loaded
from ornstein.data.roles import Asked


def load(value: object, asked: Asked, where: str) -> Loaded:
    """An array."""
    array = checks.tensor(value, where, ndim=(1, 2, 3), missing=True)
    return Loaded(array.numpy())
