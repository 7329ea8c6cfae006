"""The door of posteriors: the law of a signal given a measurement of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Self

import torch

import ornstein.posterior
from ornstein.common import checks
from ornstein.common.errors import InputError
from ornstein.covariance import Spectral
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
        particles: int = 512,
        steps: int = 120,
        seed: int = 0,
    ) -> Self:
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
