"""Cases that a fit does not see: in blocks of neighbours, and without what shares samples with them; and what a mean over them is worth."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

from ornstein.common import checks
from ornstein.common.errors import InputError

STRETCHES = 5
"""Stretches of cases at whose ends some are held out: cases that are sorted by kind are met in every one."""


class Fold(NamedTuple):
    """Case numbers: ``train`` is fitted, ``test`` is scored."""

    train: Tensor
    test: Tensor


def blocks(cases: int, folds: int, overlap: int = 0) -> tuple[Fold, ...]:
    """``folds`` contiguous blocks of cases, each held out once.

    ``overlap`` = how many neighbours on either side share samples with a case; so many cases next to a block are not fitted
    on either. Raises ``InputError`` where fewer than two cases would be left to fit or to hold out.
    """
    folds = checks.count(folds, "folds", at_least=2)
    overlap = checks.count(overlap, "overlap", at_least=0)
    edges = [round(k * cases / folds) for k in range(folds + 1)]
    numbers = torch.arange(cases)
    found = []
    for a, b in pairwise(edges):
        train = numbers[(numbers < a - overlap) | (numbers >= b + overlap)]
        if b <= a or len(train) < 2:
            raise InputError(
                f"{cases} cases, each of which shares samples with {overlap} on either side, leave fewer than two to fit beside one of "
                f"{folds} equal parts: give more cases, cut windows with a larger hop, or use fewer folds, or none"
            )
        found.append(Fold(train, numbers[a:b]))
    return tuple(found)


def turns(cases: int, folds: int, overlap: int = 0) -> tuple[Fold, ...]:
    """``folds`` parts of the cases, each held out once: every ``folds``-th case where they share no samples, otherwise ``blocks``."""
    if overlap:
        return blocks(cases, folds, overlap)
    part = torch.arange(cases) % folds
    return tuple(Fold((part != k).nonzero()[:, 0], (part == k).nonzero()[:, 0]) for k in range(folds))


def every(cases: int, apart: int, overlap: int = 0) -> Fold:
    """One case in ``apart`` held out: each of them where cases share no samples, otherwise as many of them at the ``ends``."""
    if overlap:
        return ends(cases, max(1, cases // apart), overlap)
    held = torch.arange(cases) % apart == 0
    return Fold((~held).nonzero()[:, 0], held.nonzero()[:, 0])


def standard_error(levels: Tensor, overlap: int = 0) -> float:
    """The standard error of the mean of levels (case,) of which neighbours up to ``overlap`` away share samples: one in overlap + 1 counts.

    Exact, for many cases, where a level is a sum over the samples of its window: the variance of the mean is (overlap + 1) / n of that of a
    level. Infinite for fewer than two cases.
    """
    return float(levels.std()) * math.sqrt((overlap + 1) / len(levels)) if len(levels) > 1 else math.inf


def ends(cases: int, count: int, overlap: int = 0) -> Fold:
    """``count`` of the cases held out: the ends of five equal stretches, or of as few as leave half of the others to fit.

    A random choice would put neighbours of every held-out window into the fit; those within ``overlap`` of one are neither fitted nor
    held out. Raises ``InputError`` where even one stretch leaves fewer than two to fit.
    """
    if count == 0:
        return Fold(torch.arange(cases), torch.empty(0, dtype=torch.int64))
    for stretches in range(min(STRETCHES, count), 0, -1):
        found = _ends(cases, count, stretches, overlap)
        if 2 * len(found.train) >= cases - count:
            break
    if len(found.train) < 2:
        raise InputError(
            f"{cases} cases with overlap {overlap} leave {len(found.train)} to fit beside {count} that are held out: "
            "give more cases, or cut windows with a larger hop"
        )
    return found


def _ends(cases: int, count: int, stretches: int, overlap: int) -> Fold:
    held, near = torch.zeros(cases, dtype=torch.bool), torch.zeros(cases, dtype=torch.bool)
    for k in range(stretches):
        end, share = (k + 1) * cases // stretches, (k + 1) * count // stretches - k * count // stretches
        held[end - share : end] = True
        near[max(0, end - share - overlap) : end + overlap] = True
    return Fold((~near).nonzero()[:, 0], held.nonzero()[:, 0])
