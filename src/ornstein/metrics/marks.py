"""The marks that stand in every table: simple laws that a model should beat."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from ornstein.common.errors import InputError
from ornstein.common.folds import blocks
from ornstein.denoisers import Gaussian, Mixture, matched
from ornstein.discrete import Mixture as Products
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


def marks(models: Mapping[str, Model | SymbolModel], x: Tensor, train: object, overlap: int, seed: int) -> Marks:
    """A Gaussian and a mixture for signals, independent sites and a mixture of products for symbols, unless a model is one or has the name.

    x  the cases (case, *event) in the channels and units of the first model, in which all densities are;  overlap: as in ``folds.blocks``

    They are fitted to ``train``, the cases that the models were fitted to. Without it the Gaussian of the moments of the first model
    stands in, and the mixture is fitted to four fifths of x at a time and scores the last: a law of other held-out cases, so its
    score is as honest as any, but it may have seen fewer cases than the models.
    """
    first = next(iter(models.values()))
    simple = "independent" if isinstance(first, SymbolModel) else "gaussian"
    known = {*models, *(_kind(model) for model in models.values())}
    missing = [name for name in (simple, "mixture") if name not in known]
    if train is not None:
        try:
            cases = first.signals_of(train)
        except InputError as problem:
            raise InputError(f"the fitted cases, train (--fitted): {problem}") from problem
        return Marks({name: _fitted(cases, name, first, overlap, seed) for name in missing}, {})
    found: dict[str, Model | SymbolModel] = {}
    if "gaussian" in missing and isinstance(first, Model):
        found["gaussian"] = replace(first, law=matched(first.moments), conditions=None, training=None)
    wanted = [name for name in missing if name not in found]
    if not wanted:
        return Marks(found, {})
    if len(x) < LEAST or bool(torch.isnan(x).any()):
        named = " and ".join(wanted)
        return Marks(
            found, {}, (f"{named}: not in the table, since x has fewer than {LEAST} complete cases; give the fitted cases, train=",)
        )
    held, notes = {}, []
    for name in wanted:
        try:
            held[name] = _by_folds(x, name, first, overlap, seed)
            notes.append(
                f"{name}: fitted to four fifths of x at a time and scored on the rest; train= (--fitted) gives one of the fitted cases"
            )
        except InputError as problem:
            notes.append(f"{name}: not in the table, since it cannot be fitted to four fifths of x: {problem}")
    return Marks(found, held, tuple(notes))


def _kind(model: Model | SymbolModel) -> str:
    """The mark that a model is itself, or ""."""
    if isinstance(model, SymbolModel):
        return ("independent" if len(model.law.log_weights) == 1 else "mixture") if isinstance(model.law, Products) else ""
    return "gaussian" if isinstance(model.law, Gaussian) else "mixture" if isinstance(model.law, Mixture) else ""


def _fitted(x: Tensor, name: str, like: Model | SymbolModel, overlap: int, seed: int) -> Model | SymbolModel:
    """The mark ``name`` of cases (case, *event) in the channels and units of the model ``like``, which it takes over."""
    known: dict[str, Any] = {"folds": 0, "overlap": overlap, "seed": seed}
    if isinstance(like, Model):
        return replace(fit(x, name, **known), channels=like.channels, units=like.units, rate=like.rate)
    states = int(like.alphabet[-1]) + 1
    declared = states if like.alphabet.tolist() == list(range(states)) else None
    found = fit(x, "categorical", law=name, states=declared, **known)
    return replace(found, channels=like.channels, units=like.units, rate=like.rate)


def _by_folds(x: Tensor, name: str, like: Model | SymbolModel, overlap: int, seed: int) -> Density:
    """Every case by the law of the other folds; blocks, so that windows that share samples do not leak."""
    folds = blocks(len(x), FOLDS, overlap)
    return Density.exact(torch.cat([_fitted(x[f.train], name, like, overlap, seed).log_density(x[f.test]).value for f in folds]))
