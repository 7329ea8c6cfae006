"""The report of a network, which is trained once: on four fifths of the signals, and judged on the rest beside simpler laws."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from ornstein.common import checks, files
from ornstein.common.folds import ends
from ornstein.model.fit import fit
from ornstein.report.choices import check
from ornstein.report.scored import write_scored

HELD_OUT = 5
"""One signal in so many is held out."""
MOST = 200
"""Held-out signals: each costs a density, which takes up to a second from 40 entries on."""
MINUTES = 2.0


def write_networked(
    path: str | os.PathLike[str],
    x: object,
    *,
    minutes: float | None = None,
    structure: str | None = None,
    seed: int = 0,
    language: str = "en",
    title: str | Mapping[str, str] | None = None,
    overlap: int = 0,
    force: bool = False,
    progress: Callable[[str], None] | None = None,
) -> Path:
    """Train a network, and write the page of ``write_scored`` about signals that it has not seen; return its path.

    The last of every stretch of signals are held out, a fifth and at most ``MOST``. The network, a Gaussian and a mixture know the same
    others, so that the table of held-out densities is fair. Arguments and errors as in ``write_report``. Cost: ``minutes`` of training,
    by default ``MINUTES``, and a density of every held-out signal.
    """
    files.refuse_existing(path, force)
    signals, tell = check(x, 2, 40), progress or (lambda _: None)
    fold = ends(len(signals), min(MOST, max(2, len(signals) // HELD_OUT)), checks.count(overlap, "overlap", at_least=0))
    known, new = signals[fold.train], signals[fold.test]
    budget = MINUTES if minutes is None else minutes
    network = fit(known, "network", minutes=budget, structure=structure, overlap=overlap, seed=seed, progress=tell)
    tell("densities of held-out signals")
    said = title if isinstance(title, str) else (title or {}).get(language, "")
    return write_scored(
        path, {"network": network}, new, train=known, overlap=overlap, seed=seed, language=language, title=said, force=force
    )
