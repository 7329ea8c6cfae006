"""The options of laws on the command line, made from the recipes: a field of a recipe is an option here."""

from __future__ import annotations

import inspect
import os
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any, get_args, get_type_hints

import typer

from ornstein.cli.words import Words
from ornstein.fitting.recipes import EVERY, owners
from ornstein.training.masks import Masks

PYTHON_ONLY = ("module", "watch", "levels", "lengths", "ranks", "force", "times")
"""Fields that hold objects of Python, and the one that the command has for its own output too."""
OTHER_NAMES = {"rate": "learning-rate", "folder": "checkpoints", "steps": "training-steps", "device": "fit-device"}
"""Where another command has the word for something else, the word that explains the field."""
FLAGS = {"rate": "--learning-rate", "folder": "--checkpoints"}
"""Where another option of the same command has the name."""
_OWN = "law_"


def law_parameters(words: Words) -> list[inspect.Parameter]:
    """One parameter of a command per option of any recipe, unset by default, in a panel that names the recipes that know it."""
    found: dict[str, inspect.Parameter] = {}
    for recipe in EVERY.values():
        hints = get_type_hints(recipe)
        for field in fields(recipe):
            if field.name in PYTHON_ONLY or field.name in found:
                continue
            flag = FLAGS.get(field.name, f"--{field.name.replace('_', '-')}")
            text = words(OTHER_NAMES.get(field.name, field.name.replace("_", "-")))
            option = typer.Option(flag, help=text, rich_help_panel=f"--model {', '.join(owners(field.name))}")
            kind = _kind(hints[field.name])
            found[field.name] = inspect.Parameter(
                _OWN + field.name,
                inspect.Parameter.KEYWORD_ONLY,
                default=False if kind is bool else None,
                annotation=Annotated[kind if kind is bool else kind | None, option],
            )
    return list(found.values())


def law_options(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """What was given of ``law_parameters``, by the names and in the types of the recipes."""
    given = {name.removeprefix(_OWN): value for name, value in arguments.items() if value is not None and value is not False}
    if "shrinkage" in given:
        given["shrinkage"] = _number_or_name(given["shrinkage"])
    if "masks" in given:
        given["masks"] = Masks()
    return given


def _kind(hint: Any) -> Any:
    """The type that the parser reads for a field: a switch for what is there or not, text for a number or a name."""
    parts = [part for part in get_args(hint) if part is not type(None)] or [hint]
    if bool in parts or Masks in parts:
        return bool
    if any(getattr(part, "__origin__", part) is os.PathLike for part in parts):
        return Path
    return str if str in parts else parts[0]


def _number_or_name(value: str) -> str | float:
    try:
        return float(value)
    except ValueError:
        return value
