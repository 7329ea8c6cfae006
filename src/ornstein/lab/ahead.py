"""What jobs need, imported once in the process that they are forked from."""

from importlib import import_module

from ornstein.lab.work import KINDS

for module in KINDS.values():
    import_module(f"ornstein.lab.work.{module}")
