"""One door: the log-density of any denoiser, by the method that fits."""

from __future__ import annotations

import math
from typing import TypeGuard

from torch import Tensor

from ornstein.common import checks
from ornstein.common.errors import InputError, counted, unknown_name
from ornstein.covariance import Spectral
from ornstein.denoisers import Colored, Denoiser, Gaussian, Law, Mixture, Network
from ornstein.likelihood.bound import bound
from ornstein.likelihood.density import Density
from ornstein.likelihood.flow import FEW, FIRST, flow, signals
from ornstein.likelihood.frame import Frame, reference_of
from ornstein.likelihood.mmse import CALLS, FINER, PILOT, STRATA, mmse
from ornstein.likelihood.trace import DIRECTIONS
from ornstein.likelihood.trace import PILOT as PROBES

METHODS = ("auto", "exact", "flow", "mmse", "bound")
LEAST = 3 * FIRST * (1 + DIRECTIONS) // 2 + FIRST * PROBES, 2 * (PILOT * STRATA + FINER + 1)
"""Calls of the shortest flow (grids of 4 and 8 levels, two shared directions each, and a pilot of four at each of the last), and of the
shortest I-MMSE."""
PROBED = 4096
"""Dimensions up to which "auto" follows the flow with an estimated trace: above, so many Jacobian products and the memory that they take
cost more than the independent calls of I-MMSE."""


def log_density(
    denoiser: Denoiser,
    x: object,
    reference: Gaussian | None = None,
    *,
    method: str = "auto",
    error: float | None = None,
    calls: int | None = None,
    seed: int = 0,
) -> Density:
    """log p(x) in nats for x (case, *event), with its errors and its price.

    method  "exact"  the closed form of an analytic law
            "flow"   the probability flow: the density of what a deterministic sampler draws (``flow``)
            "mmse"   the errors of the denoiser, without a Jacobian; with a network, a lower bound for the stochastic sampler (``mmse``)
            "bound"  a lower bound for a stochastic sampler of 32 steps (``bound``)
            "auto"   exact where there is a closed form; otherwise the flow up to 4096 dimensions, with the exact trace up to 64 and, where
                     a trial finds it cheaper and ``calls`` pay for it, up to 1024; I-MMSE beyond. ``why`` says it
    calls   calls and Jacobian products that one case may cost; default: as many as ``error`` takes, up to thousands
    error   nats that the answer may be off; default 0.05, or 0.001 for each dimension. Where the budget of calls is spent before, the
            errors that come back say so
    seed    of everything random: the same for models that are compared makes their difference sharper than each of them

    Raises ``InputError`` for another method, for "exact" without a closed form, and what the methods raise.
    """
    if method not in METHODS:
        raise unknown_name("method", method, METHODS)
    found = _found(denoiser, x, reference, method, error, calls, seed)
    said = supported(denoiser, signals(denoiser, x)) if found.method == "exact" else ""
    return found.because(said or _impossible(denoiser, x, reference, found.value))


def _found(
    denoiser: Denoiser, x: object, reference: Gaussian | None, method: str, error: float | None, calls: int | None, seed: int
) -> Density:
    """The density, without a word on its support."""
    if method == "exact" or (method == "auto" and closed_form(denoiser)):
        if not closed_form(denoiser):
            kind = type(denoiser).__name__
            raise InputError(f"method is 'exact', but a {kind} has no density in closed form: use 'auto', or fit 'gaussian' or 'mixture'")
        return Density.exact(denoiser.log_prob(signals(denoiser, x)))
    if isinstance(denoiser, Network) and denoiser.inpaints and denoiser.condition is not None and denoiser.condition.signal is not None:
        raise InputError("this network was told entries of the signals themselves, which have no density: ask it without a condition")
    if method == "bound":
        return bound(denoiser, x, reference, seed=seed)
    size = math.prod(denoiser.event_shape)
    alone = method == "mmse" or (method == "auto" and size > PROBED)
    budget = None if calls is None else checks.count(calls, "calls", at_least=LEAST[alone])
    if alone:
        found = mmse(denoiser, x, reference, error=error, most=CALLS if budget is None else budget, seed=seed)
        return found if method == "mmse" else found.because(f"{size} dimensions are too many for the Jacobian of a flow")
    rich = budget is None or 1.5 * FIRST * (1 + size) <= budget
    found = flow(denoiser, x, reference, error=error, trace="auto" if rich else "estimate", calls=budget, seed=seed)
    if method == "flow":
        return found
    if not rich:
        return found.because(f"{budget} calls do not pay for all {size} directions")
    return found.because(f"{size} dimensions are few enough for every direction") if size <= FEW else found


def supported(denoiser: Denoiser, x: Tensor) -> str:
    """Of a law without variance in some direction: the dimension of its support, and what takes cases x (case, *event) out of it.

    "" for laws with variance everywhere, for mixtures whose components do not share one support, and for all other laws.
    """
    size, dimension = math.prod(denoiser.event_shape), _dimension(denoiser)
    if dimension in (0, size):
        return ""
    frame = Frame.of(reference_of(denoiser), 0.0)
    if frame.dimension != dimension:
        return ""
    said = f"taken on its support, {dimension} of {size} dimensions"
    outside = ~frame.holds(x)
    if not bool(outside.any()):
        return said
    return f"{said}, and {counted(int(outside.sum()), 'case')} outside it: {_off(frame, x, outside)}"


def _dimension(denoiser: Denoiser) -> int:
    """The dimension of the support of one Gaussian, or of every component of a mixture; 0 where it is not one number."""
    parts = denoiser.components if isinstance(denoiser, Mixture) else (denoiser,) if isinstance(denoiser, Gaussian) else ()
    known = [part.covariance() for part in parts if not part.batch_shape]
    ranks = {operator.rank() for operator in known if isinstance(operator, Spectral)}
    return ranks.pop() if len(ranks) == 1 and len(known) == len(parts) else 0


def _off(frame: Frame, x: Tensor, outside: Tensor) -> str:
    """How far the first case ``outside`` is off the support, and where most."""
    first = int(outside.nonzero()[0])
    off = frame.off(x[first : first + 1])[0]
    return f"case {first} is off by {float(off.norm()):.3g}, most at entry {int(off.abs().argmax())}"


def _impossible(denoiser: Denoiser, x: object, reference: Gaussian | None, value: Tensor) -> str:
    """Why cases x (case, *event) have log p = -inf, by what takes them out of the span of the law where anything does; "" without any."""
    outside = value.isneginf()
    if not bool(outside.any()):
        return ""
    many, values = counted(int(outside.sum()), "case"), signals(denoiser, x)
    known = reference_of(denoiser.inner if isinstance(denoiser, Colored) else denoiser, reference)
    if bool((known.covariance().diagonal() > 0).any()):
        frame = Frame.of(known, 0.0)
        beyond = outside & ~frame.holds(values)
        if bool(beyond.any()):
            return f"{many} outside its support: {_off(frame, values, beyond)}"
    return f"{many} outside its support: case {int(outside.nonzero()[0])} is none that the law can draw"


def closed_form(denoiser: Denoiser) -> TypeGuard[Law | Colored]:
    """Whether a denoiser has its density in closed form."""
    return isinstance(denoiser, Law) or (isinstance(denoiser, Colored) and isinstance(denoiser.inner, Law))
