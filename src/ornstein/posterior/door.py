"""Conditioning any denoiser: exact where there is a closed form, by particles otherwise."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import replace

import torch

from ornstein.common import checks, memory
from ornstein.common.errors import InputError, RunError, unknown_name
from ornstein.denoisers import Conditional, Denoiser, Gaussian, Law, Mixture, matched
from ornstein.measurements import Measurement
from ornstein.measurements.noises import NoiseLaw
from ornstein.posterior.far import say_far, say_far_exactly
from ornstein.posterior.given import Given, cases_of, noise_of, values_of
from ornstein.posterior.methods import ALL, METHODS
from ornstein.posterior.twisted import Twisted, drawn_given
from ornstein.posterior.weighed import weighed
from ornstein.schedules.base import whole

STEPS = {False: 120, True: 32}
"""Steps by a Gaussian, and by a mixture, which leave about the same error (``docs/experiments.md``)."""

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
    first: int = 0,
) -> Conditional | Twisted:
    """The law of x_0 given y = A x_0 + n, n ~ N(0, R), or any other noise and measurement, and log p(y) in nats.

    method     "exact"    Gaussian -> Gaussian, mixture -> mixture with weights by evidence, empirical -> reweighted empirical (with a
                          kernel, its points move too), particles -> reweighted particles; linear measurements with Gaussian noise
               "twisted"  ``twisted``: weighted particles, for any denoiser with a ``reference``, and what its steps leave in the evidence
               "weights"  draws of a law, weighted by p(y | x_0): for any function, differentiable or not, while y says little
               "covariance", "mmps", "pigdm", "tmpd"   of a model: ``GUIDANCE``, a denoiser of the posterior, for comparison and for nearly
                          Gaussian laws
               "replacement", "repaint", "dps", "ddrm", "diffpir", "daps", "split-gibbs"   of a model: ``methods.RUNS``, draws without
                          weights, for comparison
               "auto"     "exact" for a law in closed form where it can be, "twisted" for everything else; ``methods.why`` says it in a line
    y          of the shape of one measurement, or (case, *output) for one law per case
    noise      a standard deviation (a number, or one per entry of y), a covariance (matrix or operator), or a ``NoiseLaw``; 0 is exact.
               Where p(y | x) has separate peaks, as for y = x^2, "twisted" stays near one of them, and "weights" does not
    reference, particles, steps, seed   of "twisted": a Gaussian, or a mixture, which needs fewer steps (``STEPS``); without one, the
               mixture or Gaussian that the denoiser stands on
    first      the number of the first case of y: draws belong to (seed, case)

    Raises ``InputError`` for shapes that do not fit, NaN, negative noise, contradictory exact constraints, and a denoiser without what
    the method needs; ``RunError`` where no particle agrees with y. Warns where so few particles carry the weight that the answer is a
    sketch, and where y is far from all that the reference foresees.
    Cost: "exact" O(d^3) up to 1024 dimensions, above, products with the covariance and conjugate gradients; "twisted" five quarters of
    ``twisted``.
    """
    one = Given(measurement, values_of(y), noise_of(noise))
    return condition_all(denoiser, [one], method, reference, particles=particles, steps=steps, seed=seed, first=first)


def condition_all(
    denoiser: Denoiser,
    given: Sequence[Given],
    method: str = "auto",
    reference: Gaussian | Mixture | None = None,
    *,
    particles: int = 1000,
    steps: int | None = None,
    seed: int = 0,
    first: int = 0,
) -> Conditional | Twisted:
    """``condition`` on several measurements of the same signals, in any order."""
    if method not in METHODS:
        raise unknown_name("method", method, ALL)
    plain = all(one.plain for one in given)
    if isinstance(denoiser, Law) and method in ("auto", "exact") and (plain or method == "exact"):
        exact = _exactly(denoiser, given)
        say_far_exactly(denoiser, given)
        return exact
    if method == "exact":
        raise InputError(f"method is 'exact', but a {denoiser.described()} has no closed form: choose 'twisted', or leave method out")
    count = memory.drawn(checks.count(particles, "particles", at_least=2), "particles", math.prod(denoiser.event_shape))
    start = checks.count(first, "first", at_least=0)
    if method == "weights":
        found = weighed(denoiser, given, count, seed)
        _say_few(found, "a method other than 'weights'")
        return found
    known = reference or denoiser.guide
    if known is None and isinstance(denoiser, Law):
        known = denoiser if isinstance(denoiser, Gaussian | Mixture) else matched(denoiser)
    if known is None:
        raise InputError(
            f"a {denoiser.described()} does not know the mean and covariance of its signals: pass reference=, a Gaussian or mixture of them"
        )
    cases_of(given, known.event_shape)
    levels = whole(checks.count(STEPS[isinstance(known, Mixture)] if steps is None else steps, "steps", at_least=2))
    found = drawn_given(denoiser, known, given, particles=count, steps=levels, seed=seed, first=start)
    if not bool(torch.isfinite(found.log_evidence).all()):
        say_far(known, given)
        raise RunError("no particle agrees with the measurement: give more particles or steps, or a measurement with more noise")
    say_far(known, given, effective=float(found.effective.min()))
    _say_few(found, "more steps")
    half, fewer = -(-count // 2), max(levels // 2, 2)
    coarse = drawn_given(denoiser, known, given, particles=half, steps=fewer, seed=seed + 1, first=start)
    return replace(found, discretisation=(found.log_evidence - coarse.log_evidence).abs())


def _exactly(law: Law, given: Sequence[Given]) -> Conditional:
    found = Conditional(law, torch.zeros((), dtype=torch.float64))
    for one in given:
        if isinstance(one.noise, NoiseLaw):
            raise InputError(
                f"method is 'exact', but {type(one.noise).__name__} noise has no closed form: choose 'twisted', or leave method out"
            )
        if not one.affine:
            raise InputError(
                "method is 'exact', but curved marginals bend this measurement, so that it has no closed form: choose 'twisted', or leave "
                "method out"
            )
        following = found.law.condition(one.measurement, one.y, one.noise)
        found = Conditional(following.law, found.log_evidence + following.log_evidence)
    return found


def _say_few(found: Twisted, other: str) -> None:
    least = float(found.effective.min())
    if least < FEW:
        warnings.warn(
            f"only {least:.1f} of {found.law.log_weights.shape[-1]} particles carry the weight of the posterior, and "
            f"{int(found.ancestors.min())} of the first ones have descendants, so that bands are too narrow: give more particles, "
            f"{other}, or more noise",
            UserWarning,
            stacklevel=5,
        )
