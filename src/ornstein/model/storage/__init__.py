"""Models on disk: laws as plain tensors and names, in a folder that is whole or not there. No pickle."""

from ornstein.model.storage.folder import read_folder, refuse_folder, write_folder
from ornstein.model.storage.laws import decode_law, encode_law

__all__ = ["decode_law", "encode_law", "read_folder", "refuse_folder", "write_folder"]
