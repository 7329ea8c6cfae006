"""Surprise that can be trusted: new cases are judged by the laws that judged the cases they had not seen, and by no others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from ornstein.common.errors import InputError
from ornstein.common.folds import Fold, blocks
from ornstein.denoisers import Law
from ornstein.fitting.scaling import Scaler

Fit = Callable[[Tensor], tuple[Scaler, Law]]
"""From cases in the user's units to their scaling and a law of the scaled ones. The scaling belongs to the fit: one that has seen
the held-out cases makes each entry of theirs look closer, which adds up over many entries."""


class Surprise(NamedTuple):
    """-log_prob in nats per case, and the share of held-out cases at least as surprising (None without held-out cases)."""

    nats: Tensor
    p_value: Tensor | None


@dataclass(frozen=True, eq=False)
class Judge:
    """A law fitted without one fold, with its scaling, and the log-densities in nats it gave to that fold's cases, ascending."""

    law: Law
    scaler: Scaler
    scores: Tensor

    def log_prob(self, x: Tensor) -> Tensor:
        """log density in nats per case of x (case, *event), in the user's units."""
        return self.law.log_prob(self.scaler.encode(x)) - self.scaler.log_volume(x, self.law.covariance())


def judges(x: Tensor, fit: Fit, folds: Sequence[Fold], tell: Callable[[str], None] = lambda _: None) -> tuple[Judge, ...]:
    """One judge per fold of the cases x (case, *event): its law is fitted on ``train`` and scores ``test``.

    Cases with NaN take part in the fit where it allows that, and are not scored; a fold without a complete case has no judge.
    Cost: one fit and one log-density per fold.
    """
    complete = ~torch.isnan(x).flatten(1).any(1)
    found = []
    for k, fold in enumerate(folds):
        tell(f"fold {k + 1} of {len(folds)}")
        test = fold.test[complete[fold.test]]
        if len(test):
            scaler, law = fit(x[fold.train])
            judge = Judge(law, scaler, torch.empty(0, dtype=torch.float64))
            found.append(Judge(law, scaler, judge.log_prob(x[test]).sort().values))
    return tuple(found)


def p_value(bench: Sequence[Judge], x: Tensor) -> Tensor:
    """How surprising new cases x (case, *event) are, each at least 1 / (n + 1):

        p(x) = (1 + sum_k #{i in fold k: log p_k(x_i) <= log p_k(x)}) / (n + 1)      (cross-conformal; Vovk 2015, eq. 6)

    with p_k the law fitted without fold k and n the number of held-out cases. Both sides of each comparison are judged by a law
    that has seen neither, so p is fair however few the cases; equal scores count against surprise. For a case that is
    exchangeable with the others P(p <= a) <= 2 a + (1 - a) K / (n + 1) whatever the law (Barber et al. 2021, theorem 4), and in
    practice about a. Cost: one log-density under each of the K laws.
    """
    return ranked([judge.scores for judge in bench], [judge.log_prob(x) for judge in bench])


def ranked(scores: Sequence[Tensor], levels: Iterable[Tensor]) -> Tensor:
    """(1 + number of scores at or below the level) / (1 + number of scores), over pairs of ascending scores (n_k,) and levels (...)."""
    below = sum(torch.searchsorted(held, level, right=True) for held, level in zip(scores, levels, strict=True))
    return (1 + torch.as_tensor(below, dtype=torch.float64)) / (1 + sum(len(held) for held in scores))


def ranked_within(scores: Tensor, classes: Tensor, levels: Tensor, asked: Tensor) -> Tensor:
    """``ranked`` among the held-out cases of the same class: (1 + number of those at or below the level) / (1 + number of those).

    scores, classes  ascending log-densities (n,) and the class of each, -1 where it is not known;  levels, asked  of new cases (case,)

    A false alarm at p <= a is as rare as a within every class (label-conditional conformal; Vovk et al. 2005, section 4.5); one bench for
    all raises more of them in the class whose densities are lowest. Raises ``InputError`` for a class that no case judges.
    """
    found = torch.empty_like(levels)
    for k in asked.unique().tolist():
        bench, new = scores[classes == k], asked == k
        if not len(bench):
            what = "without a class" if k < 0 else f"of class {k}"
            raise InputError(f"no case {what} judges new ones: set more cases aside, or give some to calibrated(x, label=...)")
        found[new] = ranked([bench], [levels[new]])
    return found


def unseen(bench: Sequence[Judge], x: Tensor) -> Surprise | None:
    """The cases x (case, *event) that were fitted themselves, each judged by the law of the fold that left it out; None for any others.

    p is the share of them at least as surprising: 1/n, 2/n, ..., 1, so that what a law has seen does not look usual to it. That x are
    these cases is seen from the scores that the judges keep. Cost: one log-density of every case.
    """
    if not bench or len(x) < 2 * len(bench) or bool(torch.isnan(x).any()):
        return None
    held = []
    for judge, fold in zip(bench, blocks(len(x), len(bench)), strict=True):
        own = judge.log_prob(x[fold.test])
        if len(own) != len(judge.scores) or not torch.allclose(own.sort().values, judge.scores, rtol=1e-6, atol=1e-6):
            return None
        held.append(own)
    level = torch.cat(held)
    below = torch.searchsorted(level.sort().values, level, side="right")
    return Surprise(-level, below.to(torch.float64) / len(level))
