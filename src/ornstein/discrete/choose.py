"""Which law of symbols explains cases that it has not seen: independent sites, a chain, or a mixture of products."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from ornstein.common.folds import Fold, blocks
from ornstein.discrete.law import Law
from ornstein.discrete.markov import fit_markov
from ornstein.discrete.mixture import fit_mixture

FOLDS = 5
COMPONENTS = (2, 4, 8, 16, 32)
PRIORS = (1.0, 0.1, 0.01)
_ROUNDS = 40
"""Of EM in a trial."""
Fit = Callable[[Tensor], Law]


def held_out(x: Tensor, fit: Fit, folds: int = FOLDS, overlap: int = 0) -> float:
    """Nats a case: every fold scored by the law of the others, the mean over all cases.

    Folds are drawn, since cases may come in turns; where cases share samples with ``overlap`` neighbours, they are blocks.
    """
    if overlap:
        parts = blocks(len(x), min(folds, len(x)), overlap)
    else:
        number = torch.randperm(len(x), generator=torch.Generator().manual_seed(0)) % min(folds, len(x))
        parts = tuple(Fold(number != k, number == k) for k in number.unique().tolist())
    return sum(float(fit(x[part.train]).log_prob(x[part.test]).sum()) for part in parts) / len(x)


class Choice(NamedTuple):
    """A number of components, or 0 for the chain, a prior, and what held-out cases make of them, nats a case."""

    components: int
    prior: float
    nats: float


def choose_mixture(x: Tensor, states: int, components: int | None, prior: float | None, *, seed: int = 0, overlap: int = 0) -> Choice:
    """Components, 1, 2, 4, ... 32 of them for as long as held-out cases gain, and then the best prior of three; what is given stays."""

    def at(k: int, p: float) -> Choice:
        return Choice(k, p, held_out(x, lambda part: fit_mixture(part, states, k, prior=p, seed=seed, rounds=_ROUNDS), overlap=overlap))

    best = at(components or 1, prior or PRIORS[1])
    for k in COMPONENTS if components is None else ():
        if 2 * k > len(x) or (found := at(k, prior or PRIORS[1])).nats <= best.nats:
            break
        best = found
    others = [at(best.components, p) for p in PRIORS if p != best.prior] if prior is None else []
    return max([best, *others], key=lambda choice: choice.nats)


def choose_markov(x: Tensor, states: int, prior: float | None, overlap: int = 0) -> Choice:
    """The prior of the chain along the sites; -inf nats where entries are missing, which it is not fitted to."""
    if bool((x < 0).any()):
        return Choice(0, prior or PRIORS[1], -torch.inf)

    def at(p: float) -> Choice:
        return Choice(0, p, held_out(x, lambda part: fit_markov(part, states, prior=p), overlap=overlap))

    return max(map(at, _priors(prior)), key=lambda choice: choice.nats)


def _priors(prior: float | None) -> tuple[float, ...]:
    return PRIORS if prior is None else (prior,)
