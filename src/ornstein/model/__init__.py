"""A law in the user's units: fit, Model, load."""

from ornstein.model.fit import fit
from ornstein.model.model import Model, load
from ornstein.model.scoring import Surprise

__all__ = ["Model", "Surprise", "fit", "load"]
