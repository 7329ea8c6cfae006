"""What a folder says of one part of a model, read against what may stand there: every key, shape and value once, nothing left over.

The decoder of a part is its schema: it names what it reads and in which range. Whatever else a file holds is refused by name, so a
folder that was changed with its checksums gives one sentence, or a model that is what it says.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ornstein.common.checks import LARGEST, shown
from ornstein.common.errors import InputError

Spec = dict[str, Any]
Tensors = dict[str, Tensor]

MOST = 1 << 53
"""Whole numbers up to which JSON and float64 agree."""


@dataclass(frozen=True)
class Format:
    """How one kind of law or covariance is kept: the name in the folder, the class, and the two directions.

    ``encode`` adds to the tensors under a prefix and returns the description; ``decode`` reads a ``Part``.
    """

    name: str
    kind: type
    encode: Callable[[Any, Tensors, str], Spec]
    decode: Callable[[Part], Any]


class Part:
    """A description and the tensors under ``prefix``; ``read`` collects what was asked for, over all parts of one folder."""

    def __init__(self, spec: object, tensors: Mapping[str, Tensor], prefix: str = "", read: set[str] | None = None) -> None:
        self.tensors, self.prefix = tensors, prefix
        self.read = set() if read is None else read
        if not isinstance(spec, dict):
            raise self.wrong("", f"is {shown(spec)}, but must be a description with names")
        self.spec = spec
        self._keys: set[str] = set()

    def wrong(self, name: str, says: str) -> InputError:
        """The error for something that may not stand in a folder."""
        where = f"{self.prefix}{name}".rstrip(".") or "the description"
        return InputError(f"the model folder does not hold a valid model: {where} {says}; restore the folder from a copy, or fit again")

    def value(self, key: str) -> Any:
        """What stands under a key."""
        if key not in self.spec:
            raise self.wrong(key, "is missing")
        self._keys.add(key)
        return self.spec[key]

    def word(self, key: str, allowed: Mapping[str, Any] | tuple[str, ...]) -> str:
        """One of the allowed words."""
        found = self.value(key)
        if not isinstance(found, str) or found not in allowed:
            raise self.wrong(key, f"is {shown(found)}, but must be one of {', '.join(allowed)}")
        return found

    def text(self, key: str) -> str:
        """One line for people."""
        found = self.value(key)
        if not isinstance(found, str) or not found.isprintable():
            raise self.wrong(key, f"is {shown(found)}, but must be a line of text")
        return found

    def whole(self, key: str, at_least: int = 0) -> int:
        """A whole number in range."""
        found = self.value(key)
        if isinstance(found, bool) or not isinstance(found, int) or not at_least <= found <= MOST:
            raise self.wrong(key, f"is {shown(found)}, but must be a whole number of at least {at_least}")
        return found

    def number(self, key: str, above: float = 0.0) -> float:
        """A finite number above a bound."""
        found = self.value(key)
        if isinstance(found, bool) or not isinstance(found, int | float) or not above < found < math.inf:
            raise self.wrong(key, f"is {shown(found)}, but must be a number above {above:g}")
        return float(found)

    def flag(self, key: str) -> bool:
        """true or false."""
        found = self.value(key)
        if not isinstance(found, bool):
            raise self.wrong(key, f"is {shown(found)}, but must be true or false")
        return found

    def shape(self, key: str) -> tuple[int, ...]:
        """The shape of a signal: at least one axis, each of at least one entry."""
        found = self.value(key)
        if not isinstance(found, list) or not found or not all(type(n) is int and 1 <= n <= MOST for n in found):
            raise self.wrong(key, f"is {shown(found)}, but must list the lengths of the axes")
        return tuple(found)

    def words(self, key: str, counts: tuple[int, ...]) -> tuple[str, ...]:
        """Words, as many as one of ``counts``."""
        found = self.value(key)
        if not isinstance(found, list) or not all(isinstance(word, str) for word in found):
            raise self.wrong(key, f"is {shown(found)}, but must list words")
        if len(found) not in counts:
            raise self.wrong(key, f"has {len(found)} entries, but must have {' or '.join(map(str, sorted(set(counts))))}")
        return tuple(found)

    def part(self, key: str) -> Part:
        """The description under a key, with the tensors whose names begin with it."""
        return Part(self.value(key), self.tensors, f"{self.prefix}{key}.", self.read)

    def parts(self, key: str) -> list[Part]:
        """A list of descriptions; the tensors of entry k begin with its number."""
        found = self.value(key)
        if not isinstance(found, list) or not found:
            raise self.wrong(key, f"is {shown(found)}, but must list at least one part")
        return [Part(entry, self.tensors, f"{self.prefix}{k}.", self.read) for k, entry in enumerate(found)]

    def has(self, name: str) -> bool:
        """Whether there is a tensor of that name."""
        return f"{self.prefix}{name}" in self.tensors

    def tensor(
        self, name: str, *shape: int | None, batch: bool = False, low: float = -math.inf, open_low: bool = False, infinite: bool = False
    ) -> Tensor:
        """A float64 tensor of ``shape``, None standing for any length; with ``batch`` any axes may stand before them.

        Its entries are finite and at least ``low``, or above it with ``open_low``; with ``infinite`` -inf is allowed.
        """
        found = self.raw(name)
        if found.dtype != torch.float64:
            raise self.wrong(name, f"holds {str(found.dtype).removeprefix('torch.')} values, but must hold float64")
        lead = max(0, found.ndim - len(shape)) if batch else 0
        own = found.shape[lead:]
        if len(own) != len(shape) or any(n is not None and n != m for n, m in zip(shape, own, strict=True)) or 0 in found.shape[:lead]:
            wanted = ", ".join("any" if n is None else str(n) for n in shape)
            raise self.wrong(name, f"has shape {tuple(found.shape)}, but must have ({'..., ' * batch}{wanted})")
        if bool(torch.isnan(found).any() | (found == math.inf).any()) or (not infinite and bool(torch.isinf(found).any())):
            raise self.wrong(name, "holds NaN or infinite values")
        if bool((found.abs() > LARGEST).logical_and(~torch.isinf(found)).any()):
            raise self.wrong(name, f"has an entry beyond {LARGEST:g}, whose square does not fit into float64")
        if bool((found <= low if open_low else found < low).any()):
            raise self.wrong(name, f"has an entry {float(found.min()):g}, but must be {'above' if open_low else 'at least'} {low:g}")
        return found

    def raw(self, name: str) -> Tensor:
        """A tensor as it is."""
        if not self.has(name):
            raise self.wrong(name, "is missing")
        self.read.add(f"{self.prefix}{name}")
        return self.tensors[f"{self.prefix}{name}"]

    def finish(self) -> None:
        """Refuse names in the description that nobody asked for."""
        if extra := sorted(map(str, self.spec.keys() - self._keys)):
            raise self.wrong(extra[0], "does not belong there")


def refuse_unread(part: Part) -> None:
    """Refuse tensors that nobody asked for."""
    if extra := sorted(part.tensors.keys() - part.read):
        raise InputError(
            f"the model folder does not hold a valid model: the tensor {extra[0]} does not belong there; "
            "restore the folder from a copy, or fit again"
        )
