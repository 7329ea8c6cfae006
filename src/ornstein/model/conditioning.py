"""The door of posteriors: the law of a signal given a measurement of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Self

import torch

import ornstein.posterior
from ornstein.common import checks
from ornstein.common.errors import InputError
from ornstein.covariance import Spectral
from ornstein.denoisers import Gaussian, Law, Mixture
from ornstein.fitting.guide import guide as fit_guide
from ornstein.measurements import Measurement
from ornstein.model.drawing import under
from ornstein.model.fitted import Fitted


class Conditioning(Fitted):
    """A model given what was measured."""

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
        particles: int = 1000,
        steps: int | None = None,
        seed: int = 0,
    ) -> Self:
        """The law of the signal given y = A x + n, as a Model again; its ``log_evidence`` is log p(y).

        y (*output), or (case, *output) for one posterior per case. ``noise``: standard deviation of n in the units of y (number,
        or one per entry), or its covariance; 0 is exact. ``method``, ``particles``, ``steps`` and ``seed``: see
        ``ornstein.posterior.condition``; ``label``, ``condition`` (one for all) and ``device`` are for networks, as in ``sample``.

        Exact for a law in closed form. For a network the law is that of weighted particles, and ``diagnostics`` says how far they can be
        trusted: the error of the evidence, their effective number, and how many of the first ones have descendants. A mixture guides them:
        the one that the network stands on, or one that the first call fits to the model's own draws and the model remembers
        (``fitting.guide``).
        """
        if not isinstance(measurement, Measurement):
            raise InputError(f"measurement is {checks.shown(measurement)}, but must be a Measurement such as orn.Mask(observed)")
        values = checks.tensor(y, "y")
        r = noise if isinstance(noise, Spectral) else checks.tensor(noise, "noise", ndim=(0, 1, 2))
        scaled = self.scaler.measured(measurement, values, r)
        law = under(self.law, self.conditions, label, condition, 1.0, 1, device=device)
        guide = None if isinstance(law, Law) or method == "exact" else self._guide(device)
        found = ornstein.posterior.condition(
            law, scaled.measurement, scaled.y, scaled.noise, method, guide, particles=particles, steps=steps, seed=seed
        )
        return replace(
            self,
            law=found.law,
            reference=None,
            log_evidence=found.log_evidence - scaled.log_jacobian,
            conditions=None,
            training=None,
            judges=(),
            diagnostics=found if isinstance(found, ornstein.posterior.Twisted) else None,
        )

    def _guide(self, device: torch.device | str | None) -> Gaussian | Mixture | None:
        """What guides the particles of this model, under any condition; None where nothing is known of its signals."""
        if not self._guides:
            known = self.law.guide or self.moments_of
            if isinstance(known, Gaussian):
                known = fit_guide(self.law.on(device), known)
            if known is None:
                return None
            self._guides.append(known)
        return self._guides[0]
