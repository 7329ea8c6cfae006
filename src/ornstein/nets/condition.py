"""What a signal is conditioned on, apart from its noise level: a class, numbers, another signal. Missing means unconditioned."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ornstein.common.errors import InputError

NO_LABEL = -1


@dataclass(frozen=True, eq=False)
class Condition:
    """The condition of each case. A part that is None is missing in every case.

    label   class numbers 0, 1, ..., int64 (case,); -1 where a case has none
    vector  numbers (case, k), standardised; NaN where one is missing, whole row or single entries
    signal  another signal at the same times or pixels (case, channel', *spatial), scaled like x; NaN where it was not observed
            (and, for networks that look at entries one by one, inf where it is left out: nor asked for)

    Raises ``InputError`` for labels that are not int64, and for parts with the wrong number of axes or of cases.
    """

    label: Tensor | None = None
    vector: Tensor | None = None
    signal: Tensor | None = None

    def __post_init__(self) -> None:
        if self.label is not None and (self.label.ndim != 1 or self.label.dtype != torch.int64):
            raise InputError(f"label is {_kind(self.label)}, but must be int64 of shape (case,): one class number per case")
        if self.vector is not None and (self.vector.ndim != 2 or not self.vector.is_floating_point()):
            raise InputError(f"vector is {_kind(self.vector)}, but must be floating point of shape (case, k)")
        if self.signal is not None and (self.signal.ndim < 2 or not self.signal.is_floating_point()):
            raise InputError(f"signal is {_kind(self.signal)}, but must be floating point of shape (case, channel, *spatial)")
        counts = {name: len(part) for name, part in self._parts() if part is not None}
        if len(set(counts.values())) > 1:
            raise InputError(f"condition has {counts} cases, but every part must have one entry per case")

    def __getitem__(self, cases: slice | Tensor) -> Condition:
        """The condition of some cases: a slice, or an index or mask tensor (case,)."""
        return self._map(lambda part: part[cases])

    @property
    def rows(self) -> int:
        """How many cases it was given for; 1 where nothing is given."""
        return next((len(part) for _, part in self._parts() if part is not None), 1)

    def of(self, cases: int) -> Condition:
        """The condition of ``cases`` cases: its own rows, or its single row for all of them. Raises ``InputError`` for other numbers."""
        if self.rows not in (1, cases):
            raise InputError(f"condition has {self.rows} rows, but there are {cases} cases: give one row for all, or one per case")
        return self._map(lambda part: part.expand(cases, *part.shape[1:]))

    def to(self, device: torch.device | str, dtype: torch.dtype | None = None) -> Condition:
        """The same condition on another device, its numbers in another floating-point type; labels stay int64."""
        return self._map(lambda part: part.to(device, dtype if part.is_floating_point() else None))

    def joined(self, other: Condition, cases: int) -> Condition:
        """This condition for ``cases`` cases, then the other for as many. A part that only one of them has is missing in the rows of
        the other."""

        def rows(mine: Tensor | None, like: Tensor) -> Tensor:
            if mine is not None:
                return mine
            return torch.full_like(like, torch.nan if like.is_floating_point() else NO_LABEL)

        parts = {}
        for (name, mine), (_, theirs) in zip(self.of(cases)._parts(), other.of(cases)._parts(), strict=True):
            like = theirs if mine is None else mine
            parts[name] = None if like is None else torch.cat([rows(mine, like), rows(theirs, like)])
        return Condition(**parts)

    def drop(self, cases: Tensor) -> Condition:
        """Nothing given where ``cases`` (case,) is True: the unconditional cases of classifier-free guidance
        (Ho & Salimans 2022, algorithm 1)."""

        def missing(part: Tensor) -> Tensor:
            mask = cases.view(-1, *(1,) * (part.ndim - 1))
            return part.masked_fill(mask, torch.nan if part.is_floating_point() else NO_LABEL)

        return self._map(missing)

    def says(self) -> Tensor:
        """Whether anything is given, for each row, bool (case,)."""
        found = [
            (part != NO_LABEL) if name == "label" else ~torch.isnan(part.flatten(1)).all(1)
            for name, part in self._parts()
            if part is not None
        ]
        return torch.stack(found).any(0) if found else torch.zeros(1, dtype=torch.bool)

    def nothing(self) -> Condition:
        """One row with the same parts, all of them missing."""
        return self._map(lambda part: torch.full_like(part[:1], torch.nan if part.is_floating_point() else NO_LABEL))

    def _parts(self) -> tuple[tuple[str, Tensor | None], ...]:
        return ("label", self.label), ("vector", self.vector), ("signal", self.signal)

    def _map(self, change: Callable[[Tensor], Tensor]) -> Condition:
        return Condition(**{name: None if part is None else change(part) for name, part in self._parts()})


def _kind(x: Tensor) -> str:
    return f"{str(x.dtype).removeprefix('torch.')} of shape {tuple(x.shape)}"
