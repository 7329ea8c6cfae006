"""Which of several models explains signals that none of them has seen: one table, paired case by case."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch

from ornstein.common import checks
from ornstein.common.errors import InputError, counted
from ornstein.likelihood import Density, probability, remarks
from ornstein.metrics.comparable import refuse_unlike
from ornstein.metrics.compare import Score
from ornstein.metrics.compare import compare as paired
from ornstein.metrics.marks import marks
from ornstein.model import Model, SymbolModel


@dataclass(frozen=True, eq=False)
class Comparison:
    """What several models make of the same held-out cases.

    scores     one per model, best first; each ``difference`` is against the first row, paired by case
    densities  the log-densities by name, with their own errors and calls
    notes      what has to be known to read the table, one sentence each
    """

    scores: tuple[Score, ...]
    densities: Mapping[str, Density]
    notes: tuple[str, ...]

    def __str__(self) -> str:
        lines = [f"{'model':20} {'nats per case':>20} {'less than the first':>22} {'bits per entry':>15}"]
        for score in self.scores:
            apart = "" if score.difference is None else f"{score.difference.value:.3f} ± {score.difference.error:.3f}"
            lines.append(f"{score.name:20} {score.nats.value:11.3f} ± {score.nats.error:6.3f} {apart:>22} {score.bits.value:15.4f}")
        return "\n".join([*lines, *self.notes])


def compare(
    models: Mapping[str, Model | SymbolModel],
    x: object,
    *,
    train: object = None,
    step: object = None,
    error: float | None = None,
    overlap: int = 0,
    seed: int = 0,
) -> Comparison:
    """A held-out table of models, with a Gaussian and a mixture always in it (``metrics.marks``).

    models  by name; all of signals, or all of symbols, of one shape
    x       held-out cases (case, *event), in the units of the models
    train   the cases that the models were fitted to: a Gaussian and a mixture are fitted to them too
    step    declares that x is rounded to it (a number, or one per entry): probabilities of rounded values in place of densities
    error   nats that an estimated density may be off (``Model.log_density``); every model meets the same random numbers
    overlap how many neighbours on either side share samples with a case, ceil(window / hop) - 1: standard errors then count each pair
            of them (``mean_with_error``), and laws that are fitted to folds of x leave them out

    Raises ``InputError`` for no models, fewer than two cases, and models whose densities have different units: ``metrics.comparable``.
    """
    if not models:
        raise InputError("models is empty: give at least one, by name")
    overlap = checks.count(overlap, "overlap", at_least=0)
    refuse_unlike(models)
    values = next(iter(models.values())).signals_of(x)
    if len(values) < 2:
        raise InputError(f"x holds {counted(len(values), 'case')}, but a comparison with standard errors needs at least 2: give more")
    found = marks(models, values, train, overlap, seed)
    every = {**dict(models), **found.models}
    refuse_unlike(every)
    densities = {**{name: _named(name, model, x, step, error, seed) for name, model in every.items()}, **found.densities}
    means = {name: float(density.value.mean()) for name, density in densities.items()}
    best_first = sorted(densities, key=lambda name: -means[name])
    shape = next(iter(every.values())).event_shape
    scores = paired({name: densities[name].value for name in best_first}, math.prod(shape), lag=2 * overlap)
    symbols = isinstance(next(iter(models.values())), SymbolModel)
    notes = [*_notes(densities), *found.notes]
    if not symbols:
        notes += remarks(values, declared=step is not None)
    return Comparison(scores, densities, tuple(notes))


def _named(name: str, model: Model | SymbolModel, x: object, step: object, error: float | None, seed: int) -> Density:
    """``_scored``, whose refusals name the model."""
    try:
        return _scored(model, x, step, error, seed)
    except InputError as problem:
        raise InputError(f"{name}: {problem}") from problem


def _scored(model: Model | SymbolModel, x: object, step: object, error: float | None, seed: int) -> Density:
    if step is None:
        return model.log_density(x, error=error, seed=seed)
    if isinstance(model, SymbolModel):
        raise InputError(f"step is {checks.shown(step)}, but symbols have probabilities as they are: leave it out")
    return probability(lambda y: model.log_density(y, error=error, seed=seed).value, model.signals_of(x), checks.tensor(step, "step"))


def _notes(densities: Mapping[str, Density]) -> list[str]:
    notes = [
        f"{name}: {found.why}; off by up to {float(found.error.max()):.3g} nats, {int(found.calls.max())} calls a case"
        for name, found in densities.items()
        if found.method != "exact"
    ]
    outside = {name: int(torch.isinf(found.value).sum()) for name, found in densities.items()}
    notes += [f"{name}: {counted(many, 'case')} outside its support, so its mean is -inf" for name, many in outside.items() if many]
    return notes
