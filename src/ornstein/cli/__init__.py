"""The command line: parse, one call, show."""

from ornstein.cli.app import main

__all__ = ["main"]
