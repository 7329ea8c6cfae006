"""Whether the posteriors of one's own model, under one's own measurement, are right."""

from __future__ import annotations

import warnings
from contextlib import suppress
from dataclasses import dataclass

import torch
from torch import Tensor

from ornstein.common import checks
from ornstein.common.errors import InputError
from ornstein.common.random import Noise
from ornstein.covariance import Spectral
from ornstein.denoisers import Law
from ornstein.measurements import Measurement
from ornstein.metrics.calibrated import Calibrated, calibrated
from ornstein.metrics.closeness import Closeness, closeness
from ornstein.model import Model

APART = "far from the exact answer"

CHEAP: dict[str, object] = {"particles": 200, "steps": 40}
"""What each posterior of a network takes, unless it is said: ranks of 99 draws need no more."""

SHARE = 0.1
"""Of the false alarms, those that are left for one posterior seen close: a classifier or a score must be sure."""

_NOISE = 1 << 24
"""Stream of the noise of the simulated measurements."""

_OTHER = 0x5EED
"""Added to the seed of the draws, so that none shares its noise with the truth."""


@dataclass(frozen=True, eq=False)
class Checked:
    """``calibrated`` of the posteriors; ``effective`` the smallest effective number of particles, None for closed forms.

    close     draws of the first posterior against exact ones, or against its score; None where neither is known, or it was not asked
    verdict   that of ``result``, or "far from the exact answer" where ranks are right and ``close`` is not; right posteriors are called
              otherwise in at most ``result.level`` of checks, and in a tenth of it more where ``close`` was asked
    """

    result: Calibrated
    cases: int
    effective: float | None
    close: Closeness | None = None

    @property
    def verdict(self) -> str:
        """One verdict on all of it."""
        far = self.close is not None and self.close.p_value < SHARE * self.result.level
        return APART if self.result.verdict == "right" and far else self.result.verdict


def check(
    model: Model,
    measurement: Measurement,
    noise: object = 0.0,
    *,
    x: object = None,
    cases: int = 200,
    draws: int = 99,
    level: float = 0.01,
    close: bool = False,
    seed: int = 0,
    **options: object,
) -> Checked:
    """Simulate signals and measurements, condition on each, and rank the truth among draws of its posterior.

    noise    as in ``Model.posterior``: a deviation, one per value, or a covariance;  options: method, particles, steps of it (for a
             network 200 and 40)
    x        held-out signals in place of draws of the model: then the model is on trial, not its posteriors alone
    cases, draws   how many; level: the false-alarm rate of the verdict
    close    whether draws of one posterior are compared with the exact answer too, or with its score where there is none (``closeness``)

    Raises ``InputError`` for other kinds of noise, which would have to be drawn, and too few cases. Cost: ``cases`` posteriors.
    """
    options = options if isinstance(model.law, Law) else {**CHEAP, **options}
    truth = model.sample(checks.count(cases, "cases", at_least=20), seed=seed) if x is None else checks.tensor(x, "x")
    truth = truth.reshape(len(truth), *model.event_shape)
    clean = measurement(truth)
    y = clean + _noise(noise, clean, seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # effective numbers are part of the result
        post = model.posterior(measurement, y, noise, seed=seed + _OTHER, **options)  # type: ignore[arg-type]  # options of posterior
    drawn = post.sample(checks.count(draws, "draws", at_least=19), seed=seed + _OTHER)
    effective = None if post.diagnostics is None else float(post.diagnostics.effective.min())
    near = _close(model, post, measurement, y[0], noise, seed) if close else None
    return Checked(calibrated(drawn, truth, level=level, seed=seed), len(truth), effective, near)


def _close(model: Model, post: Model, measurement: Measurement, y: Tensor, noise: object, seed: int) -> Closeness | None:
    exact = None
    if isinstance(model.law, Law):
        with suppress(InputError):  # curved marginals, and measurements that are not linear, have no closed form
            exact = model.posterior(measurement, y, noise, method="exact")
    return closeness(post, exact, case=0, seed=seed)


def _noise(noise: object, like: Tensor, seed: int) -> Tensor:
    """Draws of n, one for each case."""
    white = Noise(checks.seed(seed)).normal(len(like), (like[0].numel(),), _NOISE)
    value = noise.dense() if isinstance(noise, Spectral) else noise
    if not isinstance(value, Tensor | float | int | list | tuple):
        raise InputError(f"noise is {checks.shown(noise)}, but a check draws Gaussian noise only: give a deviation or a covariance")
    r = checks.tensor(value, "noise", ndim=(0, 1, 2))
    if r.ndim < 2:
        return (white * r).view(like.shape)
    values, vectors = torch.linalg.eigh(r)
    drawn: Tensor = (white * values.clamp_min(0).sqrt() @ vectors.T).view(like.shape)
    return drawn
