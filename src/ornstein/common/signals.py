"""Signals: what a file of recordings becomes, with the names and units that must survive every step."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
import torch
from torch import Tensor

from ornstein.common import checks
from ornstein.common.errors import InputError, counted, listed
from ornstein.common.times import rising

_SLOW = 0.1
"""Samples per second below which seconds per sample are easier to read."""


@dataclass(frozen=True, eq=False)
class Signals:
    """A batch of signals of one length.

    values    (case, channel, time); NaN means "not observed"
    rate      samples per second in Hz, or None where time has no unit
    channels  one name per channel
    units     one unit per channel, such as "mV"; "" where unknown. Blanks around names and units are cut off.
    labels    the class of each case, numbers or words, where a reader found one; -1 or "" where it is not known
    times     the moment of every sample (time,) in seconds, the same for all cases, where they are not evenly spaced; there is no rate then
    notes     what a reader assumed or left out, a sentence each; ``summary`` says them after the shape

    Raises ``InputError`` when the shapes, names and units do not agree, or values are infinite.
    """

    values: Tensor
    rate: float | None = None
    channels: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    labels: tuple[int, ...] | tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    times: Tensor | None = None

    def __post_init__(self) -> None:
        # a file may hold any finite number; what squares its signals refuses those that are too large
        dtype = _float_dtype(self.values)
        values = checks.tensor(self.values, "values", ndim=(3,), missing=True, dtype=dtype, largest=math.inf)
        if 0 in values.shape:
            raise InputError(f"values is empty {tuple(values.shape)}, but must hold at least one case, channel and time step")
        n_channels = values.shape[1]
        channels = _words(self.channels, "channels") or tuple(f"ch{i}" for i in range(n_channels))
        units = _words(self.units, "units") or ("",) * n_channels
        for name, entries in (("channels", channels), ("units", units)):
            if len(entries) != n_channels:
                raise InputError(f"{name} has {len(entries)} entries, but values has {n_channels} channels: give one per channel")
        labels = _classes(self.labels)
        if labels and len(labels) != len(values):
            raise InputError(f"labels has {len(labels)} entries, but values has {len(values)} cases: give one per case")
        rate = None if self.rate is None else checks.positive(self.rate, "rate")
        if rate is not None and self.times is not None:
            raise InputError(f"rate is {rate:g}, but the samples have times of their own: leave one of the two out")
        if self.times is not None:
            object.__setattr__(self, "times", rising(self.times, values.shape[2]))
        for field, value in (("values", values), ("channels", channels), ("units", units), ("labels", labels), ("rate", rate)):
            object.__setattr__(self, field, value)

    def __len__(self) -> int:
        return self.values.shape[0]

    def __repr__(self) -> str:
        return f"Signals({self.summary()})"

    def summary(self) -> str:
        """What is here in one line: "20 cases of 2 channels Fz, Cz [µV], 1000 samples at 250 Hz; `time` is the clock"."""
        signals, length, *more = self.parts()
        return "; ".join([f"{signals}, {length}", *more])

    def parts(self) -> tuple[str, ...]:
        """The parts of ``summary``: the cases and channels, their length, what is missing, the labels, and the notes."""
        cases, channels, length = self.shape
        units = list(dict.fromkeys(self.units))
        names = [f"{name} [{unit}]" if unit and len(units) > 1 else name for name, unit in zip(self.channels, self.units, strict=True)]
        shown = listed(names, 6) + (f" [{units[0]}]" if len(units) == 1 and units[0] else "")
        at = "" if self.rate is None else f" at {self.rate:.6g} Hz" if self.rate >= _SLOW else f", one every {1 / self.rate:.6g} s"
        if self.times is not None:
            at = f" at uneven times over {float(self.times[-1] - self.times[0]):.6g} s"
        gaps = int(torch.isnan(self.values).sum())
        missing = [f"{gaps} of {self.values.numel()} values are missing"] if gaps else []
        kinds = [f"{label} × {count}" for label, count in Counter(self.labels).items()]
        labels = [f"labels {listed(kinds, 6)}"] if kinds else []
        signals = f"{counted(cases, 'case')} of {counted(channels, 'channel')} {shown}"
        return (signals, f"{counted(length, 'sample')}{at}", *missing, *labels, *self.notes)

    def __getitem__(self, cases: slice | list[int] | Tensor | int) -> Signals:
        """The chosen cases, always as a batch."""
        if isinstance(cases, int | np.integer) or (isinstance(cases, Tensor) and cases.ndim == 0):
            case = int(cases)
            if not -len(self) <= case < len(self):
                raise InputError(f"case is {case}, but there are {len(self)} cases: choose 0 to {len(self) - 1}")
            cases = [case]
        chosen = torch.arange(len(self))[cases].tolist() if self.labels else []
        labels = tuple(self.labels[i] for i in chosen)
        return replace(self, values=self.values[cases], labels=labels)

    def __iter__(self) -> Iterator[Signals]:
        return (self[i] for i in range(len(self)))

    @property
    def shape(self) -> tuple[int, ...]:
        """(case, channel, time)."""
        return tuple(self.values.shape)

    def with_values(self, values: Tensor) -> Signals:
        """The same names, units and rate around other values of shape (case, channel, time)."""
        same = len(values) == len(self)
        return replace(self, values=values, labels=self.labels if same else (), notes=self.notes if same else ())

    def resampled(self, rate: float) -> Signals:
        """The same signals at ``rate`` samples per second, for a model of that rate; resample recordings before they are cut.

        Raises ``InputError`` for signals whose rate is not known, gaps, and rates that are no simple ratio (a / b with b up to 1000).
        """
        rate = checks.positive(rate, "rate")
        if self.times is not None:
            raise InputError("the samples are not evenly spaced, so they cannot be resampled: put them on a grid first, NaN between")
        if self.rate is None:
            raise InputError("the signals have no rate, so they cannot be resampled: give it, rate=")
        if bool(torch.isnan(self.values).any()):
            raise InputError("the signals have gaps, and resampling would spread them: impute them first")
        ratio = Fraction(rate / self.rate).limit_denominator(1000)
        if ratio == 0 or abs(float(ratio) * self.rate / rate - 1) > 1e-6:
            raise InputError(f"{self.rate:g} Hz and {rate:g} Hz are not in a simple ratio: resample with a tool of your own")
        return replace(self, values=_resampled(self.values, ratio.numerator, ratio.denominator), rate=rate)

    def windows(self, window: int, hop: int | None = None) -> Signals:
        """Each case cut into windows of ``window`` samples, one every ``hop`` samples (default: ``window``, no overlap).

        A window has the label of its case. A rest shorter than a window at the end is left out. Raises ``InputError`` when a
        window is longer than the signals.
        """
        if self.times is not None:
            raise InputError(
                "the samples are not evenly spaced, so they cannot be cut into windows of one law: put them on a grid first, NaN between, "
                "or pass rate= (--rate), which counts them evenly"
            )
        length = self.values.shape[2]
        window = checks.count(window, "window")
        hop = checks.count(window if hop is None else hop, "hop")
        if window > length:
            raise InputError(f"window is {window} samples, but the signals have only {length}: choose a window of at most {length}")
        cut = self.values.unfold(2, window, hop)
        case, channel, pieces, _ = cut.shape
        labels = tuple(label for label in self.labels for _ in range(pieces))
        values = cut.permute(0, 2, 1, 3).reshape(case * pieces, channel, window)
        return replace(self, values=values, labels=labels)  # type: ignore[arg-type]  # numbers or words, as before


def _resampled(values: Tensor, up: int, down: int) -> Tensor:
    """values (..., time) at up / down times their rate: a zero-phase low-pass filter below both Nyquist frequencies, by polyphase parts."""
    from scipy.signal import resample_poly  # heavy to import, and needed only here

    return torch.from_numpy(resample_poly(values.numpy(), up, down, axis=-1, padtype="line"))


def _words(words: str | Sequence[str], name: str) -> tuple[str, ...]:
    """A single word stands for one channel: taken apart, "ECG" would name three."""
    found = (words,) if isinstance(words, str) else tuple(words)
    if not all(isinstance(word, str) for word in found):
        raise InputError(f"{name} is {words!r}, but must hold one word per channel")
    return tuple(word.strip() for word in found)


def _classes(labels: object) -> tuple[int, ...] | tuple[str, ...]:
    """Labels of any kind of sequence, a tensor or an array too, as a tuple."""
    given = labels.tolist() if isinstance(labels, Tensor | np.ndarray | np.generic) else labels
    if isinstance(given, str) or not isinstance(given, Sequence):
        raise InputError(f"labels is {checks.shown(given)}, but must be a sequence of numbers or words, one per case")
    return tuple(given)


def _float_dtype(values: object) -> torch.dtype:
    """Keep float32 recordings as they are; everything else becomes float64."""
    dtype = getattr(values, "dtype", None)
    return torch.float32 if str(dtype).endswith("float32") else torch.float64
