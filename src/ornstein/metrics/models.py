"""Which of several models explains signals that none of them has seen: one table, paired case by case."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch

from ornstein.common.errors import InputError, counted
from ornstein.common.signals import Signals
from ornstein.denoisers import Gaussian, matched
from ornstein.likelihood import Density, repeated
from ornstein.metrics.compare import Score
from ornstein.metrics.compare import compare as paired
from ornstein.model import Model
from ornstein.model.fit import fit


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
    models: Mapping[str, Model], x: object, *, train: object = None, error: float | None = None, lag: int = 0, seed: int = 0
) -> Comparison:
    """A held-out table of models, with a Gaussian and, given the cases they were fitted to, a mixture always in it.

    models  by name; all of signals of one shape
    x       held-out cases (case, *event), in the units of the models
    train   the cases that the models were fitted to: a Gaussian and a mixture are fitted to them too. Without it the Gaussian of the
            mean and covariance of the first model stands in
    error   nats that an estimated density may be off (``Model.log_density``); every model meets the same random numbers
    lag     as in ``mean_with_error``, for cases that share samples

    Raises ``InputError`` for no models, other channels or units, and laws on supports of different dimension, whose densities have
    different units and are never comparable.
    """
    if not models:
        raise InputError("models is empty: give at least one, by name")
    every = {**dict(models), **_marks(models, train)}
    _same(every)
    densities = {name: model.log_density(x, error=error, seed=seed) for name, model in every.items()}
    means = {name: float(found.value.mean()) for name, found in densities.items()}
    best_first = sorted(densities, key=lambda name: -means[name])
    shape = next(iter(every.values())).event_shape
    scores = paired({name: densities[name].value for name in best_first}, math.prod(shape), lag=lag)
    return Comparison(scores, densities, _notes(densities, x.values if isinstance(x, Signals) else x))


def _marks(models: Mapping[str, Model], train: object) -> dict[str, Model]:
    """The laws that are always in the table, unless a model of that name is."""
    if train is not None:
        return {name: fit(train, name, folds=0) for name in ("gaussian", "mixture") if name not in models}
    first = next(iter(models.values()))
    if "gaussian" in models or isinstance(first.law, Gaussian):
        return {}
    return {"gaussian": replace(first, law=matched(first.moments), conditions=None, training=None)}


def _same(models: Mapping[str, Model]) -> None:
    """That all models speak of the same signals on the same support."""
    first_name, first = next(iter(models.items()))
    for name, model in models.items():
        if model.event_shape != first.event_shape:
            raise InputError(
                f"{name} holds signals of shape {model.event_shape}, but {first_name} those of {first.event_shape}: compare like with like"
            )
        for what, mine, theirs in (("channels", model.channels, first.channels), ("units", model.units, first.units)):
            if mine and theirs and mine != theirs:
                raise InputError(
                    f"{name} has {what} {', '.join(mine)}, but {first_name} has {', '.join(theirs)}: their densities have different units"
                )
    ranks = {name: rank for name, model in models.items() if (rank := _rank(model)) is not None}
    if len(set(ranks.values())) > 1:
        found = ", ".join(f"{name} {rank}" for name, rank in ranks.items())
        raise InputError(
            f"the models live on supports of different dimension ({found}), and densities on different supports have different units: "
            "fit them all with shrinkage or a floor, or to the data without the directions that never vary"
        )


def _rank(model: Model) -> int | None:
    """The dimension of the support, where it is known."""
    rank = getattr(model.moments.covariance(), "rank", None)
    return None if rank is None else int(rank())


def _notes(densities: Mapping[str, Density], values: object) -> tuple[str, ...]:
    notes = [
        f"{name}: {found.why}; off by up to {float(found.error.max()):.3g} nats, {int(found.calls.max())} calls a case"
        for name, found in densities.items()
        if found.method != "exact"
    ]
    outside = {name: int(torch.isinf(found.value).sum()) for name, found in densities.items()}
    notes += [f"{name}: {counted(many, 'case')} outside its support, so its mean is -inf" for name, many in outside.items() if many]
    if again := repeated(values):
        notes.append(f"{counted(again, 'case')} equal to earlier ones: a kernel density is rewarded for each of them that it was fitted to")
    return tuple(notes)
