"""load: the model of a folder."""

from __future__ import annotations

import os
from typing import Any

from torch import nn

from ornstein.common.errors import InputError
from ornstein.model.joint import Joint, from_saved
from ornstein.model.model import Model, restored
from ornstein.model.saving import read
from ornstein.model.storage.joints import SavedJoint
from ornstein.model.storage.symbols import SavedSymbols
from ornstein.model.symbols import SymbolModel


def load_signals(path: str | os.PathLike[str]) -> Model | Any:
    """``load`` for what asks about signals. Raises ``InputError`` for a folder of parameters and simulations."""
    found = load(path)
    if isinstance(found, Joint):
        raise InputError(
            f"{os.fspath(path)} holds parameters and simulations, not signals: ask for its posterior (ornstein sample --observation)"
        )
    return found


def load(path: str | os.PathLike[str], *, module: nn.Module | None = None) -> Model | Any:
    """The model that ``save`` wrote, after its checksums.

    A ``Model``, a ``SymbolModel`` where it was fitted to bits or symbols, a ``Joint`` where it was fitted to parameters and simulations.
    ``module`` is the architecture of a network that is not one of ``ornstein.nets``; the saved weights are put into it. Raises
    ``InputError`` naming a missing, extra or damaged file, a class that is missing, and parameters that do not fit.
    """
    found = read(path, module)
    if isinstance(found, SavedSymbols):
        return SymbolModel(*found)
    return from_saved(found) if isinstance(found, SavedJoint) else restored(found)
