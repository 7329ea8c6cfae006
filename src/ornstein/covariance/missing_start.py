"""What stands in the gaps before any law is known: straight lines in time, then means."""

from __future__ import annotations

import warnings

import torch
from torch import Tensor

from ornstein.common.errors import InputError

_BY_CHANCE = 0.01
_SHORTEST = 4


def is_series(event: tuple[int, ...]) -> bool:
    """Whether the last axis may be time."""
    return len(event) <= 2 and event[-1] >= _SHORTEST


def refuse_empty(x: Tensor) -> Tensor:
    """Raise ``InputError`` for a case or a channel without any observation, and for entries that no case observed, x (case, *event).

    Entries of a series that are missing by chance in each of a few cases pass; their numbers are returned. With a share p of all values
    missing, chance explains d p^n of them; where that is below 0.01 they were never measured.
    """
    observed, event = ~torch.isnan(x), tuple(x.shape[1:])
    flat = observed.flatten(1)
    n, d = flat.shape
    _refuse_any((~flat.any(1)).nonzero()[:, 0], "case", "cases")
    silent = (~observed.any(0).flatten(1).any(1)).nonzero()[:, 0] if len(event) > 1 else torch.zeros(0)
    if len(silent):
        raise InputError(f"channel {int(silent[0])} of x has no observed value: drop it")
    empty = (~flat.any(0)).nonzero()[:, 0]
    if not is_series(event) or d * float((~flat).double().mean()) ** n < _BY_CHANCE:
        _refuse_any(empty, "entry", "entries")
    return empty


def warn_of_unseen(empty: Tensor, entries: int) -> None:
    """Say that a law of every entry by itself was made for ``empty`` ones of all ``entries`` that no case observed."""
    if len(empty):
        warnings.warn(
            f"no case observed {len(empty)} of the {entries} entries of x, first entry {int(empty[0])}: what is known of them is guessed "
            "from their neighbours in time. Give more cases, or choose a structure that is steady in time, such as 'coregionalised'",
            UserWarning,
            stacklevel=2,
        )


def _refuse_any(empty: Tensor, what: str, plural: str) -> None:
    if len(empty):
        named = what if len(empty) == 1 else plural
        raise InputError(f"x has {len(empty)} {named} without any observed value, first at {int(empty[0])}: drop what has none")


def origin_of(x: Tensor, rows: bool) -> Tensor:
    """A value of every entry of x (case, *event), or with ``rows`` of every row in time, shape (*event): 0 where there is none.

    Without it, entries (or rows) that are constant are exactly 0.
    """
    values = x.movedim(-1, 1).flatten(0, 1).unsqueeze(-1).expand(-1, *x.shape[1:]) if rows else x
    return torch.nan_to_num(values.nanmedian(0).values)


def interpolated(x: Tensor) -> Tensor:
    """x (..., time) with straight lines in its gaps, constant beyond the first and the last value; a row of NaN stays one."""
    seen = ~torch.isnan(x)
    before, after = neighbours(seen)
    left, right = torch.where(before < 0, after, before), torch.where(after >= x.shape[-1], before, after)
    left, right = left.clamp(0, x.shape[-1] - 1), right.clamp(0, x.shape[-1] - 1)
    low, high = x.gather(-1, left), x.gather(-1, right)
    share = (torch.arange(x.shape[-1], device=x.device) - left).to(x) / (right - left).clamp_min(1)
    return torch.where(seen, x, low + share * (high - low))


def neighbours(seen: Tensor) -> tuple[Tensor, Tensor]:
    """The last time seen up to each, and the first from each on; -1 and the length where there is none."""
    length = seen.shape[-1]
    time = torch.arange(length, device=seen.device)
    before = torch.where(seen, time, torch.full_like(time, -1)).cummax(-1).values
    after = torch.where(seen, time, torch.full_like(time, length)).flip(-1).cummin(-1).values.flip(-1)
    return before, after


def started(x: Tensor, means: Tensor | None = None, *, lines: bool = True) -> Tensor:
    """x (case, *event) with no gap: straight lines along the last axis; where a whole row is missing, or without ``lines``, the
    ``means`` (*event) of the entries (default: those of x, and 0 for a row that no case shows, as a part of the cases may not)."""
    means = torch.nan_to_num(interpolated(x.nanmean(0))) if means is None else means
    filled = interpolated(x) if lines else x
    return torch.where(torch.isnan(filled), means, filled)
