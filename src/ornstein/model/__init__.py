"""A law in the user's units: fit, Model, load."""

from ornstein.model.fit import fit
from ornstein.model.model import Model, Surprise, load

__all__ = ["Model", "Surprise", "fit", "load"]
