"""Files in and out, examples that ship inside wheels, and laws whose truth is known."""

from ornstein.data import examples, laws
from ornstein.data.edf_annotations import Annotation
from ornstein.data.labelled import to_frame, to_xarray
from ornstein.data.mne_back import to_mne
from ornstein.data.read import read
from ornstein.data.write import write

__all__ = ["Annotation", "examples", "laws", "read", "to_frame", "to_mne", "to_xarray", "write"]
