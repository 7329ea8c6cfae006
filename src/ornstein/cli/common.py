"""What several commands share: options with help in one language, and data that must fit a model."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import typer

from ornstein.cli.words import Words

if TYPE_CHECKING:
    pass

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
