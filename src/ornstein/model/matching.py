"""Signals brought into the channels, order and units of a model, and back: names are looked at, never positions alone."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from ornstein.common.errors import InputError, counted, listed
from ornstein.common.signals import Signals
from ornstein.common.times import same
from ornstein.common.units import conversion

SAME_RATE = 1e-3
"""Relative difference up to which two rates are one: clocks are read from time stamps."""


class Matching(NamedTuple):
    """How signals of some names and units become those of a model, whatever their values.

    order            the model's channels as numbers of the signals' channels; None where all of them stand as they do in the model
    factor, offset   (channel, 1): a value in the model's units is factor * value + offset
    """

    order: Tensor | None
    factor: Tensor
    offset: Tensor

    @property
    def converts(self) -> bool:
        """Whether any value changes."""
        return bool((self.factor != 1).any() or (self.offset != 0).any())


@dataclass(frozen=True, eq=False)
class Matched:
    """Values (case, channel, time) of signals as a model knows them, and the way back.

    own      the same values as they came
    chosen   the model's channels, as numbers of the signals' channels
    factor, offset   (channel, 1): a value of the model is factor * value + offset of the signals
    """

    values: Tensor
    own: Tensor
    chosen: Tensor
    factor: Tensor
    offset: Tensor

    @classmethod
    def of(cls, x: Signals, channels: tuple[str, ...], units: tuple[str, ...], rate: float | None, times: Tensor | None = None) -> Matched:
        """The signals as a model with these channels, units and rate takes them.

        Channels are found by name in any order, and those that the model does not know are left out, with a warning; generic names
        (ch0, ch1, ...) and models without names are matched by position. Units of one dimension are converted; a unit that only one
        of the two states is assumed to be the other's, with a warning. Raises ``InputError`` for channels that are missing, units
        that do not convert, another rate, and samples at other times.
        """
        found = matching(x, channels, units, rate, times)
        own = (x.values if found.order is None else x.values[:, found.order]).to(torch.float64)
        values = found.factor * own + found.offset if found.converts else own
        order = torch.arange(own.shape[1]) if found.order is None else found.order
        return cls(values, own, order, found.factor, found.offset)

    def back(self, filled: Tensor) -> Tensor:
        """Filled signals (draw, case, *event) of the model in the order and units of the signals; what was there is as it was."""
        draws = filled.view(len(filled), *self.own.shape)
        own = self.own[:, self.chosen.argsort()]
        return torch.where(torch.isnan(own), self.outward(draws), own).view(filled.shape)

    def outward(self, values: Tensor) -> Tensor:
        """Values (draw, case, *lead, time) of the model in the order and units of the signals."""
        found = values.view(*values.shape[:2], len(self.chosen), -1)
        return ((found - self.offset) / self.factor)[:, :, self.chosen.argsort()].view(values.shape)


def matching(x: Signals, channels: tuple[str, ...], units: tuple[str, ...], rate: float | None, times: Tensor | None = None) -> Matching:
    """The names and units of x beside those of a model. Warns and raises as ``Matched.of`` says."""
    _refuse_other_times(x, rate, times)
    if rate is not None and x.rate is not None and abs(x.rate - rate) > SAME_RATE * rate:
        raise InputError(
            f"x is sampled at {x.rate:g} Hz, but the model at {rate:g} Hz: resample it first, x.resampled({rate:g}) (--resample {rate:g})"
        )
    chosen = _chosen(x.channels, channels, len(x) == 1)
    factor, offset = _converted([x.units[k] for k in chosen], units or ("",) * len(chosen), [x.channels[k] for k in chosen])
    return Matching(None if chosen == list(range(len(x.channels))) else torch.tensor(chosen), factor, offset)


def _refuse_other_times(x: Signals, rate: float | None, times: Tensor | None) -> None:
    """Samples at uneven times are those of the model, or the model holds even ones; where neither tells, positions count."""
    if x.times is not None and times is None:
        kind = f"sampled at {rate:g} Hz" if rate else "evenly sampled"
        raise InputError(f"x has samples at uneven times, but the model holds signals that are {kind}: put x on its grid, NaN between")
    if times is not None and (x.rate is not None or (x.times is not None and not same(x.times, times))):
        raise InputError(
            f"x has samples at other times than the {len(times)} of this model: fit a model to the times of x, or put x on these times, "
            "with NaN where it has no sample"
        )


def _chosen(given: tuple[str, ...], wanted: tuple[str, ...], single: bool) -> list[int]:
    """Where each channel of the model is among those given; ``single``: there is one case, which may be a table read the other way."""
    if not wanted or _generic(wanted) or _generic(given):
        count = len(wanted) or len(given)
        if count == len(given):
            return list(range(count))
        if not _generic(wanted):
            raise InputError(f"x has {len(given)} channels without names, but the model has {count}: {listed(wanted)}: give them names")
        found = f"x has {counted(len(given), 'channel')}, {listed(given)}, but the model has {count}"
        if single:
            raise InputError(f"{found}: give as many, or, if each row of the table is a case, read it with orient='rows' (--orient rows)")
        raise InputError(f"{found}: give as many")
    if missing := [name for name in wanted if name not in given]:
        raise InputError(
            f"x has the channels {listed(given)}, but the model needs {listed(missing)} too: give them, or rename the channels"
        )
    for name in wanted:
        if given.count(name) > 1:
            raise InputError(f"x has {given.count(name)} channels called {name}, so it is not clear which the model means: rename them")
    if extra := [name for name in given if name not in wanted]:
        _say(f"the model does not know the channels {listed(extra)}: they are left out")
    return [given.index(name) for name in wanted]


def _converted(given: list[str], wanted: tuple[str, ...], channels: list[str]) -> tuple[Tensor, Tensor]:
    """(factor, offset), (channel, 1) each."""
    found, assumed = [], []
    for name, old, new in zip(channels, given, wanted, strict=True):
        if not old and new:
            assumed.append(f"{name} [{new}]")
        step = conversion(old or new, new or old)
        if step is None:
            raise InputError(f"{name} is in {old}, but the model in {new}, and one is not known to convert to the other: convert it first")
        found.append(step)
    if assumed:
        _say(f"x states no units, so those of the model are assumed: {listed(assumed)}")
    factor, offset = torch.tensor(found, dtype=torch.float64).T
    return factor.unsqueeze(-1), offset.unsqueeze(-1)


def _generic(channels: tuple[str, ...]) -> bool:
    return channels == tuple(f"ch{k}" for k in range(len(channels)))


def _say(sentence: str) -> None:
    warnings.warn(sentence, UserWarning, stacklevel=6)
