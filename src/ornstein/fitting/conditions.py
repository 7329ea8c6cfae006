"""Labels, numbers and other signals that a model is told, from the user's units to those a network sees."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ornstein.common import checks
from ornstein.common.errors import InputError, unknown_name
from ornstein.common.signals import Signals
from ornstein.data.classes import refuse_merging
from ornstein.fitting.scaling import Scaler
from ornstein.nets import Condition
from ornstein.nets.condition import NO_LABEL

_NAMED = 30
"""Class names that an error lists; where there are more it gives the range of numbers."""


@dataclass(frozen=True, eq=False)
class Conditions:
    """What the signals of a model were told apart by.

    classes  how many classes; 0 without labels
    names    their names in the order of their numbers, where labels were words, or numbers other than 0, 1, 2, ...; otherwise ()
    vector   standardisation of the numbers of a case, entry by entry; None without
    signal   standardisation of the other signal, channel by channel; None without
    assumed  what was taken for granted when the labels were read, in one line; "" for nothing
    """

    classes: int = 0
    names: tuple[str, ...] = ()
    vector: Scaler | None = None
    signal: Scaler | None = None
    assumed: str = field(default="", compare=False)

    @classmethod
    def fit(cls, labels: object, condition: object, cases: int) -> tuple[Conditions, Condition]:
        """(the conditions, those of every case as a network sees them) from what ``ornstein.fit`` was given.

        labels     class numbers or words (case,); NaN or "" where a case has none, and -1 beside a class 0. Classes are those that
                   occur: {-1, 1} are two classes, and {0, 2} have no class 1
        condition  a ``Condition``, or one array: whole numbers (case,) are labels, numbers (case,) or (case, k) a vector, (case, channel,
                   *spatial) or ``Signals`` another signal; NaN where one is missing

        Raises ``InputError`` for other shapes, another number of cases, labels that are no whole numbers, and entries never given.
        """
        label, vector, signal = _parts(labels, condition)
        for name, part in (("labels" if labels is not None else "condition", label), ("condition", vector), ("condition", signal)):
            if part is not None and len(part) != cases:
                raise InputError(f"{name} has {len(part)} entries, but x has {cases} cases: give one per case")
        names: tuple[str, ...] = ()
        assumed, numbers, most = "", None, 0
        if label is not None:
            names, assumed = _classes(label)
            numbers = _numbers(label, names)
            most = len(names) or int(numbers.max()) + 1
        found = cls(most, names, _scaler(vector, "feature"), _scaler(signal, "channel"), assumed)
        return found, found._scaled(numbers, vector, signal)

    def given(self, label: object = None, condition: object = None, cases: int = 1) -> Condition | None:
        """One condition for all signals (one row), or one for each of ``cases``, in the user's units; None where nothing is given.

        The axis of cases may be left out. Raises ``InputError`` for a part that the model was fitted without, and for classes, shapes
        or numbers of cases that do not fit.
        """
        if label is None and condition is None:
            return None
        label_, vector, signal = _parts(label, _with_cases(condition, self.vector, self.signal))
        for what, part, known in (("labels", label_, self.classes), ("a vector", vector, self.vector), ("a signal", signal, self.signal)):
            if part is not None and not known:
                raise InputError(f"the condition holds {what}, but the model was fitted without: leave it out, or fit again with it")
        for part, scaler in ((vector, self.vector), (signal, self.signal)):
            if part is not None and scaler is not None and part.shape[1:] != scaler.centre.shape:
                raise InputError(f"condition has shape {tuple(part.shape)}, but the model takes (case, {_list(scaler.centre.shape)})")
        numbers = None
        if label_ is not None:
            numbers = _numbers(label_, self.names)
            if int(numbers.max()) >= self.classes:
                raise InputError(f"label is {int(numbers.max())}, but the model knows {self.described()}")
        found = self._scaled(numbers, vector, signal)
        rows = next(len(part) for part in (found.label, found.vector, found.signal) if part is not None)
        if rows not in (1, cases):
            raise InputError(f"the condition has {rows} rows, but {cases} signals were asked for: give one row, or one per signal")
        return found

    def described(self) -> str:
        """The classes in words."""
        if 0 < len(self.names) <= _NAMED:
            return f"the classes {', '.join(self.names)}"
        return "one class, 0" if self.classes == 1 else f"classes 0 to {self.classes - 1}"

    def _scaled(self, label: Tensor | None, vector: Tensor | None, signal: Tensor | None) -> Condition:
        if vector is not None and self.vector is not None:
            vector = self.vector.encode(vector)
        if signal is not None and self.signal is not None:
            signal = self.signal.encode(signal)
        return Condition(label, vector, signal)


def _parts(labels: object, condition: object) -> tuple[Any, Tensor | None, Tensor | None]:
    """(labels as a NumPy array (case,), vector, signal), each None where it is missing, with an axis of cases."""
    label: object = labels
    vector: object = None
    signal: object = None
    if isinstance(condition, Condition):
        if condition.label is not None and labels is not None:
            raise InputError("labels are given twice, as labels and inside condition: leave one out")
        label = condition.label if condition.label is not None else labels
        vector, signal = condition.vector, condition.signal
    elif isinstance(condition, Signals):
        signal = condition.values
    elif condition is not None:
        array = np.asarray(condition.cpu() if isinstance(condition, Tensor) else condition)
        whole = array.ndim == 1 and array.dtype.kind in "iuUO"
        if whole and labels is not None:
            raise InputError("condition holds labels, but labels are given as well: leave one out")
        if whole:
            label = array
        elif array.ndim in (1, 2):
            vector = array.reshape(len(array), -1)
        elif array.ndim in (3, 4):
            signal = array
        else:
            raise InputError(f"condition has shape {array.shape}, but must be (case,), (case, k) or (case, channel, time)")
    return (
        None if label is None else _label(label),
        None if vector is None else checks.tensor(vector, "condition", missing=True),
        None if signal is None else checks.tensor(signal, "condition", missing=True),
    )


def _label(labels: object) -> Any:
    """Labels as a NumPy array (case,), of words or numbers."""
    if isinstance(labels, list | tuple) or (isinstance(labels, np.ndarray) and labels.dtype.kind == "O" and labels.ndim == 1):
        refuse_merging(list(labels))
    array = np.asarray(labels.cpu() if isinstance(labels, Tensor) else labels)
    array = array.reshape(1) if array.ndim == 0 else array
    if array.ndim != 1 or not len(array):
        raise InputError(f"labels has shape {array.shape}, but must be (case,): one class per case")
    if array.dtype.kind == "O":
        array = np.asarray(["" if word is None else str(word) for word in array])
    if array.dtype.kind not in "iufUb":
        raise InputError(f"labels holds {array.dtype} values, but must hold whole numbers or words")
    return array


def _classes(label: Any) -> tuple[tuple[str, ...], str]:
    """(names of the classes, what was assumed) of labels (case,); no names where they are the numbers 0, 1, ..., K - 1."""
    if label.dtype.kind == "U":
        words = {str(word) for word in label} - {""}
        if not words:
            raise InputError("labels holds no class at all: leave labels out")
        return tuple(sorted(words)), ""
    values = _whole(label)
    found = sorted({int(v) for v in values[~torch.isnan(values)].tolist()})
    unknown, assumed = NO_LABEL in found and 0 in found, ""
    if unknown:
        found.remove(NO_LABEL)
        assumed = f"labels holds {NO_LABEL} beside 0: these {int((values == NO_LABEL).sum())} cases count as without a class"
    elif NO_LABEL in found and len(found) > 1:
        assumed = f"labels holds {NO_LABEL}, and no 0: it counts as a class of its own, and NaN would mean that none is known"
    if not found or found == [NO_LABEL]:
        raise InputError("labels holds no class at all: leave labels out")
    return () if found == list(range(len(found))) else tuple(map(str, found)), assumed


def _whole(label: Any) -> Tensor:
    """Numbers (case,) in float64, NaN where there is none. Raises ``InputError`` for fractions, infinities and what float64 rounds."""
    values = torch.from_numpy(label.astype(np.float64))
    wrong = ~torch.isnan(values) & ((values != values.round()) | (values.abs() > 1 << 53))
    if bool(wrong.any()):
        first = int(wrong.nonzero()[0])
        raise InputError(f"labels holds {values[first].item():g} (case {first}), but must hold whole numbers or words, one class per case")
    return values


def _numbers(label: Any, names: tuple[str, ...]) -> Tensor:
    """Class numbers (case,), int64. Where all names are whole numbers, a number means the class of that name."""
    if label.dtype.kind == "U":
        if not names:
            raise InputError(f"label is {str(label[0])!r}, but the model has classes without names: give their numbers")
        for word in label:
            if word and word not in names:
                raise unknown_name("label", str(word), names)
        return torch.tensor([names.index(str(word)) if word else NO_LABEL for word in label])
    values = _whole(label)
    if names and all(name.removeprefix("-").isdecimal() for name in names):
        return torch.tensor([_named(value, names) for value in values.tolist()])
    values = values.nan_to_num(NO_LABEL)
    if bool((values < NO_LABEL).any()):
        first = int((values < NO_LABEL).nonzero()[0])
        raise InputError(f"labels holds {values[first].item():g} (case {first}), but must hold class numbers 0, 1, 2, ..., or -1 for none")
    return values.to(torch.int64)


def _named(value: float, names: tuple[str, ...]) -> int:
    """The number of the class with a whole number for a name; NaN, and -1 where no class has that name, are none."""
    if math.isnan(value) or (value == NO_LABEL and str(NO_LABEL) not in names):
        return NO_LABEL
    if str(int(value)) not in names:
        raise unknown_name("label", int(value), names)
    return names.index(str(int(value)))


def _with_cases(condition: object, vector: Scaler | None, signal: Scaler | None) -> object:
    """The condition with an axis of cases: a single vector or signal gets one of length 1."""
    if condition is None or isinstance(condition, Condition | Signals):
        return condition
    value = checks.tensor(condition, "condition", missing=True)
    for scaler in (vector, signal):
        if scaler is not None and value.shape == scaler.centre.shape:
            return value.unsqueeze(0)
    if vector is not None and value.ndim == 0:
        return value.view(1, 1)
    return value


def _scaler(part: Tensor | None, standardize: str) -> Scaler | None:
    if part is None:
        return None
    known = ~torch.isnan(part)
    never = ~(known.any(0) if standardize == "feature" else known.transpose(0, 1).flatten(1).any(1))
    if bool(never.any()):
        what = "entry" if standardize == "feature" else "channel"
        raise InputError(f"{what} {int(never.nonzero()[0])} of the condition is never given: leave it out")
    return Scaler.fit(part, standardize)


def _list(shape: tuple[int, ...]) -> str:
    return ", ".join(map(str, shape))
