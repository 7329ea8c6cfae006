"""The door of posteriors: the law of a signal given whatever is known of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Self

import torch
from torch import Tensor

import ornstein.posterior
from ornstein.common import checks
from ornstein.common.errors import InputError
from ornstein.common.signals import Signals
from ornstein.covariance import Spectral
from ornstein.data.read import recognised
from ornstein.denoisers import Denoiser, Gaussian, Law, Mixture, Particles, matched
from ornstein.fitting.guide import own_signals
from ornstein.fitting.moved import moved
from ornstein.measurements import Likelihood, Linear, Measurement, NoiseLaw
from ornstein.model.drawing import under
from ornstein.model.fitted import Asked, Fitted
from ornstein.model.label import Label
from ornstein.model.matching import Matched
from ornstein.posterior import Given, Twisted
from ornstein.posterior.given import noise_of, values_of


class Conditioning(Fitted):
    """A model given what was measured."""

    def posterior(
        self,
        measurement: Measurement | Label | Fitted,
        y: object = None,
        noise: object = 0.0,
        *,
        method: str = "auto",
        label: object = None,
        condition: object = None,
        device: torch.device | str | None = None,
        particles: int = 1000,
        steps: int | None = None,
        seed: int = 0,
        first: int = 0,
    ) -> Self:
        """The law of the signal given y = A x + n, as a Model again; its ``log_evidence`` is log p(y).

        measurement   any ``orn.measurements``; another model of the same signals in closed form: the normalised product of both densities,
                      with the log of its integral as evidence; or an ``orn.Label``, the law of signals with a label or condition
        y      (*output), or (case, *output) for one posterior per case; ``Signals`` come into the channels and units of the model
        noise  standard deviation of n in the units of y (number, or one per entry), its covariance, or ``orn.Poisson``, ``orn.Laplace``,
               ``orn.StudentT``; 0 is exact
        method, particles, steps, seed, first   see ``ornstein.posterior.condition``
        label, condition (one for all), device   for networks, as in ``sample``

        ``why`` says in one line which method it was, and why. Exact for a law in closed form under linear measurements with Gaussian noise.
        Everything else ends in weighted particles, and
        ``diagnostics`` says how far they can be trusted: the error of the evidence, their effective number, and how many of the first
        ones have descendants. A mixture guides them: the one that the network stands on, or one that the first call fits to the model's
        own draws and the model remembers (``fitting.guide``). A posterior by particles that is measured again runs anew with all
        that was measured, so that the order does not matter; its evidence is log p(y | what was measured before).
        """
        law = under(self.law, self.conditions, label, condition, 1.0, 1, device=device)
        if isinstance(measurement, Label):
            return self._labelled(measurement, device)
        if isinstance(measurement, Fitted):
            return self._product(measurement, law, method, device, particles=particles, steps=steps, seed=seed, first=first)
        if not isinstance(measurement, Measurement):
            raise InputError(f"measurement is {checks.shown(measurement)}, but must be a Measurement such as orn.Mask(observed)")
        given = self._given(measurement, y, noise)
        return self._conditioned(law, given, method, device, particles=particles, steps=steps, seed=seed, first=first)

    def noise_level(self, measurement: Measurement, y: object, levels: Sequence[float], **options: Any) -> tuple[float, Tensor]:
        """(the most probable deviation of the noise among ``levels``, log p(y) at each): for noise of an unknown size.

        y (*output) or (case, *output), whose cases share one level. ``options`` are those of ``posterior``. Cost: one posterior a level.
        """
        if not levels:
            raise InputError("levels is empty: give the deviations that the noise may have")
        found = [self.posterior(measurement, y, checks.positive(level, "levels"), **options).log_evidence for level in levels]
        evidence = torch.stack([one.sum() for one in found if one is not None])
        return float(levels[int(evidence.argmax())]), evidence

    def _given(self, measurement: Measurement, y: object, noise: object) -> Given:
        """What was measured, in the coordinates of the law."""
        if isinstance(measurement, Likelihood):
            if y is not None:
                raise InputError("y is given, but a Likelihood holds its own: leave y out")
            return Given(measurement, torch.zeros((), dtype=torch.float64), 0.0, self.scaler.decode, self.scaler.curves is None)
        known = recognised(y)
        values = Matched.of(known, self.channels, self.units, None).values if isinstance(known, Signals) else values_of(y)
        r = noise_of(noise)
        curved = self.scaler.curves is not None and not self._exactly_selected(measurement, r)
        if curved or not measurement.linear or isinstance(r, NoiseLaw):
            measurement.outputs(values, self.event_shape)
            return Given(measurement, values, r, self.scaler.decode, self.scaler.curves is None)
        scaled = self.scaler.measured(measurement, values, r)
        return Given(scaled.measurement, scaled.y, scaled.noise, volume=scaled.log_jacobian)

    @staticmethod
    def _exactly_selected(measurement: Measurement, noise: Tensor | Spectral | NoiseLaw) -> bool:
        return measurement.selects and isinstance(noise, Tensor) and not bool(noise.any())

    def _conditioned(self, law: Denoiser, given: Given, method: str, device: torch.device | str | None, **options: Any) -> Self:
        """The posterior given one thing more; by particles, of the law that they came from given everything."""
        asked = self.asked or Asked(self, law, (), torch.zeros((), dtype=torch.float64))
        if self.asked is None or method == "exact":
            asked = replace(asked, origin=self, law=law, given=(), log_evidence=torch.zeros((), dtype=torch.float64))
        law, everything, guide = asked.law, (*asked.given, given), None
        if not isinstance(law, Law):
            if method == "weights":
                law = Particles.equal(own_signals(law, asked.origin.known, options["particles"], options["seed"]))
            elif method in ("auto", "twisted"):
                guide = asked.origin.guide(device)
        why = ornstein.posterior.why(law, everything, method, guide)
        if method in ornstein.posterior.GUIDANCE:
            known = matched(law) if isinstance(law, Law) else asked.origin.known
            return self._became(ornstein.posterior.guidance(method, law, everything, known), None, why=why)
        if method in ornstein.posterior.RUNS:
            known = matched(law) if isinstance(law, Law) else asked.origin.known
            particles, steps, seed, first = (options[name] for name in ("particles", "steps", "seed", "first"))
            kind = ornstein.posterior.RUNS[method]
            drawn = ornstein.posterior.runs(kind, method, law, everything, known, draws=particles, steps=steps, seed=seed, first=first)
            return self._became(drawn, None, why=why)
        found = ornstein.posterior.condition_all(law, everything, method, guide, **options)
        evidence = found.log_evidence - sum(one.volume for one in everything)
        particles = isinstance(found, Twisted)
        return self._became(
            found.law,
            evidence - asked.log_evidence,
            diagnostics=found if particles else None,
            asked=replace(asked, given=everything, log_evidence=evidence) if particles else None,
            why=why,
        )

    def _became(self, law: Denoiser, log_evidence: Tensor | None, **others: Any) -> Self:
        """This model with another law: what was fitted to the old one is left behind."""
        kept = {
            "conditions": None,
            "reference": None,
            "reference_classes": None,
            "training": None,
            "judges": (),
            "correction": None,
            "diagnostics": None,
            "asked": None,
            "why": "",
            **others,
        }
        return replace(self, law=law, log_evidence=log_evidence, **kept)

    def _labelled(self, label: Label, device: torch.device | str | None) -> Self:
        law = under(self.law, self.conditions, label.label, label.condition, 1.0, 1, device=device)
        return self._became(law, None, training=self.training, why="a network that was trained with labels or conditions is told this one")

    def _product(self, other: Fitted, law: Denoiser, method: str, device: torch.device | str | None, **options: Any) -> Self:
        if other.event_shape != self.event_shape:
            raise InputError(
                f"the other model holds signals of shape {other.event_shape}, but this one {self.event_shape}: they must agree"
            )
        known = moved(other.law, other.scaler, self.scaler)
        volume = float(self.scaler.scale.log().sum())
        if isinstance(law, Gaussian | Mixture) and self.asked is None and method in ("auto", "exact"):
            exact = ornstein.posterior.product(law, known)
            said = "exact: the product of Gaussians and mixtures is a Gaussian or a mixture"
            return self._became(exact.law, exact.log_evidence - volume, why=said)
        given = Given(Likelihood(known.log_prob), torch.zeros((), dtype=torch.float64), volume=volume)
        if isinstance(known, Gaussian):
            whole = Linear(torch.eye(known.size, dtype=torch.float64))
            given = Given(whole, known.mean().flatten(), known.covariance().dense(), volume=volume)
        return self._conditioned(law, given, method, device, **options)
