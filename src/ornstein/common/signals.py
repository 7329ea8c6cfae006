"""Signals: what a file of recordings becomes, with the names and units that must survive every step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from ornstein.common import checks
from ornstein.common.errors import InputError


@dataclass(frozen=True, eq=False)
class Signals:
    """A batch of signals of one length.

    values    (case, channel, time); NaN means "not observed"
    rate      samples per second in Hz, or None where time has no unit
    channels  one name per channel
    units     one unit per channel, such as "mV"; "" where unknown. Blanks around names and units are cut off.

    Raises ``InputError`` when the shapes, names and units do not agree, or values are infinite.
    """

    values: Tensor
    rate: float | None = None
    channels: tuple[str, ...] = ()
    units: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        values = checks.tensor(self.values, "values", ndim=(3,), missing=True, dtype=_float_dtype(self.values))
        if 0 in values.shape:
            raise InputError(f"values is empty {tuple(values.shape)}, but must hold at least one case, channel and time step")
        n_channels = values.shape[1]
        channels = _words(self.channels, "channels") or tuple(f"ch{i}" for i in range(n_channels))
        units = _words(self.units, "units") or ("",) * n_channels
        for name, entries in (("channels", channels), ("units", units)):
            if len(entries) != n_channels:
                raise InputError(f"{name} has {len(entries)} entries, but values has {n_channels} channels: give one per channel")
        rate = None if self.rate is None else checks.positive(self.rate, "rate")
        for field, value in (("values", values), ("channels", channels), ("units", units), ("rate", rate)):
            object.__setattr__(self, field, value)

    def __len__(self) -> int:
        return self.values.shape[0]

    def __getitem__(self, cases: slice | list[int] | Tensor | int) -> Signals:
        """The chosen cases, always as a batch."""
        if isinstance(cases, int | np.integer) or (isinstance(cases, Tensor) and cases.ndim == 0):
            case = int(cases)
            if not -len(self) <= case < len(self):
                raise InputError(f"case is {case}, but there are {len(self)} cases: choose 0 to {len(self) - 1}")
            cases = [case]
        return replace(self, values=self.values[cases])

    def __iter__(self) -> Iterator[Signals]:
        return (self[i] for i in range(len(self)))

    @property
    def shape(self) -> tuple[int, ...]:
        """(case, channel, time)."""
        return tuple(self.values.shape)

    def with_values(self, values: Tensor) -> Signals:
        """The same names, units and rate around other values of shape (case, channel, time)."""
        return replace(self, values=values)

    def windows(self, window: int, hop: int | None = None) -> Signals:
        """Each case cut into windows of ``window`` samples, one every ``hop`` samples (default: ``window``, no overlap).

        A rest shorter than a window at the end is left out. Raises ``InputError`` when a window is longer than the signals.
        """
        length = self.values.shape[2]
        window = checks.count(window, "window")
        hop = checks.count(window if hop is None else hop, "hop")
        if window > length:
            raise InputError(f"window is {window} samples, but the signals have only {length}: choose a window of at most {length}")
        cut = self.values.unfold(2, window, hop)
        case, channel, pieces, _ = cut.shape
        return replace(self, values=cut.permute(0, 2, 1, 3).reshape(case * pieces, channel, window))


def _words(words: str | Sequence[str], name: str) -> tuple[str, ...]:
    """A single word stands for one channel: taken apart, "ECG" would name three."""
    found = (words,) if isinstance(words, str) else tuple(words)
    if not all(isinstance(word, str) for word in found):
        raise InputError(f"{name} is {words!r}, but must hold one word per channel")
    return tuple(word.strip() for word in found)


def _float_dtype(values: object) -> torch.dtype:
    """Keep float32 recordings as they are; everything else becomes float64."""
    dtype = getattr(values, "dtype", None)
    return torch.float32 if str(dtype).endswith("float32") else torch.float64
