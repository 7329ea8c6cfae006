"""Models on disk: laws as plain tensors and names, in a folder that is whole or not there. No pickle."""

from ornstein.model.storage.encode import decode_law, encode_law
from ornstein.model.storage.folder import read_folder, refuse_folder, write_folder

__all__ = ["decode_law", "encode_law", "read_folder", "refuse_folder", "write_folder"]
