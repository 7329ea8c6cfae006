"""Which kind of law explains cases that it has not seen: K-fold log-likelihoods, paired case by case."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ornstein.common.folds import Fold
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
        scores[fold.test] = model.log_density(x[fold.test]).value
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
