"""What ``fit`` takes: signals with their names, or a sentence on what is wrong with them."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from ornstein.common import checks
from ornstein.common.errors import InputError
from ornstein.common.sentences import Remark
from ornstein.common.signals import Signals
from ornstein.common.times import rising
from ornstein.covariance.batches import is_stream
from ornstein.covariance.structure import ANY_ORDER
from ornstein.fitting.gaussian import Gaussian
from ornstein.fitting.recipe import Recipe, Structured
from ornstein.fitting.recipes import RECIPES
from ornstein.fitting.scaling import spread
from ornstein.fitting.symbols import Symbols

ALIKE = 10.0
"""Factor between the scales of entries above which it is said."""
LEAST, STRAIGHT = 12, 0.9
"""Levels from which a straight line is looked for, and the share of their variance from which it is said."""


def values_of(x: object) -> tuple[Tensor, tuple[tuple[str, ...], tuple[str, ...], float | None]]:
    """(values, (channels, units, rate)) of signals, or of an array without names."""
    if isinstance(x, Signals):
        values, names = checks.tensor(x.values, "x", missing=True), (x.channels, x.units, x.rate)
    else:
        values, names = checks.tensor(x, "x", missing=True), ((), (), None)
    if values.ndim not in (2, 3, 4):
        raise InputError(
            f"x has {values.ndim} axes {tuple(values.shape)}, but must be (case, time), (case, channel, time) or images with 4: "
            "add a case axis, or cut a recording with Signals.windows"
        )
    if 0 in values.shape:
        raise InputError(f"x is empty {tuple(values.shape)}: give at least two cases")
    return values, names


def at_times(recipe: Recipe, x: object, tell: Callable[[str], None], stated: bool) -> tuple[Recipe, Tensor | None]:
    """The recipe for samples at times of their own, and these times; as it is, and None, where samples are even.

    A Gaussian whose structure nobody ``stated`` is a sum of kernels at these times, which is told. Raises ``InputError`` for structures
    that take every time step for like.
    """
    times = x.times if isinstance(x, Signals) else None
    if times is None:
        own = recipe.times if isinstance(recipe, Gaussian) else None
        return recipe, None if own is None else rising(own, len(own))
    if isinstance(recipe, Gaussian) and (not stated or recipe.structure == "coregionalised"):
        tell("samples are not evenly spaced: the law is a sum of kernels at their times (structure 'coregionalised')")
        return replace(recipe, structure="coregionalised", times=tuple(times.tolist())), times
    if isinstance(recipe, Structured) and not set(recipe.structure.split("*")) <= {*ANY_ORDER, "kronecker"}:
        raise InputError(
            f"structure is {recipe.structure!r}, which takes samples for evenly spaced, but those of x are not: use 'coregionalised' or "
            "'dense', or pass rate= to read them as even"
        )
    return recipe, times


def refuse_one(values: Tensor) -> None:
    """One case has no covariance; what looks like one is usually a recording that is to be cut."""
    if len(values) == 1:
        window = _window(values.shape[-1])
        raise InputError(
            f"x holds one recording of {values.shape[-1]} samples, but a law needs at least 2 cases: "
            f"cut it into windows, such as x.windows({window}) (--window {window}), "
            "or read each row as a case (--orient rows)"
        )


def _window(length: int) -> int:
    """A window that cuts a recording into about a hundred cases, for advice."""
    return max(length // 100, min(length // 2, 8), 1)


def refuse_for_symbols(recipe: Symbols, x: object, **given: object) -> None:
    """Symbols have no scale, no pieces, and laws that are told nothing."""
    for name, value in given.items():
        if value is not None:
            raise InputError(f"{name} is given, but model is {recipe.name!r}, whose symbols are taken as they are: leave {name} out")
    if is_stream(x):
        raise InputError(f"x is read piece by piece, but model {recipe.name!r} needs all of it: load x into memory")


def refuse_conditions(recipe: Recipe, **given: object) -> None:
    """Labels and conditions are for recipes that can be told them."""
    able = [name for name, kind in RECIPES.items() if kind.conditional]
    for name, value in given.items():
        if value is not None and not recipe.conditional:
            raise InputError(f"{name} is given, but model is {recipe.name!r}: {name} belongs to model {', '.join(map(repr, able))}")


def say_spread(values: Tensor, standardize: str, tell: Callable[[str], None]) -> None:
    """Entries of a vector with very different scales are worth a word, and a warning where one scale serves all of them."""
    if values.ndim != 2 or (factor := spread(values)) <= ALIKE:
        return
    if standardize == "feature":
        tell(f"the scales of the entries differ by a factor of {factor:.3g}: each is standardised on its own")
    else:
        warnings.warn(
            f"the scales of the entries differ by a factor of {factor:.3g}, and small ones are lost beside large ones: "
            "leave standardize out, or choose 'feature'",
            UserWarning,
            stacklevel=3,
        )


def say_trend(values: Tensor, channels: tuple[str, ...], tell: Callable[[str], None]) -> None:
    """A channel whose level follows a straight line, from case to case or along one series, is worth a word: a law returns to its mean."""
    if values.ndim != 3 or max(len(values), values.shape[2] if len(values) == 1 else 0) < LEAST:
        return
    along = values[0] if len(values) == 1 else values.nanmean(2).T
    what = "in time" if len(values) == 1 else "from case to case"
    for k, level in enumerate(along):
        seen = ~level.isnan()
        place = torch.arange(len(level), dtype=torch.float64)[seen]
        both = torch.corrcoef(torch.stack([place, level[seen].to(torch.float64)])) if int(seen.sum()) >= LEAST else place.new_zeros(2, 2)
        if float(both[0, 1] ** 2) > STRAIGHT:
            name = channels[k] if channels else f"channel {k + 1}"
            said = (
                f"{name} follows a straight line {what} (R2 {float(both[0, 1] ** 2):.2f}), and a law returns to its mean: "
                "subtract the line, or take differences"
            )
            tell(Remark(said))
