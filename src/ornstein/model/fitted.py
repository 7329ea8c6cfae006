"""What a model consists of, and how signals become its numbers: what every door of it stands on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

import ornstein.posterior
from ornstein.common import checks
from ornstein.common.errors import InputError
from ornstein.common.signals import Signals
from ornstein.correction.correction import Correction
from ornstein.data.read import recognised
from ornstein.denoisers import Denoiser, Gaussian, Law, Mixture
from ornstein.fitting.conditions import Conditions
from ornstein.fitting.guide import guide as fitted_guide
from ornstein.fitting.held_out import Judge
from ornstein.fitting.scaling import Scaler
from ornstein.model.matching import Matched
from ornstein.samplers import Tuned
from ornstein.schedules import Schedule


@dataclass(frozen=True, eq=False)
class Asked:
    """Where the particles of a posterior come from: a model and its denoiser, all that it was given, and log p of all of it."""

    origin: Fitted
    law: Denoiser
    given: tuple[ornstein.posterior.Given, ...]
    log_evidence: Tensor


@dataclass(frozen=True, eq=False, repr=False)
class Fitted:
    """A law, its standardisation, and all that is known of the signals it was fitted to.

    law           the denoiser, in standardised coordinates
    scaler        the standardisation
    channels, units, rate   of the signals it was fitted on; () and None for plain arrays
    times         the moment of every sample (time,) in seconds, where they are not evenly spaced; None for even samples
    reference     sorted held-out log-densities;  reference_classes: the class of each, -1 where it is not known, None without classes
    judges        the laws fitted without one fold each, the basis of p-values; they are as large as the law, each
    log_evidence  log p(y) in nats of the measurement it was conditioned on
    conditions    what a network was told of each signal, and in which units; None without
    training      how a network was trained, in numbers and words; None for every other law
    moments_of    the Gaussian of the signals that a denoiser of someone else's was wrapped with; None for every other model
    bands         (channel, 3) ends of the 50, 80 and 90 % bands in gaps, in normal scores, as held-out gaps asked for; None without
    correction    what was learned of its quantiles in gaps; None without
    why           of a posterior: which method it was found by, and why, in one line; "" for every other model
    asked         of a posterior by particles: the model and all that was measured of it; None for every other model
    diagnostics   of a posterior by particles: error of its evidence, effective numbers, ancestors; None for every other model
    """

    law: Denoiser
    scaler: Scaler
    channels: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    rate: float | None = None
    reference: Tensor | None = None
    log_evidence: Tensor | None = None
    conditions: Conditions | None = None
    times: Tensor | None = field(default=None, kw_only=True)
    bands: Tensor | None = field(default=None, kw_only=True)
    correction: Correction | None = field(default=None, kw_only=True)
    training: Mapping[str, object] | None = None
    judges: tuple[Judge, ...] = ()
    diagnostics: ornstein.posterior.Twisted | None = None
    moments_of: Gaussian | None = None
    asked: Asked | None = None
    reference_classes: Tensor | None = field(default=None, kw_only=True)
    why: str = field(default="", kw_only=True)
    _tuned: dict[tuple[int, Schedule], Tuned] = field(default_factory=dict, init=False, repr=False)
    _looked: list[bool] = field(default_factory=list, init=False, repr=False)
    _guides: list[Gaussian | Mixture] = field(default_factory=list, init=False, repr=False)

    def __repr__(self) -> str:
        named = f", channels={', '.join(self.channels)}" if self.channels else ""
        return f"Model({self.law.described()}, event_shape={self.event_shape}{named})"

    @property
    def event_shape(self) -> tuple[int, ...]:
        """The shape of one signal."""
        return self.law.event_shape

    @property
    def exact(self) -> Law:
        """The law in standardised coordinates, for what only an analytic one can do. Raises ``InputError`` for any other denoiser."""
        if not isinstance(self.law, Law):
            raise InputError(
                f"this needs a law in closed form, but the model is a {self.law.described()}: fit 'gaussian' or 'mixture' to the same "
                "signals and ask that model"
            )
        return self.law

    @property
    def moments(self) -> Law:
        """The law whose mean and covariance are those of the signals: the law itself, or the Gaussian that a network stands on."""
        return self.law.reference or self.exact

    @property
    def known(self) -> Gaussian | None:
        """The Gaussian of the signals that a denoiser stands on, or was wrapped with."""
        return self.law.reference or self.moments_of

    def guide(self, device: torch.device | str | None = None) -> Gaussian | Mixture | None:
        """What guides the particles of a posterior, under any condition: fitted once; None where nothing is known of the signals."""
        if not self._guides:
            known = self.law.guide or self.moments_of
            if isinstance(known, Gaussian):
                known = fitted_guide(self.law.on(device), known)
            if known is None:
                return None
            self._guides.append(known)
        return self._guides[0]

    def signals(self, x: Tensor, like: Signals | None = None) -> Signals:
        """Values (case, *event) with this model's channel names, units and rate, ready for ``orn.write``.

        Filled signals keep those of the signals that had gaps, ``like``.
        """
        values = x.reshape(len(x), -1, x.shape[-1]) if x.ndim != 3 else x
        if like is None:
            return Signals(values, self.rate, self.channels, self.units, times=self.times)
        kept = sorted(Matched.of(like, self.channels, self.units, self.rate, self.times).chosen.tolist())
        names = tuple(like.channels[k] for k in kept), tuple(like.units[k] for k in kept)
        return Signals(values, like.rate or self.rate, *names, times=self.times)

    def signals_of(self, x: object) -> Tensor:
        """Signals, or what ``fit`` reads as such, as values (case, *event) in the channels and units of this model."""
        return self._signals(x)

    def series_of(self, x: object) -> Tensor:
        """x of any length in the channels, their order and the units of this model, (case, *lead, time); NaN is a gap.

        Raises ``InputError`` for other channels, and where the samples of the model are not evenly spaced.
        """
        if self.times is not None:
            raise InputError("the samples of this model are not evenly spaced, so it has no windows: fit one to even samples")
        matched = self._matched(x)
        values = checks.tensor(x if matched is None else matched.values, "x", missing=True)
        lead = self.event_shape[:-1]
        if matched is not None and not lead and values.shape[1] == 1:
            values = values[:, 0]
        if values.ndim != len(lead) + 2 or tuple(values.shape[1:-1]) != lead or not len(values):
            wanted = ", ".join(["case", *map(str, lead), "time"])
            raise InputError(f"x has shape {tuple(values.shape)}, but must be ({wanted}), at least one case")
        return values

    def _signals(self, x: object, *, missing: bool = False) -> Tensor:
        return self._values(self._matched(x) or x, missing)

    def _matched(self, x: object) -> Matched | None:
        """Signals, or what ``fit`` reads as such, in the channels and units of this model; None for plain arrays, which have no names."""
        found = recognised(x)
        return Matched.of(found, self.channels, self.units, self.rate, self.times) if isinstance(found, Signals) else None

    def _values(self, x: object, missing: bool, longer: bool = False) -> Tensor:
        """x as (case, *event), and with ``longer`` also as recordings of more times."""
        values = checks.tensor(x.values if isinstance(x, Matched) else x, "x", missing=missing)
        if isinstance(x, Matched) and len(self.event_shape) == 1 and values.shape[1] == 1:
            values = values[:, 0]
        lead, times = self.event_shape[:-1], self.event_shape[-1]
        recorded = longer and values.ndim == len(lead) + 2 <= 3 and tuple(values.shape[1:-1]) == lead and values.shape[-1] > times
        if tuple(values.shape[1:]) != self.event_shape and not (recorded and self.times is None):
            raise self._unlike(tuple(values.shape), isinstance(x, Matched))
        if not len(values):
            raise InputError("x holds no cases: give at least one")
        return values

    def _unlike(self, shape: tuple[int, ...], named: bool) -> InputError:
        """The error for cases of another shape; of ``named`` signals, and of channels, the last axis is time."""
        times, timed = self.event_shape[-1], self.times is None and (named or len(self.event_shape) == 2)
        if timed and len(shape) == 1 + len(self.event_shape) and shape[1:-1] == self.event_shape[:-1]:
            if shape[-1] > times:
                remedy = f"cut them, x.windows({times}) (--window {times})"
            else:
                remedy = "give longer ones, or fit a model to such signals"
            return InputError(f"x holds signals of {shape[-1]} samples, but this model those of {times}: {remedy}")
        wanted = ", ".join(map(str, self.event_shape))
        found = f"x has shape {shape}, but this model holds signals of shape (case, {wanted})"
        if named and shape[0] == 1:
            return InputError(f"{found}: if each row of the table is a case, read it with orient='rows' (--orient rows)")
        return InputError(found)
