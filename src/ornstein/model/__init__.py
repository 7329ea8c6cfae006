"""A law in the user's units: fit, Model, SymbolModel, load."""

from ornstein.fitting.held_out import Surprise
from ornstein.model.fit import fit
from ornstein.model.loading import load
from ornstein.model.model import Model
from ornstein.model.symbols import SymbolModel

__all__ = ["Model", "Surprise", "SymbolModel", "fit", "load"]
