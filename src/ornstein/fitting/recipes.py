"""Every recipe by name, and the recipe that a caller meant."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields

from torch import nn

from ornstein.common import checks
from ornstein.common.errors import InputError, unknown_name
from ornstein.fitting.empirical import Empirical
from ornstein.fitting.gaussian import Gaussian
from ornstein.fitting.mixture import Mixture
from ornstein.fitting.network import Network
from ornstein.fitting.recipe import Recipe
from ornstein.fitting.symbols import SYMBOLS, Symbols

RECIPES: dict[str, type[Recipe]] = {recipe.name: recipe for recipe in (Gaussian, Mixture, Empirical, Network)}
"""One row per kind of law of signals."""

EVERY: dict[str, type[Recipe] | type[Symbols]] = {**RECIPES, **SYMBOLS}
"""With those of bits and symbols."""


def with_density() -> list[str]:
    """The names of the recipes whose laws score held-out cases."""
    return [name for name, recipe in RECIPES.items() if recipe().scored]


def recipe_of(model: object, options: Mapping[str, object], common: tuple[str, ...] = ()) -> Recipe | Symbols:
    """The recipe itself, or the one of that name with these options; an ``nn.Module`` is the module of a ``Network``.

    An option of None stands for its default. Raises ``InputError`` for a name that does not exist (with the nearest one), an option of
    another law (naming it), and options beside a recipe, which has its own. ``common`` lists arguments that are no options.
    """
    given = {name: value for name, value in options.items() if value is not None}
    if isinstance(model, nn.Module):
        return named(Network.name, {"module": model, **given}, common)
    if isinstance(model, str):
        return named(model, given, common)
    if not isinstance(model, Recipe | Symbols):
        allowed = ", ".join(EVERY)
        raise InputError(f"model is {_shown(model)}, but must be one of {allowed}, a recipe, a denoiser or an nn.Module")
    if given:
        raise InputError(f"{next(iter(given))} is given beside a recipe, which holds its own options: put it into the {model.name} recipe")
    return model


def named(name: str, options: Mapping[str, object], common: tuple[str, ...] = ()) -> Recipe | Symbols:
    """The recipe of that name with these options, each of which it must know."""
    if name not in EVERY:
        raise unknown_name("model", name, EVERY)
    known = options_of(EVERY[name])
    for option, value in options.items():
        if option not in known:
            raise _foreign(option, value, name, common)
    made: Callable[..., Recipe | Symbols] = EVERY[name]
    return made(**options)


def options_of(recipe: type[Recipe] | type[Symbols]) -> tuple[str, ...]:
    """The names of its options."""
    return tuple(field.name for field in fields(recipe))


def owners(option: str) -> list[str]:
    """The names of the recipes that know an option."""
    return [name for name, recipe in EVERY.items() if option in options_of(recipe)]


def _foreign(option: str, value: object, name: str, common: tuple[str, ...]) -> InputError:
    belongs = owners(option)
    if not belongs:
        return unknown_name("the argument", option, {*common, *(o for recipe in EVERY.values() for o in options_of(recipe))})
    belongs = [other for other in belongs if (other in SYMBOLS) == (name in SYMBOLS)] or belongs  # its own kind first
    to = f"model{'s' * (len(belongs) > 1)} {', '.join(map(repr, belongs))}"
    return InputError(f"{option} is {_shown(value)}, but model is {name!r}: {option} belongs to {to}")


def _shown(value: object) -> str:
    return checks.shown(value) if isinstance(value, str | int | float) else f"a {type(value).__name__}"
