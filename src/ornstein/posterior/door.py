"""Conditioning any denoiser: exact where there is a closed form, by particles otherwise."""

from __future__ import annotations

import math
import warnings
from dataclasses import replace

from ornstein.common import checks, memory
from ornstein.common.errors import InputError, unknown_name
from ornstein.covariance import Spectral
from ornstein.denoisers import Conditional, Denoiser, Gaussian, Law, Mixture, matched
from ornstein.measurements import Measurement
from ornstein.posterior.twisted import Twisted, twisted
from ornstein.schedules.base import whole

STEPS = {False: 120, True: 32}
"""Steps by a Gaussian, and by a mixture, which leave about the same error (``docs/experiments.md``)."""

METHODS = ("auto", "exact", "twisted")

FEW = 30.0
"""Effective particles below which a posterior is a sketch: a mean is then known to a fifth of its deviation."""


def condition(
    denoiser: Denoiser,
    measurement: Measurement,
    y: object,
    noise: object = 0.0,
    method: str = "auto",
    reference: Gaussian | Mixture | None = None,
    *,
    particles: int = 1000,
    steps: int | None = None,
    seed: int = 0,
) -> Conditional | Twisted:
    """The law of x_0 given y = A x_0 + n, n ~ N(0, R), and log p(y) in nats.

    method     "exact"    Gaussian -> Gaussian, mixture -> mixture with weights by evidence, empirical -> reweighted empirical (with a
                          kernel, its points move too), particles -> reweighted particles
               "twisted"  ``twisted``: weighted particles, for any denoiser with a ``reference``, and what its steps leave in the evidence
               "auto"     "exact" for a law in closed form, "twisted" for every other denoiser
    y          of the shape of one measurement, or (case, *output) for one law per case
    noise      a standard deviation (a number, or one per entry of y), or a covariance (matrix or operator); 0 is exact
    reference, particles, steps, seed   of "twisted": a Gaussian, or a mixture, which needs fewer steps (``STEPS``); without one, the
               mixture or Gaussian that the denoiser stands on

    Raises ``InputError`` for shapes that do not fit, NaN, negative noise, contradictory exact constraints, and a denoiser without what
    the method needs. Warns where so few particles carry the weight that the answer is a sketch.
    Cost: "exact" O(d^3) up to 1024 dimensions, above, products with the covariance and conjugate gradients; "twisted" five quarters of
    ``twisted``.
    """
    if method not in METHODS:
        raise unknown_name("method", method, METHODS)
    value = checks.tensor(y, "y")
    r = noise if isinstance(noise, Spectral) else checks.tensor(noise, "noise", ndim=(0, 1, 2))
    if isinstance(denoiser, Law) and method != "twisted":
        return denoiser.condition(measurement, value, r)
    if method == "exact":
        raise InputError(f"method is 'exact', but a {denoiser.described()} has no closed form: choose 'twisted', or leave method out")
    known = reference or denoiser.guide or (matched(denoiser) if isinstance(denoiser, Law) else None)
    if known is None:
        raise InputError(
            f"a {denoiser.described()} does not know the mean and covariance of its signals: pass reference=, a Gaussian or mixture of them"
        )
    count = memory.drawn(checks.count(particles, "particles", at_least=2), "particles", math.prod(denoiser.event_shape))
    levels = whole(checks.count(STEPS[isinstance(known, Mixture)] if steps is None else steps, "steps", at_least=2))
    found = twisted(denoiser, known, measurement, value, r, particles=count, steps=levels, seed=seed)
    _say_few(found)
    coarse = twisted(denoiser, known, measurement, value, r, particles=-(-count // 2), steps=levels // 2, seed=seed + 1)
    return replace(found, discretisation=(found.log_evidence - coarse.log_evidence).abs())


def _say_few(found: Twisted) -> None:
    least = float(found.effective.min())
    if least < FEW:
        warnings.warn(
            f"only {least:.1f} of {found.law.log_weights.shape[-1]} particles carry the weight of the posterior, and bands of so few "
            "are too narrow: give more particles or steps, or a measurement with more noise",
            UserWarning,
            stacklevel=4,
        )
