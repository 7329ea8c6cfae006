"""Every number of a report, computed once; pages and figures only show them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ornstein import checks
from ornstein.covariance import Spectral, estimate
from ornstein.errors import InputError, unknown_name
from ornstein.fitting import KINDS, fit
from ornstein.metrics import (
    Candidate,
    Fold,
    Mean,
    Score,
    Spectrum,
    blocks,
    compare,
    energy_distance,
    fold_models,
    held_out_log_prob,
    mean_with_error,
    sliced_wasserstein,
    spectrum,
)
from ornstein.model import Model
from ornstein.report.choices import LEAST_CASES, candidate, candidates, check, default_structure, hidden_stretch, imputable
from ornstein.report.holdout import Holdout, Imputed, measure
from ornstein.signals import Signals

SHOWN = 24
"""Cases and samples drawn in the first figure."""
SURPRISING = 6
TAIL = 0.05
_OWN_DRAWS = 400
_HEAT = 240
_WIDE = 2048
_NULL = 1e-9
"""Variance below this share of the largest counts as none: text files with 7 digits round constants to about 1e-14 of it."""
_COUNTED = 512
_COMPARED = 500
Progress = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class Surprises:
    """Held-out surprise: case numbers in descending order, nats (case,) and p = rank / cases, and how heavy the tail is.

    tail  share of held-out cases that are less likely than 95 % of the fitted law's own draws: 5 % if its tails are right
    """

    order: Tensor
    nats: Tensor
    p_value: Tensor
    tail: Mean


@dataclass(frozen=True, eq=False)
class Distances:
    """Held-out cases against new samples, and against the training cases as the yardstick, in standard deviations."""

    energy_samples: float
    energy_train: float
    sliced_samples: float
    sliced_train: float


@dataclass(frozen=True, eq=False)
class Moments:
    """Mean and deviation (channel, time); a block of the covariance or correlation over the drawn entries, and its channels."""

    mean: Tensor
    deviation: Tensor
    block: Tensor
    channels: int
    correlation: bool


@dataclass(frozen=True, eq=False)
class Analysis:
    """One data set under one law, in numbers.

    unit        the unit that all channels share, "" where it is unknown, None where channels differ
    null        directions without variance in the data (0 where it was not counted)
    overlap     neighbours on either side of a case that share samples with it
    unfit       laws that cannot be fitted to these data, such as a kernel density to constant signals
    holdout, scores, surprises, distances   None where too few complete cases are left to measure them
    """

    signals: Signals
    model: Model
    law: Candidate
    seed: int
    folds: int
    draws: int
    overlap: int
    missing: int
    complete: int
    null: int
    unit: str | None
    samples: Tensor
    moments: Moments
    spectrum: Spectrum
    spectrum_unit: str
    holdout: Holdout | None
    scores: tuple[Score, ...]
    unfit: tuple[Candidate, ...]
    surprises: Surprises | None
    distances: Distances | None


def analyse(
    x: object,
    model: str = "gaussian",
    structure: str | None = None,
    *,
    seed: int = 0,
    gap: float = 0.25,
    draws: int = 200,
    folds: int = 5,
    overlap: int = 0,
    progress: Progress | None = None,
) -> Analysis:
    """Fit, hold out in contiguous blocks, impute, rank and compare. Arguments and errors as in ``write_report``."""
    signals, tell = check(x, folds, draws), progress or (lambda _: None)
    folds = min(folds, len(signals) // 2)
    if model not in KINDS:
        raise unknown_name("model", model, KINDS)
    overlap = checks.count(overlap, "overlap", at_least=0)
    hidden = hidden_stretch(signals.shape[2], gap)
    law = candidate(model, structure or default_structure(signals))
    gone = torch.isnan(signals.values)
    if bool(gone.any()) and (model, law.structure) != ("gaussian", "dense"):
        raise InputError(
            f"x holds {int(gone.sum())} NaN values, which only model 'gaussian' with structure 'dense' can use, "
            f"but the law is {model!r} with {law.structure!r}: impute them first, or cut shorter windows"
        )
    complete = ~gone.flatten(1).any(1)
    parts = blocks(len(signals), folds, overlap)
    tell(law.name)
    fitted = fit(signals, law.model, structure=law.structure, folds=0, seed=seed)
    unit = signals.units[0] if len(set(signals.units)) == 1 else None
    held = _hold_out(signals, law, parts, hidden, imputable(signals, hidden, draws), draws, seed, tell)
    scale = torch.ones(signals.shape[1], 1) if unit is not None else fitted.scaler.scale[:, :1]
    enough = int(complete.sum()) >= LEAST_CASES
    log_probs, unfit = _compare(signals, law, held.log_prob, parts, seed, tell) if enough else ({}, ())
    lag = 2 * overlap
    tell("moments")
    spectral, spectral_unit = _spectrum(fitted, signals, unit)
    spread = (len(signals) - 1) / max(len(held.imputed.numbers) - 1, 1) if held.imputed is not None else 1.0
    return Analysis(
        signals=signals,
        model=fitted,
        law=law,
        seed=seed,
        folds=folds,
        draws=draws,
        overlap=overlap,
        missing=int(gone.sum()),
        complete=int(complete.sum()),
        null=_null_directions(signals, bool(gone.any())),
        unit=unit,
        samples=fitted.sample(SHOWN, seed=seed),
        moments=_moments(fitted, unit),
        spectrum=spectral,
        spectrum_unit=spectral_unit,
        holdout=None
        if held.imputed is None
        else measure(held.imputed, hidden, scale, _error_unit(unit), lag=math.ceil(lag / spread), seed=seed),
        scores=compare({k: v[complete] for k, v in log_probs.items()}, math.prod(signals.shape[1:]), lag=lag),
        unfit=unfit,
        surprises=_surprises(held, complete, lag) if enough else None,
        distances=_distances(signals, law, parts[0], fitted, seed) if complete.all() else None,
    )


@dataclass(frozen=True, eq=False)
class _Held:
    log_prob: Tensor
    typical: Tensor
    imputed: Imputed | None


def _hold_out(
    x: Signals, law: Candidate, parts: tuple[Fold, ...], hidden: slice, chosen: Tensor, draws: int, seed: int, tell: Progress
) -> _Held:
    """One pass over the folds of the chosen law: log-densities, how typical they are of its own draws, and imputations."""
    log_prob, typical = torch.full((len(x),), torch.nan, dtype=torch.float64), torch.full((len(x),), torch.nan, dtype=torch.float64)
    complete = ~torch.isnan(x.values).flatten(1).any(1)
    found = []
    for fold, model in fold_models(x, law, parts, seed=seed, progress=tell):
        scored = fold.test[complete[fold.test]]
        if len(scored):
            log_prob[scored] = model.log_prob(x.values[scored])
            own = model.log_prob(model.sample(_OWN_DRAWS, seed=seed)).sort().values
            typical[scored] = (1 + torch.searchsorted(own, log_prob[scored], right=True).to(torch.float64)) / (1 + _OWN_DRAWS)
        test = fold.test[torch.isin(fold.test, chosen)]
        if len(test):
            masked = x.values[test].to(torch.float64)
            masked[..., hidden] = torch.nan
            imputed = model.impute(masked, draws, seed=seed)[..., hidden].clone()
            mean = x.values[fold.train].nanmean(0)[:, hidden].to(torch.float64).expand(len(test), -1, -1)
            found.append(Imputed(test, x.values[test].to(torch.float64), imputed, mean))
    enough = sum(len(part.numbers) for part in found) >= len(parts)
    return _Held(log_prob, typical, Imputed.joined(found) if enough else None)


def _compare(
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


def _surprises(held: _Held, complete: Tensor, lag: int) -> Surprises:
    numbers = complete.nonzero()[:, 0]
    nats = -held.log_prob[numbers]
    order = nats.argsort(descending=True, stable=True)
    as_surprising = len(nats) - torch.searchsorted(nats.sort().values, nats, right=False)
    tail = mean_with_error((held.typical[numbers] <= TAIL).to(torch.float64), lag)
    binomial = math.sqrt(TAIL * (1 - TAIL) / len(nats))
    return Surprises(
        numbers[order], nats[order], (as_surprising.to(torch.float64) / len(nats))[order], Mean(tail.value, max(tail.error, binomial))
    )


def _moments(model: Model, unit: str | None) -> Moments:
    covariance = model.covariance()
    channels, times = model.event_shape
    variance = covariance.diagonal()
    shown = min(channels, 16)
    step = max(1, -(-times * shown // _HEAT))
    picked = (torch.arange(shown)[:, None] * times + torch.arange(0, times, step)).flatten()
    rows = torch.nn.functional.one_hot(picked, covariance.size).to(torch.float64)
    block = (covariance @ rows)[:, picked]
    if unit is None:
        deviation = variance[picked].sqrt()
        safe = torch.where(deviation > 0, deviation, torch.ones_like(deviation))
        block = block / torch.outer(safe, safe)
    return Moments(model.mean(), variance.sqrt().view(channels, times), block, shown, unit is None)


def _spectrum(model: Model, x: Signals, unit: str | None) -> tuple[Spectrum, str]:
    """In the data's unit where all channels share one; otherwise, or where it would cost d^3, of standardised channels."""
    law = model.law.covariance()  # type: ignore[attr-defined]
    same = unit is not None and (model.scaler.uniform or law.size <= _WIDE)
    if isinstance(law, Spectral) or law.size <= _WIDE:
        return spectrum(model.covariance() if same else law), _square(unit) if same and unit is not None else "SD²"
    return spectrum(estimate(model.scaler.encode(x.values), "low-rank").covariance), "SD²"


def _null_directions(x: Signals, gaps: bool) -> int:
    size = math.prod(x.shape[1:])
    if gaps or size > _COUNTED or len(x) <= size:
        return 0
    flat = x.values.to(torch.float64).flatten(1)
    flat = flat - flat.mean(0)
    singular = torch.linalg.svdvals(flat).square()
    return int((singular <= _NULL * singular.max()).sum())


def _distances(x: Signals, law: Candidate, fold: Fold, model: Model, seed: int) -> Distances | None:
    test, train = fold.test[:_COMPARED], fold.train[:_COMPARED]
    if len(test) < 2:
        return None
    apart = fit(x[fold.train], law.model, structure=law.structure, folds=0, seed=seed)
    new, scale = apart.sample(len(train), seed=seed), model.scaler.scale
    held, known, drawn = x.values[test] / scale, x.values[train] / scale, new / scale
    return Distances(
        energy_distance(held, drawn), energy_distance(held, known), sliced_wasserstein(held, drawn), sliced_wasserstein(held, known)
    )


def _square(unit: str) -> str:
    return f"{unit}²" if unit else ""


def _error_unit(unit: str | None) -> str:
    return "SD" if unit is None else unit
