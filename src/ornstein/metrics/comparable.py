"""Whether the densities of several models may stand in one table: the same signals, units and supports."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import torch

from ornstein.common.errors import InputError
from ornstein.denoisers import Law, Mixture, matched
from ornstein.likelihood.frame import Frame
from ornstein.model import Model, SymbolModel

_DRAWS = 8
"""Signals of each model that are looked for in the supports of the others."""


def refuse_unlike(models: Mapping[str, Model | SymbolModel]) -> None:
    """Raise ``InputError``, naming two models, for what differs: bits and signals, shapes, channels, units, alphabets, supports."""
    first_name, first = next(iter(models.items()))
    for name, model in models.items():
        if isinstance(model, SymbolModel) != isinstance(first, SymbolModel):
            raise InputError(f"{name} and {first_name} give a density and a probability, which differ in units: compare like with like")
        if model.event_shape != first.event_shape:
            raise InputError(
                f"{name} holds signals of shape {model.event_shape}, but {first_name} those of {first.event_shape}: compare like with like"
            )
        for what, mine, theirs in (("channels", model.channels, first.channels), ("units", model.units, first.units)):
            if mine and theirs and mine != theirs:
                raise InputError(
                    f"{name} has {what} {', '.join(mine)}, but {first_name} has {', '.join(theirs)}: their densities have different units"
                )
    signals = {name: model for name, model in models.items() if isinstance(model, Model)}
    _refuse_supports(signals)
    alphabets = {name: model.alphabet.tolist() for name, model in models.items() if isinstance(model, SymbolModel)}
    if any(alphabet != next(iter(alphabets.values())) for alphabet in alphabets.values()):
        raise InputError(f"the models know different symbols ({', '.join(alphabets)}): fit them with the same states")


def _refuse_supports(models: Mapping[str, Model]) -> None:
    ranks = {name: rank for name, model in models.items() if (rank := _rank(model)) is not None}
    if len(set(ranks.values())) > 1:
        found = ", ".join(f"{name} {rank}" for name, rank in ranks.items())
        raise InputError(
            f"the models live on supports of different dimension ({found}), and densities on different supports have different units: "
            "fit them all with shrinkage or a floor, or to the data without the directions that never vary"
        )
    thin = [name for name, rank in ranks.items() if rank < models[name].moments.size]
    for name, other in pairwise(thin):
        if not _same_support(models[name], models[other]):
            raise InputError(
                f"{name} and {other} live on different supports of {ranks[name]} dimensions, so each calls the other's signals impossible: "
                "fit them with shrinkage or a floor, or to the same signals"
            )


def _same_support(one: Model, other: Model) -> bool:
    """Whether each holds what the other's Gaussian draws."""
    pairs = ((one, other), (other, one))
    return all(bool(Frame.of(matched(b.moments), 0.0).holds(b.scaler.encode(_drawn(a))).all()) for a, b in pairs)


def _drawn(model: Model) -> torch.Tensor:
    law: Law = matched(model.moments)
    return model.scaler.decode(law.sample(_DRAWS, seed=0))


def _rank(model: Model) -> int | None:
    """The dimension of the support, where it is known; of a mixture that of its thinnest component, whose density has no equal unit."""
    law = model.moments
    ranks = [getattr(part.covariance(), "rank", None) for part in (law.components if isinstance(law, Mixture) else (law,))]
    known = [int(rank()) for rank in ranks if rank is not None]
    return min(known) if len(known) == len(ranks) else None
