"""Recordings cut into cases: windows one after another, or around events, with their labels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from ornstein.common import checks
from ornstein.common.errors import InputError, counted, listed
from ornstein.common.signals import Signals
from ornstein.data.classes import Labels, typed
from ornstein.data.loaded import Event


@dataclass(frozen=True)
class Around:
    """Which events to cut at, and how many seconds ``before`` and ``after`` them to keep."""

    events: tuple[str, ...]
    before: float
    after: float | None


def windows(x: Signals, window: int, hop: int | None) -> Signals:
    """``Signals.windows`` without the windows in which nothing was observed."""
    cut = x.windows(window, hop)
    seen = ~torch.isnan(cut.values).all(dim=2).all(dim=1)
    if bool(seen.all()) or not bool(seen.any()):
        return cut
    note = f"{counted(int((~seen).sum()), 'window')} without any value left out"
    return replace(cut[seen.nonzero().flatten().tolist()], notes=(*cut.notes, note))


def around_events(x: Signals, found: Sequence[Event], wanted: Around, window: int | None, where: Path | str) -> Signals:
    """One case per event: its samples from ``before`` to ``after`` seconds around it, labelled with its name.

    The case of an event at sample s is round(s - before * rate) and the following ones, round((before + after) * rate) or ``window`` of
    them. Events too close to an end are left out, which is said. Raises ``InputError`` for names that do not occur.
    """
    counts = Counter(event.name for event in found)
    if not counts:
        raise InputError(f"events is {listed(wanted.events)!r}, but {where} holds no events: cut it with window= (--window)")
    for name in wanted.events:
        if name != "all" and name not in counts:
            raise InputError(f"events asks for {name!r}, but {where} has the events {events_listed(found)}")
    if x.rate is None:
        raise InputError(f"events needs a sampling rate to place them, which {where} does not tell: pass rate= (--rate)")
    before = checks.real(wanted.before, "before")
    length = window
    if wanted.after is not None:
        length = round((before + checks.real(wanted.after, "after")) * x.rate)
    if length is None or length < 1:
        raise InputError("events needs the seconds to keep after each: give after= (--after), at least one sample more than -before")
    chosen = [event for event in found if "all" in wanted.events or event.name in wanted.events]
    starts = [(event.case, round(event.start - before * x.rate), event.name) for event in chosen]
    inside = [(case, start, name) for case, start, name in starts if start >= 0 and start + length <= x.shape[2]]
    if not inside:
        raise InputError(f"none of {counted(len(chosen), 'event')} in {where} has {length} samples around it: shorten before and after")
    notes = [f"each case is {before:g} s before to {length / x.rate - before:g} s after an event"]
    if len(inside) < len(starts):
        notes.append(f"{counted(len(starts) - len(inside), 'event')} too close to an end left out")
    values = torch.stack([x.values[case, :, start : start + length] for case, start, _ in inside])
    labels = typed([name for _, _, name in inside])
    return replace(x, values=values, labels=tuple(labels), notes=(*x.notes, *notes))  # type: ignore[arg-type]  # numbers or words


def events_listed(found: Sequence[Event]) -> str:
    """The names of events and how often each occurs."""
    return listed([f"{name} × {count}" for name, count in Counter(event.name for event in found).items()], 6)


def labelled(x: Signals, classes: npt.NDArray[Any], asked: bool, window: int | None, hop: int | None, where: Path | str) -> Signals:
    """``x`` with the class of each case, given that of every sample, or of every case, before the windows were cut.

    A class that changes within a case is no label: refused if it was asked for, left out with a note otherwise.
    """
    names = sorted({str(word) for word in classes.ravel()})
    codes = torch.tensor(np.searchsorted(names, classes.astype(str)), dtype=torch.float64)[:, None]
    if classes.shape[1] > 1 and window is not None:
        codes = Signals(codes).windows(window, hop).values
    elif classes.shape[1] == 1 and window is not None:
        codes = codes.repeat_interleave(len(x) // len(codes), 0)
    changes = (codes != codes[:, :, :1]).any(dim=2).flatten()
    if bool(changes.any()):
        case = int(changes.nonzero()[0])
        if asked:
            raise InputError(f"labels changes within case {case} of {where}, but a label is one value per case: cut shorter windows")
        return replace(x, notes=(*x.notes, "labels that change within a case are left out"))
    originals = {str(word): word for word in classes.ravel()}
    labels: Labels = typed([originals[names[int(code)]] for code in codes[:, 0, 0]])
    return replace(x, labels=tuple(labels))  # type: ignore[arg-type]  # numbers or words
