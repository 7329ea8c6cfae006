"""What a network was told of a signal, as something to condition on."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, eq=False)
class Label:
    """The class of a signal, or its condition, in the words and units of ``fit``: ``model.posterior(orn.Label("walk"))``."""

    label: object = None
    condition: object = None
