"""One self-contained page that says what a law makes of a data set, with every claim measured on held-out signals."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from ornstein.common import files
from ornstein.common.errors import InputError, unknown_name
from ornstein.report.analysis import Analysis, analyse
from ornstein.report.choices import is_image
from ornstein.report.networked import write_networked
from ornstein.report.page import render
from ornstein.report.scored import write_scored
from ornstein.report.words import LANGUAGES

__all__ = ["Analysis", "analyse", "render", "write_networked", "write_report", "write_scored"]


def write_report(
    path: str | os.PathLike[str],
    x: object,
    *,
    model: str = "gaussian",
    structure: str | None = None,
    seed: int = 0,
    language: str = "en",
    title: str | Mapping[str, str] | None = None,
    gap: float = 0.25,
    draws: int = 200,
    folds: int = 5,
    overlap: int = 0,
    images: bool | None = None,
    minutes: float | None = None,
    force: bool = False,
    progress: Callable[[str], None] | None = None,
) -> Path:
    """Write a report of signals as one HTML page (English and Chinese, no network needed), and return its path.

    x          ``Signals``, or an array (case, time), (case, channel, time) or of images, at least 8 cases of 4 samples
    model, structure   as in ``orn.fit``; without a structure, "dense" up to 1024 entries and "stationary" beyond
    gap        share of the time axis to hide, in the middle of held-out signals;  draws: imputations of each, at least 40
    folds      contiguous blocks, each held out once; at most half the cases
    overlap    how many neighbours on either side share samples with a case: ceil(window / hop) - 1 for windows cut with ``hop``
    minutes    of training, for a network, which has a page of its own: what it, a Gaussian and a mixture of the same four fifths make of
               the rest (``write_networked``); nothing is hidden, so gap, draws, folds and images do not count
    images     channels are the rows of an image; by default where x has four axes (case, channel, height, width)
    language   "en" or "zh": what the page opens in;  title: shown as it is, or one per language
    progress   is told what is being fitted

    Each of the many arguments is one decision about the page; none is needed. NaN means missing, for the dense Gaussian only. The same
    data and seed give the same bytes. Raises ``InputError`` for data or arguments that cannot be used and a path that exists (unless
    ``force``), before anything is fitted; ``RunError`` where the file cannot be written. Cost: ``folds`` fits of each of 7 to 9 laws.
    """
    if language not in LANGUAGES:
        raise unknown_name("language", language, LANGUAGES)
    files.refuse_existing(path, force)
    if model == "network":
        return write_networked(
            path,
            x,
            minutes=minutes,
            structure=structure,
            seed=seed,
            language=language,
            title=title,
            overlap=overlap,
            force=force,
            progress=progress,
        )
    if minutes is not None:
        raise InputError(f"minutes is {minutes:g}, but model is {model!r}, which is not trained: leave minutes out, or choose 'network'")
    found = analyse(x, model, structure, seed=seed, gap=gap, draws=draws, folds=folds, overlap=overlap, progress=progress)
    drawn = is_image(x) if images is None else images
    files.write_text(path, render(found, language, title, images=drawn), force=force)
    return Path(path)
