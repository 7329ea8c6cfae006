"""The marks that stand in every table: simple laws that a model should beat."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ornstein.denoisers import Gaussian, Mixture, matched
from ornstein.discrete import Mixture as Products
from ornstein.fitting.held_out import blocks
from ornstein.likelihood import Density
from ornstein.model import Model, SymbolModel
from ornstein.model.fit import fit

FOLDS = 5
LEAST = 20
"""Cases from which a mixture is fitted to four fifths of them."""


@dataclass(frozen=True, eq=False)
class Marks:
    """Models by name that join a table, log-densities that were had without one, and what has to be known of them."""

    models: Mapping[str, Model | SymbolModel]
    densities: Mapping[str, Density]
    notes: tuple[str, ...] = ()


def marks(models: Mapping[str, Model | SymbolModel], x: object, values: Tensor, train: object, seed: int) -> Marks:
    """A Gaussian and a mixture for signals, independent sites and a mixture of products for symbols, unless a model is one or has the name.

    They are fitted to ``train``, the cases that the models were fitted to. Without it the Gaussian of the moments of the first model
    stands in, and the mixture is fitted to four fifths of x at a time and scores the last: a law of other held-out cases, so its
    score is as honest as any, but it may have seen fewer cases than the models.
    """
    first = next(iter(models.values()))
    simple = "independent" if isinstance(first, SymbolModel) else "gaussian"
    known = {*models, *(_kind(model) for model in models.values())}
    missing = [name for name in (simple, "mixture") if name not in known]
    if train is not None:
        return Marks({name: _fitted(train, name, first, seed) for name in missing}, {})
    found: dict[str, Model | SymbolModel] = {}
    if "gaussian" in missing and isinstance(first, Model):
        found["gaussian"] = replace(first, law=matched(first.moments), conditions=None, training=None)
    wanted = [name for name in missing if name not in found]
    if not wanted:
        return Marks(found, {})
    if len(values) < LEAST or bool(torch.isnan(values).any()):
        named = " and ".join(wanted)
        return Marks(
            found, {}, (f"{named}: not in the table, since x has fewer than {LEAST} complete cases; give the fitted cases, train=",)
        )
    held = {name: _by_folds(values, name, first, seed) for name in wanted}
    named = " and ".join(wanted)
    note = f"{named}: fitted to four fifths of x at a time and scored on the rest; train= (--fitted) gives one of the fitted cases"
    return Marks(found, held, (note,))


def _kind(model: Model | SymbolModel) -> str:
    """The mark that a model is itself, or ""."""
    if isinstance(model, SymbolModel):
        return ("independent" if len(model.law.log_weights) == 1 else "mixture") if isinstance(model.law, Products) else ""
    return "gaussian" if isinstance(model.law, Gaussian) else "mixture" if isinstance(model.law, Mixture) else ""


def _fitted(x: object, name: str, like: Model | SymbolModel, seed: int) -> Model | SymbolModel:
    if isinstance(like, Model):
        return fit(x, name, folds=0, seed=seed)
    states = int(like.alphabet[-1]) + 1
    if like.alphabet.tolist() == list(range(states)):
        return fit(x, "categorical", law=name, states=states, folds=0, seed=seed)
    return fit(x, "categorical", law=name, folds=0, seed=seed)


def _by_folds(x: Tensor, name: str, like: Model | SymbolModel, seed: int) -> Density:
    """Every case by the law of the other folds; blocks, so that overlapping windows hardly leak."""
    parts = []
    for fold in blocks(len(x), FOLDS):
        parts.append(_fitted(x[fold.train], name, like, seed).log_prob(x[fold.test]))
    return Density.exact(torch.cat(parts))
