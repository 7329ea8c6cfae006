"""Model: a law with its scaling, names and units, in the user's own numbers."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

import ornstein.posterior
from ornstein.common import checks, memory
from ornstein.common.errors import InputError
from ornstein.common.signals import Signals
from ornstein.covariance import Dense, Operator, Spectral
from ornstein.data.read import recognised
from ornstein.denoisers import Denoiser, Law
from ornstein.fitting.conditions import Conditions
from ornstein.fitting.curved_moments import curved_moments
from ornstein.fitting.held_out import Judge, p_value, ranked
from ornstein.fitting.scaling import Scaler, Stretched
from ornstein.likelihood import Density, bits_per_dim, log_density, probability
from ornstein.measurements import Measurement
from ornstein.model import imputing
from ornstein.model.drawing import PLAIN_SAMPLER, run_of, told, under
from ornstein.model.matching import Matched
from ornstein.model.methods import schedule_named
from ornstein.model.odd import surprise_map
from ornstein.model.saving import Saved, read, write
from ornstein.samplers import Sampler, Steps, Tuned, sample, tune
from ornstein.samplers.imputing import impute as fill_gaps
from ornstein.schedules import Schedule

_DENSE = 1024


class Surprise(NamedTuple):
    """-log_prob in nats per case, and the share of held-out cases at least as surprising (None without held-out cases)."""

    nats: Tensor
    p_value: Tensor | None


@dataclass(frozen=True, eq=False, repr=False)
class Model:
    """A fitted law in the user's units: what ``fit``, ``load`` and ``posterior`` return.

    Everything goes in and comes out as (case, *event) in the units of the data; standardisation happens inside, and every
    log-density includes its Jacobian. Frames, Raw, Epochs, xarrays and collections are read as by ``fit``. ``Signals`` are looked at:
    channels are found by name in any order, units are converted, and another rate is refused. A posterior is a Model too; given
    many y at once it holds one law per case.

    law           the denoiser, in standardised coordinates
    scaler        the standardisation
    channels, units, rate   of the signals it was fitted on; () and None for plain arrays
    reference     sorted held-out log-densities
    judges        the laws fitted without one fold each, the basis of p-values; they are as large as the law, each
    log_evidence  log p(y) in nats of the measurement it was conditioned on
    conditions    what a network was told of each signal, and in which units; None without
    training      how a network was trained, in numbers and words; None for every other law
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
    training: Mapping[str, object] | None = None
    judges: tuple[Judge, ...] = ()
    diagnostics: ornstein.posterior.Twisted | None = None
    _tuned: dict[tuple[int, Schedule], Tuned] = field(default_factory=dict, init=False, repr=False)

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

    def sample(
        self,
        cases: int,
        *,
        sampler: str | Sampler | Tuned | None = None,
        steps: Steps | None = None,
        schedule: str | Schedule = "vp",
        grid: str = "own",
        label: object = None,
        condition: object = None,
        guidance: float = 1.0,
        device: torch.device | str | None = None,
        seed: int | None = 0,
        first: int = 0,
    ) -> Tensor:
        """``cases`` new signals (cases, *event), numbered from ``first``; signal i under a seed is the same in any batch.

        Without ``sampler``, exact draws from an analytic law, and 50 steps of "exponential" with a network ("dpm++2m"
        where no Gaussian of the signals is known). With one, a run from noise:

        sampler    a name of ``ornstein.model.methods`` ("heun", "dpm++2m", "exponential", ...), an object, or what ``tune`` returned.
                   "auto" is ``tune`` with ``steps`` denoiser calls; the model remembers its answer
        steps      number of steps (default 50), or the times themselves: a ``Grid`` or a list from noise to data
        schedule   "vp", "cosine", "flow", "sigmoid", "ve", or an object
        grid       "own" (of the schedule), "uniform", "karras", "log-snr", or "spectral", laid for the eigenvalues of the law
        label, condition   what a network was trained with, in the units of ``fit``: for all signals, or one per signal
        guidance   w of D = D_all + w (D_condition - D_all): 1 is plain conditioning, more is closer to the condition and less varied
        device     where a network runs: "cpu", "cuda", ... (default: where it is; it stays there). The samples are on the CPU
        """
        checks.names(sampler=sampler, schedule=schedule, grid=grid, device=device, guidance=guidance)
        memory.drawn(cases, "cases", math.prod(self.event_shape), first=first)
        seed = checks.seed(seed)
        law = under(self.law, self.conditions, label, condition, guidance, cases, first=first, device=device)
        if sampler is None and isinstance(self.law, Law):
            if steps is not None:
                raise InputError(f"steps is {steps}, but without a sampler the draws are exact and take none: name a sampler")
            return self.scaler.decode(self.law.sample(cases, seed=seed, first=first))
        method, plan, times = run_of(self.law, sampler, steps, schedule, grid, self._tuned)
        drawn = sample(law, method, plan, times, cases, seed=seed, first=first, reference=self.law.reference)
        return self.scaler.decode(drawn.cpu())

    def tune(self, calls: int, *, schedule: str | Schedule = "vp", cases: int = 64, seed: int | None = 0) -> Tuned:
        """Sampler, order, grid and start of least error at ``calls`` denoiser calls, by trial: ``samplers.tune`` on this law.

        A network is measured without a condition; its reference is what the covariance-aware methods solve.
        """
        law = self.law.on()
        return tune(law, schedule_named(schedule), calls, reference=law.reference, cases=cases, seed=checks.seed(seed))

    def log_prob(self, x: object, *, label: object = None, condition: object = None) -> Tensor:
        """log density in nats per case, in the user's units; -inf outside the support of the law. Higher is more typical.

        Exact for an analytic law, otherwise the value of ``log_density``, which also says how far it may be off.
        """
        return self.log_density(x, label=label, condition=condition).value

    def log_density(
        self,
        x: object,
        *,
        method: str = "auto",
        error: float | None = None,
        label: object = None,
        condition: object = None,
        guidance: float = 1.0,
        device: torch.device | str | None = None,
        seed: int | None = 0,
    ) -> Density:
        """``log_prob`` with its standard and discretisation error, the denoiser calls it took, and why it was had in this way.

        method  "auto", "exact", "flow" (the density of what deterministic samplers draw), "mmse" or "bound": see ``likelihood.log_density``
        error   nats that it may be off; default 0.05, or 0.001 for each entry of a signal
        label, condition, guidance, device   as in ``sample``, with one label or condition for all signals or one for each
        """
        values = self._signals(x)
        law = under(self.law, self.conditions, label, condition, guidance, len(values), device=device)
        found = log_density(law, self.scaler.encode(values), method=method, error=error, seed=checks.seed(seed))
        return found.shifted(-self.scaler.log_volume(values, self.moments.covariance()))

    def score_samples(self, x: object) -> Tensor:
        """The same as ``log_prob``, under scikit-learn's name."""
        return self.log_prob(x)

    def surprise(self, x: object) -> Surprise:
        """-log_prob, and its p-value: (1 + number of held-out cases at least as surprising) / (1 + number held out).

        Each held-out case is compared with x under the law that had not seen it, so p is as fair with few cases as with many:
        see ``fitting.held_out.p_value``. Small p is surprising; it is never 0. Models of older versions hold no such laws: there x is
        scored by the law of all cases, which finds too little where entries outnumber cases.
        """
        level = self.log_prob(x)
        if self.judges:
            return Surprise(-level, p_value(self.judges, self._signals(x)))
        if self.reference is None:
            return Surprise(-level, None)
        return Surprise(-level, ranked([self.reference], [level]))

    def where(self, x: object, by: str = "entry", *, floor: float | None = None, seed: int = 0) -> Tensor:
        """How surprising every part of a signal is, in nats: ``by`` "entry" (case, *event), "time" (case, time), "channel" (case, channel).

        A Gaussian and a mixture answer with -log p(part | all the rest), exactly, through a noise of ``floor`` (in deviations of the
        channel; see ``likelihood.where``); any other model with the share of each part in -log_prob (``likelihood.local``).
        """
        return surprise_map(self.law.on(), self.scaler, self._signals(x), by, floor, seed)

    def bits_per_dim(self, x: object, step: object = None) -> Tensor:
        """-log2 of the probability of x per entry, where ``step`` declares that the data are rounded to it (a number, or one per entry):
        comparable between models, and at least 0. See ``likelihood.probability``; it asks for 16 log-densities.

        Without a step, -log2 of the density per entry in the user's units, -log_prob / (d log 2): for continuous data it can be negative.
        """
        entries = math.prod(self.event_shape)
        if step is None:
            return bits_per_dim(self.log_prob(x), entries)
        return bits_per_dim(probability(self.log_prob, self._signals(x), checks.tensor(step, "step")).value, entries)

    def mean(self) -> Tensor:
        """The mean signal (*event). With a network, that of the signals it was trained on."""
        if self.scaler.curves is not None:
            return curved_moments(self.scaler, self.moments)[0]
        return self.scaler.decode(self.moments.mean())

    def covariance(self) -> Operator:
        """The covariance over flattened events, as an operator in the user's units. With a network, that of the signals it was trained on.

        With its eigenbasis (rank, solve, logdet, ...) where one scale serves all entries or d <= 1024; otherwise by its products.
        """
        if self.scaler.curves is not None:
            return Dense(curved_moments(self.scaler, self.moments)[1])
        operator = self.moments.covariance()
        if self.scaler.uniform and isinstance(operator, Spectral):
            return operator.scaled(float(self.scaler.scale.flatten()[0]), 0.0)
        stretched = Stretched(operator, self.scaler.scale)
        return Dense(stretched.dense()) if operator.size <= _DENSE and not operator.batch_shape else stretched

    def posterior(
        self,
        measurement: Measurement,
        y: object,
        noise: object = 0.0,
        *,
        method: str = "auto",
        label: object = None,
        condition: object = None,
        device: torch.device | str | None = None,
        particles: int = 512,
        steps: int = 120,
        seed: int = 0,
    ) -> Model:
        """The law of the signal given y = A x + n, as a Model again; its ``log_evidence`` is log p(y).

        y (*output), or (case, *output) for one posterior per case. ``noise``: standard deviation of n in the units of y (number,
        or one per entry), or its covariance; 0 is exact. ``method``, ``particles``, ``steps`` and ``seed``: see
        ``ornstein.posterior.condition``; ``label``, ``condition`` (one for all) and ``device`` are for networks, as in ``sample``.

        Exact for a law in closed form. For a network the law is that of weighted particles, and ``diagnostics`` says how far they can be
        trusted: the error of the evidence, their effective number, and how many of the first ones have descendants.
        """
        if not isinstance(measurement, Measurement):
            raise InputError(f"measurement is {checks.shown(measurement)}, but must be a Measurement such as orn.Mask(observed)")
        values = checks.tensor(y, "y")
        r = noise if isinstance(noise, Spectral) else checks.tensor(noise, "noise", ndim=(0, 1, 2))
        scaled = self.scaler.measured(measurement, values, r)
        law = under(self.law, self.conditions, label, condition, 1.0, 1, device=device)
        counts = {"particles": particles, "steps": steps, "seed": seed}
        found = ornstein.posterior.condition(law, scaled.measurement, scaled.y, scaled.noise, method, None, **counts)
        return Model(
            found.law,
            self.scaler,
            self.channels,
            self.units,
            self.rate,
            log_evidence=found.log_evidence - scaled.log_jacobian,
            diagnostics=found if isinstance(found, ornstein.posterior.Twisted) else None,
        )

    def impute(
        self,
        x: object,
        draws: int = 100,
        *,
        sampler: str | Sampler | Tuned | None = None,
        steps: Steps | None = None,
        schedule: str | Schedule = "vp",
        grid: str = "own",
        label: object = None,
        condition: object = None,
        device: torch.device | str | None = None,
        seed: int | None = 0,
        progress: Callable[[int], None] | None = None,
    ) -> Tensor:
        """Draws of what NaN hides, (draw, case, *event); observed entries are bit-identical in every draw.

        ``Signals`` come back in their own order of channels and their own units, whatever those of the model.

        A Gaussian or mixture of up to 2048 entries conditions every case on its own pattern, all in batches; larger laws and empirical
        ones take the patterns one by one. ``progress`` is told how many cases were finished.
        Draws of case i depend on (seed, i) only. Memory: the result; cost: a Cholesky factor of the smaller side of each
        case, seen or missing: 4000 cases of 336 entries take 0.3 to 1.6 CPU-seconds and 0.1 a draw.

        A network that was trained with masks draws by sampling, one run per draw and case with gaps; the other arguments are for it
        alone, and those of ``sample``, with one label or condition for all cases or one for each.
        """
        matched = self._matched(x)
        values = self._values(matched or x, missing=True)
        count, seed = memory.drawn(draws, "draws", values.numel()), checks.seed(seed)
        law, given = self.law.on(device), told(self.conditions, label, condition, len(values))
        if isinstance(law, Law):
            if sampler is not None or steps is not None:
                raise InputError("sampler and steps are for networks, but draws from this law are exact: leave them out")
            drawn = imputing.impute(law, self.scaler, values, count, seed, progress)
            return drawn if matched is None else matched.back(drawn)
        method, plan, times = run_of(self.law, sampler or PLAIN_SAMPLER, steps, schedule, grid, self._tuned)
        scaled = self.scaler.encode(values)
        drawn = fill_gaps(law, scaled, method, plan, times, count, condition=given, seed=seed, progress=progress)
        filled = torch.where(torch.isnan(values), self.scaler.decode(drawn), values)
        return filled if matched is None else matched.back(filled)

    def signals(self, x: Tensor, like: Signals | None = None) -> Signals:
        """Values (case, *event) with this model's channel names, units and rate, ready for ``orn.write``.

        Filled signals keep those of the signals that had gaps, ``like``.
        """
        values = x.reshape(len(x), -1, x.shape[-1]) if x.ndim != 3 else x
        if like is None:
            return Signals(values, self.rate, self.channels, self.units)
        kept = sorted(Matched.of(like, self.channels, self.units, self.rate).chosen.tolist())
        return Signals(values, like.rate or self.rate, tuple(like.channels[k] for k in kept), tuple(like.units[k] for k in kept))

    def save(self, path: str | os.PathLike[str], *, force: bool = False) -> Path:
        """Write a folder with config.json, model.safetensors, preprocessing.json and a README card; never a pickle.

        The folder is whole or not there: a kill at any moment leaves the old model or the new one. ``force`` replaces a model.
        """
        return write(path, Saved(*(getattr(self, name) for name in Saved._fields)), force=force)

    def _signals(self, x: object, *, missing: bool = False) -> Tensor:
        return self._values(self._matched(x) or x, missing)

    def _matched(self, x: object) -> Matched | None:
        """Signals, or what ``fit`` reads as such, in the channels and units of this model; None for plain arrays, which have no names."""
        found = recognised(x)
        return Matched.of(found, self.channels, self.units, self.rate) if isinstance(found, Signals) else None

    def _values(self, x: object, missing: bool) -> Tensor:
        values = checks.tensor(x.values if isinstance(x, Matched) else x, "x", missing=missing)
        if isinstance(x, Matched) and len(self.event_shape) == 1 and values.shape[1] == 1:
            values = values[:, 0]
        if tuple(values.shape[1:]) != self.event_shape:
            wanted = ", ".join(map(str, self.event_shape))
            raise InputError(f"x has shape {tuple(values.shape)}, but this model holds signals of shape (case, {wanted})")
        if not len(values):
            raise InputError("x holds no cases: give at least one")
        return values


def load(path: str | os.PathLike[str], *, module: nn.Module | None = None) -> Model:
    """The model that ``Model.save`` wrote, after its checksums.

    ``module`` is the architecture of a network that is not one of ``ornstein.nets``; the saved weights are put into it. Raises
    ``InputError`` naming a missing, extra or damaged file, a class that is missing, and parameters that do not fit.
    """
    return Model(*read(path, module))
