"""Model: a law with its scaling, names and units, in the user's own numbers."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

import ornstein.posterior
from ornstein import checks
from ornstein.covariance import Dense, Operator, Spectral, as_spectral
from ornstein.denoisers import Denoiser, Law
from ornstein.errors import InputError
from ornstein.measurements import Mask, Measurement
from ornstein.methods import AUTO, grid_named, reference_of, sampler_named, schedule_named
from ornstein.random import Noise
from ornstein.samplers import Sampler, Steps, Tuned, sample, tune
from ornstein.scaling import Scaler, Stretched
from ornstein.schedules import Grid, Schedule
from ornstein.signals import Signals
from ornstein.storage import decode_law, encode_law, read_folder, write_folder

STEPS = 50
DEFAULT_SAMPLER = "dpm++2m"
"""For a denoiser that cannot be drawn from: one call a step, order 2."""
_DENSE = 1024


class Surprise(NamedTuple):
    """-log_prob in nats per case, and the share of held-out cases at least as surprising (None without held-out cases)."""

    nats: Tensor
    p_value: Tensor | None


@dataclass(frozen=True, eq=False, repr=False)
class Model:
    """A fitted law in the user's units: what ``fit``, ``load`` and ``posterior`` return.

    Everything goes in and comes out as (case, *event) in the units of the data; standardisation happens inside, and every
    log-density includes its Jacobian. A posterior is a Model too; given many y at once it holds one law per case.

    law           the denoiser, in standardised coordinates
    scaler        the standardisation
    channels, units, rate   of the signals it was fitted on; () and None for plain arrays
    reference     sorted held-out log-densities, the basis of p-values
    log_evidence  log p(y) in nats of the measurement it was conditioned on
    """

    law: Denoiser
    scaler: Scaler
    channels: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    rate: float | None = None
    reference: Tensor | None = None
    log_evidence: Tensor | None = None
    _tuned: dict[tuple[int, Schedule], Tuned] = field(default_factory=dict, init=False, repr=False)

    def __repr__(self) -> str:
        named = f", channels={', '.join(self.channels)}" if self.channels else ""
        return f"Model({type(self.law).__name__}, event_shape={self.event_shape}{named})"

    @property
    def event_shape(self) -> tuple[int, ...]:
        """The shape of one signal."""
        return self.law.event_shape

    @property
    def exact(self) -> Law:
        """The law in standardised coordinates, for what only an analytic one can do. Raises ``InputError`` for any other denoiser."""
        if isinstance(self.law, Law):
            return self.law
        raise InputError(f"this needs a Gaussian, mixture or empirical law, but the model is a {type(self.law).__name__}")

    def sample(
        self,
        cases: int,
        *,
        sampler: str | Sampler | Tuned | None = None,
        steps: Steps | None = None,
        schedule: str | Schedule = "vp",
        grid: str = "own",
        seed: int = 0,
        first: int = 0,
    ) -> Tensor:
        """``cases`` new signals (cases, *event), numbered from ``first``; signal i under a seed is the same in any batch.

        Without ``sampler``, exact draws from an analytic law. With one, a run from noise:

        sampler   a name of ``ornstein.methods`` ("heun", "dpm++2m", "exponential", ...), an object, or what ``tune`` returned.
                  "auto" is ``tune`` with ``steps`` denoiser calls; the model remembers its answer
        steps     number of steps (default 50), or the times themselves: a ``Grid`` or a list from noise to data
        schedule  "vp", "cosine", "flow", "sigmoid", "ve", or an object
        grid      "own" (of the schedule), "uniform", "karras", "log-snr", or "spectral", laid for the eigenvalues of the law
        """
        checks.count(cases, "cases")
        if sampler is None and isinstance(self.law, Law):
            if steps is not None:
                raise InputError(f"steps is {steps}, but without a sampler the draws are exact and take none: name a sampler")
            return self.scaler.decode(self.law.sample(cases, seed=seed, first=first))
        method, plan, times = self._run_of(sampler or DEFAULT_SAMPLER, STEPS if steps is None else steps, schedule, grid)
        return self.scaler.decode(sample(self.law, method, plan, times, cases, seed=seed, first=first))

    def tune(self, calls: int, *, schedule: str | Schedule = "vp", cases: int = 64, seed: int = 0) -> Tuned:
        """Sampler, order, grid and start of least error at ``calls`` denoiser calls, by trial: ``samplers.tune`` on this law."""
        return tune(self.law, schedule_named(schedule), calls, cases=cases, seed=seed)

    def _run_of(self, sampler: str | Sampler | Tuned, steps: Steps, schedule: str | Schedule, grid: str) -> tuple[Sampler, Schedule, Steps]:
        """(sampler, schedule, steps) of a run, with every name looked up."""
        plan = schedule_named(schedule)
        if sampler == AUTO:
            calls = checks.count(steps, "steps")
            if (calls, plan) not in self._tuned:
                self._tuned[calls, plan] = tune(self.law, plan, calls)
            sampler = self._tuned[calls, plan]
        if isinstance(sampler, Tuned):
            return sampler.sampler, sampler.schedule, sampler.grid
        method = sampler_named(sampler, self.law)
        if grid == "own":
            return method, plan, steps
        if isinstance(steps, Grid | list | tuple | Tensor):
            raise InputError(f"grid is {grid!r}, but steps already lists the times: give a number of steps, or leave grid out")
        return (
            method,
            plan,
            grid_named(grid, plan, checks.count(steps, "steps"), method, lambda: as_spectral(reference_of(self.law).operator)),
        )

    def log_prob(self, x: object) -> Tensor:
        """log density in nats per case, in the user's units; -inf outside the support of the law. Higher is more typical."""
        u = self.scaler.encode(self._signals(x))
        return self.exact.log_prob(u) - self._log_jacobian()

    def score_samples(self, x: object) -> Tensor:
        """The same as ``log_prob``, under scikit-learn's name."""
        return self.log_prob(x)

    def surprise(self, x: object) -> Surprise:
        """-log_prob, and its p-value: (1 + number of held-out cases at least as surprising) / (1 + number held out).

        The held-out cases were scored by fits that had not seen them, so for exchangeable new cases P(p <= a) <= a, up to the
        small gain of the final fit over the held-out ones, which makes it conservative (conformal; Vovk et al. 2005).
        """
        level = self.log_prob(x)
        if self.reference is None:
            return Surprise(-level, None)
        below = torch.searchsorted(self.reference, level, right=True).to(torch.float64)
        return Surprise(-level, (1 + below) / (1 + len(self.reference)))

    def bits_per_dim(self, x: object) -> Tensor:
        """-log2 density per entry in the user's units: -log_prob / (d log 2), per case. For continuous data it can be negative."""
        return -self.log_prob(x) / (math.prod(self.event_shape) * math.log(2))

    def mean(self) -> Tensor:
        """The mean signal (*event)."""
        return self.scaler.decode(self.exact.mean())

    def covariance(self) -> Operator:
        """The covariance over flattened events, as an operator in the user's units.

        With its eigenbasis (rank, solve, logdet, ...) where one scale serves all entries or d <= 1024; otherwise by its products.
        """
        operator = self.exact.covariance()
        if self.scaler.uniform and isinstance(operator, Spectral):
            return operator.scaled(float(self.scaler.scale.flatten()[0]), 0.0)
        stretched = Stretched(operator, self.scaler.scale)
        return Dense(stretched.dense()) if operator.size <= _DENSE and not operator.batch_shape else stretched

    def posterior(self, measurement: Measurement, y: object, noise: object = 0.0) -> Model:
        """The law of the signal given y = A x + n, as a Model again; its ``log_evidence`` is log p(y).

        y (*output), or (case, *output) for one posterior per case. ``noise``: standard deviation of n in the units of y (number,
        or one per entry), or its covariance; 0 is exact. See ``ornstein.posterior.condition`` for errors and cost.
        """
        values = checks.tensor(y, "y")
        r = noise if isinstance(noise, Spectral) else checks.tensor(noise, "noise", ndim=(0, 1, 2))
        scaled = self.scaler.measured(measurement, values, r)
        result = ornstein.posterior.condition(self.law, scaled.measurement, scaled.y, scaled.noise)
        return replace(self, law=result.law, reference=None, log_evidence=result.log_evidence - scaled.log_jacobian)

    def impute(self, x: object, draws: int = 100, *, seed: int = 0, progress: Callable[[int], None] | None = None) -> Tensor:
        """Draws of what NaN hides, (draw, case, *event); observed entries are bit-identical in every draw.

        Cases that share a pattern of gaps are conditioned together; ``progress`` is told how many cases each pattern finished.
        Draws of case i depend on (seed, i) only. Memory: the result; cost: one factorisation per pattern.
        """
        values = self._signals(x, missing=True)
        law, count = self.exact, checks.count(draws, "draws")
        observed = ~torch.isnan(values)
        scaled = self.scaler.encode(values)
        patterns, member = torch.unique(observed.flatten(1), dim=0, return_inverse=True)
        out = values.expand(count, *values.shape).clone()
        for k, pattern in enumerate(patterns):
            cases = (member == k).nonzero()[:, 0]
            if not bool(pattern.all()):
                mask = pattern.view(self.event_shape)
                part = law.condition(Mask(mask), scaled[cases][:, mask]).law
                drawn = self.scaler.decode(part.draw(Noise(seed, index=cases), count))
                out[:, cases] = torch.where(mask, values[cases], drawn)
            if progress is not None:
                progress(len(cases))
        return out

    def signals(self, x: Tensor) -> Signals:
        """Values (case, *event) with this model's channel names, units and rate, ready for ``orn.write``."""
        values = x.reshape(len(x), -1, x.shape[-1]) if x.ndim != 3 else x
        return Signals(values, self.rate, self.channels, self.units)

    def save(self, path: str | os.PathLike[str], *, force: bool = False) -> Path:
        """Write a folder with config.json, model.safetensors, preprocessing.json and a README card; never a pickle.

        The folder is whole or not there: a kill at any moment leaves the old model or the new one. ``force`` replaces a model.
        """
        spec, tensors = encode_law(self.law)
        tensors = {f"law.{name}": value for name, value in tensors.items()}
        tensors |= {"scaler.centre": self.scaler.centre, "scaler.scale": self.scaler.scale}
        for name in ("reference", "log_evidence"):
            if (value := getattr(self, name)) is not None:
                tensors[name] = value
        metadata = {"channels": list(self.channels), "units": list(self.units), "rate": self.rate, "event_shape": list(self.event_shape)}
        return write_folder(path, {"law": spec}, metadata, {k: v.contiguous() for k, v in tensors.items()}, _card(self, spec), force=force)

    def _signals(self, x: object, *, missing: bool = False) -> Tensor:
        values = checks.tensor(x.values if isinstance(x, Signals) else x, "x", missing=missing)
        if tuple(values.shape[1:]) != self.event_shape:
            wanted = ", ".join(map(str, self.event_shape))
            raise InputError(f"x has shape {tuple(values.shape)}, but this model holds signals of shape (case, {wanted})")
        if not len(values):
            raise InputError("x holds no cases: give at least one")
        return values

    def _log_jacobian(self) -> float:
        return self.scaler.log_jacobian(self.exact.covariance())


def load(path: str | os.PathLike[str]) -> Model:
    """The model that ``Model.save`` wrote, after its checksums. Raises ``InputError`` naming a missing, extra or damaged file."""
    config, metadata, tensors = read_folder(path)
    law = decode_law(config["law"], {k.removeprefix("law."): v for k, v in tensors.items() if k.startswith("law.")})
    scaler = Scaler(tensors["scaler.centre"], tensors["scaler.scale"])
    channels, units = tuple(metadata["channels"]), tuple(metadata["units"])
    return Model(law, scaler, channels, units, metadata["rate"], tensors.get("reference"), tensors.get("log_evidence"))


def _card(model: Model, spec: dict[str, object]) -> str:
    names = ", ".join(f"{c} [{u}]" if u else c for c, u in zip(model.channels, model.units, strict=True)) or "not named"
    rate = f"{model.rate:g} Hz" if model.rate else "not given"
    return (
        f"# Ornstein model\n\nA {spec['kind']} law of signals with shape {model.event_shape}.\n\n"
        f"- channels: {names}\n- sampling rate: {rate}\n\n"
        '```python\nimport ornstein as orn\n\nmodel = orn.load("this folder")\nmodel.sample(10)\n```\n'
    )
