"""What several commands share: options with help in one language, and data that must fit a model."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import typer

from ornstein.cli.words import Words
from ornstein.common.errors import InputError

if TYPE_CHECKING:
    import torch

    from ornstein import Model, Signals

F = TypeVar("F", bound=Callable[..., Any])


class Interrupted(Exception):
    """Ctrl-C during work that was saved: the sentence says where, and how to go on. The parser leaves it alone."""


def options(words: Words) -> Callable[[str | tuple[str, ...], str], Any]:
    """option(names, key): an option whose help is the word of that key."""

    def option(names: str | tuple[str, ...], key: str) -> Any:
        return typer.Option(*([names] if isinstance(names, str) else names), help=words(key))

    return option


def taking(more: Sequence[inspect.Parameter]) -> Callable[[F], F]:
    """A command that takes ``more`` parameters than it names; they reach it as its keyword arguments."""

    def extended(command: F) -> F:
        own = [p for p in inspect.signature(command, eval_str=True).parameters.values() if p.kind is not p.VAR_KEYWORD]
        command.__signature__ = inspect.Signature([*own, *more])  # type: ignore[attr-defined]  # what the parser looks at
        return command

    return extended


def example(words: Words, text: str) -> str:
    """The last line of the help of a command."""
    return words("example") + text


def fitting(x: Signals, model: Model) -> Signals:
    """Refuse data with other channels than the model, by name."""
    if model.channels and len(model.channels) == x.shape[1] and model.channels != x.channels and not _generic(x.channels):
        raise InputError(f"the data has channels {', '.join(x.channels)}, but the model was fitted on {', '.join(model.channels)}")
    return x


def event(x: Signals, model: Model) -> torch.Tensor:
    """The values in the shape the model was fitted on: a model of plain (case, time) arrays takes one-channel signals."""
    return x.values[:, 0] if len(model.event_shape) == 1 and x.shape[1] == 1 else x.values


def _generic(channels: tuple[str, ...]) -> bool:
    return channels == tuple(f"ch{i}" for i in range(len(channels)))
