"""Held-out scores of the chosen law and of the laws it is compared with."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ornstein.common.errors import InputError
from ornstein.common.signals import Signals
from ornstein.covariance import Dense, Diagonal, Spectral
from ornstein.denoisers.filling import components
from ornstein.metrics import (
    BandCheck,
    Candidate,
    Fold,
    Mean,
    check_bands,
    energy_distance,
    fold_models,
    held_out_log_prob,
    mean_with_error,
    sliced_wasserstein,
)
from ornstein.model import Model
from ornstein.report.choices import DENSE, candidates
from ornstein.report.holdout import Imputed

TAIL = 0.05
LEAST_IMPUTED = 3
"""Cases without which coverage cannot be tested."""
_OWN_DRAWS = 400
_COMPARED = 500
_CHECKED, _TURNS = 1024, 4
"""Entries of signals up to which bands in gaps are checked, and channels of each that hide a gap: together a few seconds."""
Progress = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class Surprises:
    """Held-out surprise: case numbers in descending order, nats (case,) and p = rank / cases, and how heavy the tail is.

    channels  (case, channel): channel numbers of each case, oddest first;  share: of its distance that is in the oddest
    tail  share of held-out cases that are less likely than 95 % of the fitted law's own draws: 5 % if its tails are right
    """

    order: Tensor
    nats: Tensor
    p_value: Tensor
    channels: Tensor
    share: Tensor
    tail: Mean


@dataclass(frozen=True, eq=False)
class Distances:
    """Held-out cases against new samples, and against the training cases as the yardstick, in standard deviations."""

    energy_samples: float
    energy_train: float
    sliced_samples: float
    sliced_train: float


@dataclass(frozen=True, eq=False)
class Held:
    """What one pass over the folds found: log p (case,), the share of own draws less likely (case,), how odd each channel is
    (case, channel), imputations, distances, and the bands in gaps of the first fold."""

    log_prob: Tensor
    typical: Tensor
    odd: Tensor
    imputed: Imputed | None
    distances: Distances | None
    bands: BandCheck | None


def hold_out(
    x: Signals, law: Candidate, parts: tuple[Fold, ...], hidden: slice, chosen: Tensor, draws: int, seed: int, tell: Progress
) -> Held:
    """One pass over the folds of the chosen law: log-densities, how typical they are of its own draws, and imputations."""
    log_prob, typical = torch.full((len(x),), torch.nan, dtype=torch.float64), torch.full((len(x),), torch.nan, dtype=torch.float64)
    odd = torch.full(x.shape[:2], torch.nan, dtype=torch.float64)
    complete = ~torch.isnan(x.values).flatten(1).any(1)
    found = []
    distances, bands = None, None
    for k, (fold, model) in enumerate(fold_models(x, law, parts, seed=seed, progress=tell)):
        scored = fold.test[complete[fold.test]]
        if len(scored):
            log_prob[scored] = model.log_density(x.values[scored]).value
            own = model.log_density(model.sample(_OWN_DRAWS, seed=seed)).value.sort().values
            odd[scored] = oddness(model, x.values[scored])
            typical[scored] = (1 + torch.searchsorted(own, log_prob[scored], right=True).to(torch.float64)) / (1 + _OWN_DRAWS)
        if k == 0 and bool(complete.all()):
            distances = _distances(x, fold, model, seed)
        if k == 0 and len(fold.test) >= LEAST_IMPUTED and components(model.exact) is not None and model.exact.size <= _CHECKED:
            some = fold.test[:: -(-len(fold.test) // _COMPARED)]
            bands = check_bands(model, x.values[some], turns=_TURNS, seed=seed)
        test = fold.test[torch.isin(fold.test, chosen)]
        if len(test):
            masked = x.values[test].to(torch.float64)
            masked[..., hidden] = torch.nan
            # a seed per fold, so that no two cases share noise; a copy, so that the observed parts are not kept in every draw
            imputed = model.impute(masked, draws, seed=seed + k)[..., hidden].clone()
            mean = x.values[fold.train].nanmean(0)[:, hidden].to(torch.float64).expand(len(test), -1, -1)
            found.append(Imputed(test, x.values[test].to(torch.float64), imputed, mean))
    enough = sum(len(part.numbers) for part in found) >= max(len(parts), LEAST_IMPUTED)
    return Held(log_prob, typical, odd, Imputed.joined(found) if enough else None, distances, bands)


def compare_laws(
    x: Signals, law: Candidate, own: Tensor, parts: tuple[Fold, ...], seed: int, tell: Progress
) -> tuple[dict[str, Tensor], tuple[Candidate, ...]]:
    """Held-out log-densities by name, and the candidates that these data refuse; the chosen law has been scored already."""
    scored, unfit = {}, []
    for other in candidates(x, law):
        try:
            scored[other.name] = own if other.name == law.name else held_out_log_prob(x, other, parts, seed=seed, progress=tell)
        except InputError:
            unfit.append(other)
    return scored, tuple(unfit)


def surprises_of(held: Held, complete: Tensor, lag: int) -> Surprises:
    """The complete cases by held-out surprise."""
    numbers = complete.nonzero()[:, 0]
    nats = -held.log_prob[numbers]
    order = nats.argsort(descending=True, stable=True)
    as_surprising = len(nats) - torch.searchsorted(nats.sort().values, nats, right=False)
    tail = mean_with_error((held.typical[numbers] <= TAIL).to(torch.float64), lag)
    binomial = math.sqrt(TAIL * (1 - TAIL) / len(nats))
    odd = held.odd[numbers][order].sort(dim=1, descending=True, stable=True)
    return Surprises(
        numbers[order],
        nats[order],
        (as_surprising.to(torch.float64) / len(nats))[order],
        odd.indices,
        torch.nan_to_num(odd.values[:, 0] / odd.values.clamp_min(0).sum(1), nan=1.0),
        Mean(tail.value, max(tail.error, binomial)),
    )


def oddness(model: Model, x: Tensor) -> Tensor:
    """Where each case is odd: (case, channel), the part of each channel in its squared distance, in standardised signals u.

        distance = (u - mu)^T Sigma^+ (u - mu) = sum_i (u - mu)_i (Sigma^+ (u - mu))_i

    with the mean and covariance of the law (the variances alone where d > DENSE and it has no eigenbasis). A channel that merely
    follows the others has a small part, however large it is; a part can be negative. Cost: one solve per case.
    """
    if x.shape[1] == 1:
        return torch.ones(x.shape[:2], dtype=torch.float64)
    law = model.exact
    rest = (model.scaler.encode(x) - law.mean()).flatten(1)
    operator = law.covariance()
    if not isinstance(operator, Spectral):
        operator = Dense(operator.dense()) if operator.size <= DENSE else Diagonal(operator.diagonal())
    return (rest * operator.solve(rest)).view(x.shape).sum(2)


def _distances(x: Signals, fold: Fold, model: Model, seed: int) -> Distances | None:
    test, train = fold.test[:_COMPARED], fold.train[:_COMPARED]
    if len(test) < 2:
        return None
    scale = model.scaler.scale
    held, known, drawn = x.values[test] / scale, x.values[train] / scale, model.sample(len(train), seed=seed) / scale
    return Distances(
        energy_distance(held, drawn), energy_distance(held, known), sliced_wasserstein(held, drawn), sliced_wasserstein(held, known)
    )
