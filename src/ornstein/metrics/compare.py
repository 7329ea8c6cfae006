"""Which kind of law explains cases that it has not seen: K-fold log-likelihoods, paired case by case."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from ornstein.common import checks
from ornstein.common.errors import InputError
from ornstein.common.signals import Signals
from ornstein.metrics.means import Mean, mean_with_error
from ornstein.model import Model
from ornstein.model.fit import fit


@dataclass(frozen=True)
class Candidate:
    """One kind of law to compare: a name, and the arguments of ``orn.fit`` that make it."""

    name: str
    model: str = "gaussian"
    structure: str | None = None


@dataclass(frozen=True, eq=False)
class Score:
    """What a candidate makes of held-out cases.

    log_prob    (case,) in nats, in the data's units; -inf outside the support of the fitted law
    nats        mean per case;  bits: -log2 density per entry, lower is better
    difference  nats minus those of the first candidate, paired by case; None for the first, or where one of them is infinite
    outside     how many held-out cases lie outside the support
    """

    name: str
    log_prob: Tensor
    nats: Mean
    bits: Mean
    difference: Mean | None
    outside: int


@dataclass(frozen=True, eq=False)
class Fold:
    """Case numbers to fit on and to test on."""

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
                f"{cases} cases with overlap {overlap} cannot be cut into {folds} folds with two cases left to fit: use fewer folds"
            )
        found.append(Fold(train, numbers[a:b]))
    return tuple(found)


def fold_models(
    x: Signals, candidate: Candidate, folds: Sequence[Fold], *, seed: int = 0, progress: Callable[[str], None] | None = None
) -> Iterator[tuple[Fold, Model]]:
    """Each fold with the model that was fitted without it. Cost: one fit per fold."""
    for k, fold in enumerate(folds):
        if progress is not None:
            progress(f"{candidate.name}, fold {k + 1} of {len(folds)}")
        yield fold, fit(x[fold.train], candidate.model, structure=candidate.structure, folds=0, seed=seed)


def held_out_log_prob(
    x: Signals, candidate: Candidate, folds: Sequence[Fold], *, seed: int = 0, progress: Callable[[str], None] | None = None
) -> Tensor:
    """log p of every case in nats, (case,), each under the fit that has not seen its fold."""
    scores = torch.empty(len(x), dtype=torch.float64)
    for fold, model in fold_models(x, candidate, folds, seed=seed, progress=progress):
        scores[fold.test] = model.log_prob(x[fold.test])
    return scores


def compare(log_probs: Mapping[str, Tensor], entries: int, *, lag: int = 0) -> tuple[Score, ...]:
    """Held-out log-densities (case,) by name as scores; the first is what the others are compared with.

        bits per dimension = -nats / (entries log 2)

    ``entries`` = channels times time steps; ``lag`` as in ``mean_with_error``.
    """
    scores: list[Score] = []
    for name, log_prob in log_probs.items():
        outside = int(torch.isinf(log_prob).sum())
        nats = mean_with_error(log_prob, lag)
        difference = None
        if scores and not outside and not scores[0].outside:
            difference = mean_with_error(log_prob - scores[0].log_prob, lag)
        bits = nats * (-1 / (entries * math.log(2)))
        scores.append(Score(name, log_prob, nats, bits, difference, outside))
    return tuple(scores)
