"""What jobs need, imported once in the process that they are forked from.

A child of ``multiprocessing`` would run the program again that began the server, since its functions might be defined there; ours are
in modules, so that program (all of the command line, or of a test runner: 0.1 to 0.5 s for every job) is left alone.
"""

from importlib import import_module
from multiprocessing import spawn

from ornstein.lab.work import KINDS

HEAVY = {"calibrating"}
"""What loads the plots of a report and is not begun in the first second: the process that is forked for it imports it itself."""

for module in {*KINDS.values()} - HEAVY:
    import_module(f"ornstein.lab.work.{module}")
for again in ("_fixup_main_from_path", "_fixup_main_from_name"):
    setattr(spawn, again, lambda program: None)
