"""What the routes of one lab share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ornstein.lab.curves import Curves
from ornstein.lab.jobs import Jobs
from ornstein.lab.limits import Limits
from ornstein.lab.shelf import Shelf


@dataclass(frozen=True)
class Lab:
    """Files, curves, jobs, limits, and the way to say a sentence in a language."""

    shelf: Shelf
    curves: Curves
    jobs: Jobs
    limits: Limits
    translate: Callable[[str, str], str]
