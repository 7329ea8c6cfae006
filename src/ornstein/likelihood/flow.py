"""log p(x) by the probability flow: the density of the signals that a deterministic sampler draws, whatever the denoiser."""

from __future__ import annotations

import functools
import math
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ornstein.common import checks
from ornstein.common.errors import InputError, unknown_name
from ornstein.common.random import Noise
from ornstein.denoisers import Colored, Denoiser, Gaussian
from ornstein.likelihood import trace as traces
from ornstein.likelihood.density import Density
from ornstein.likelihood.frame import Frame, reference_of
from ornstein.likelihood.jacobian import Derivative, derivative
from ornstein.likelihood.levels import Levels, levels
from ornstein.likelihood.path import follow

FEW, EXACT = 64, 1024
"""Dimensions up to which the trace is taken exactly without asking, and up to which it may be, where a trial finds that cheaper."""
FIRST, LAST = 8, 128
"""Levels of the first grid where their number is not given, and of the last."""
PRODUCTS = 4096
"""Jacobian products that a case may cost by default where the trace is estimated."""
TRACES = ("auto", "exact", "estimate")
NUMBERS, MOST_CASES = 1 << 15, 4096
"""Numbers in the cases that are integrated together, and how many cases that may be: the slowest of them decides for all."""


CHECK = 1 << 19
"""Stream of the direction in which a derivative is tried, apart from those of the trace."""


class _Grid(NamedTuple):
    """What one grid found."""

    levels: Levels
    points: Tensor
    end: Tensor
    """log density without the integral (case,)."""
    value: Tensor
    """log density (case,)."""
    calls: int


@torch.no_grad()
def flow(
    denoiser: Denoiser,
    x: object,
    reference: Gaussian | None = None,
    *,
    sigma: float = 0.0,
    steps: int | None = None,
    error: float | None = None,
    trace: str = "auto",
    most: int = PRODUCTS,
    calls: int | None = None,
    seed: int = 0,
) -> Density:
    """log p_sigma(x) in nats along the probability flow dx/dsigma = (x - D) / sigma (Song et al. 2021, eq. 39), in a ``Frame``:

        log p(x) = log N(u_end; 0, I) - 1/2 sum_k log(lambda_k + sigma^2) - int tr (dD/dx - dD_G/dx) dlog sigma

    A Gaussian leaves nothing to integrate; for another law only what differs from its reference is. With a network it is the
    density of what the flow draws from the network, whether or not its answers are the score of any law.

    x          (case, *event)
    reference  the Gaussian to measure from; by default that of the denoiser. Where it is singular and sigma = 0 the density is taken on
               its support, and -inf outside
    sigma      noise level that x has already, in data scale
    steps      noise levels, one call each; without it 8, 16, 32, ... up to 128 until two grids agree within ``error``
    error      nats: for the discretisation, and for the standard error where the trace is estimated; default 0.05 or 0.001 d
    trace      "exact": d products a level; "estimate": random directions; "auto": exact up to 64 dimensions, and up to 1024 where a trial
               of four directions a level finds that random ones would need more products for ``error``
    most       products that one case may cost where the trace is estimated; above 1024 dimensions an exact one that costs more is refused
    calls      calls and products that one case may cost in all; the grid is then not refined, and the trace not estimated, beyond it

    The discretisation error is the difference to the grid with half as many levels. Cost with n levels: 1.5 n calls, and the products:
    1.5 n d exactly. Raises ``InputError`` for signals of another shape and a module that cannot be differentiated,
    and an exact trace of too many dimensions.
    """
    values = signals(denoiser, x)
    if isinstance(denoiser, Colored):
        more: dict[str, Any] = {"sigma": sigma, "steps": steps, "error": error, "trace": trace, "most": most, "calls": calls, "seed": seed}
        inner = flow(denoiser.inner, denoiser.whiten(values), reference, **more)
        return inner.shifted(-0.5 * float(denoiser.noise.logdet()))
    if trace not in TRACES:
        raise unknown_name("trace", trace, TRACES)
    level = checks.positive(sigma, "sigma", zero=True)
    if steps is not None:
        checks.count(steps, "steps", at_least=FIRST)
    frame = Frame.of(reference_of(denoiser, reference), level)
    allowed = default_error(frame.dimension) if error is None else checks.positive(error, "error")
    if trace == "exact" and frame.dimension > EXACT and (least := 3 * FIRST * frame.dimension // 2) > most:
        raise InputError(
            f"trace is 'exact', but {frame.dimension} dimensions take at least {least} Jacobian products a case: "
            f"use trace='estimate', which has a standard error, or allow them, most={least}"
        )
    exactly: bool | None = trace == "exact" or (trace == "auto" and frame.dimension <= FEW)
    if trace == "auto" and FEW < frame.dimension <= EXACT:
        exactly = None
    said = ""
    rows = max(1, min(MOST_CASES, NUMBERS // values[0].numel()))
    parts = []
    for first in range(0, len(values), rows):
        batch, noise = values[first : first + rows], Noise(seed, first)
        run = _Run.of(denoiser.of_cases(first, first + len(batch)), frame, batch, level, bool(exactly), noise)
        if exactly is None:
            exactly, said = _cheaper(run, allowed)
            run = run._replace(exactly=exactly)
        parts.append(_density(run, steps, allowed, most, calls))
    found = Density.joined(parts)
    return found.because(said) if said else found


def default_error(dimension: int) -> float:
    """Nats that a density may be off where nothing is said: a twentieth, or a thousandth for each dimension."""
    return max(0.05, 0.001 * dimension)


def signals(denoiser: Denoiser, x: object) -> Tensor:
    """x (case, *event) in float64, checked."""
    values = checks.tensor(x, "x")
    if tuple(values.shape[1:]) != denoiser.event_shape or not len(values):
        raise InputError(
            f"x has shape {tuple(values.shape)}, but must be (case, {', '.join(map(str, denoiser.event_shape))}), at least one case"
        )
    return values


class _Run(NamedTuple):
    """One batch of cases."""

    denoiser: Denoiser
    derivative: Derivative
    frame: Frame
    x: Tensor
    sigma: float
    exactly: bool
    noise: Noise

    @classmethod
    def of(cls, denoiser: Denoiser, frame: Frame, x: Tensor, sigma: float, exactly: bool, noise: Noise) -> _Run:
        """With the derivative of the denoiser, tried where about half of the modes are hidden by the noise."""
        direction = frame.basis.unrotate(frame.inside * noise.normal(len(x), (len(frame.inside),), CHECK).sign())
        middle = float(frame.eigenvalues[frame.eigenvalues > 0].median().sqrt())
        return cls(denoiser, derivative(denoiser, x, max(sigma, middle), direction), frame, x, sigma, exactly, noise)

    def grid(self, steps: int) -> _Grid:
        """What ``steps`` levels find; where the trace is estimated, by the directions that all grids share."""
        chosen = levels(self.frame, steps, self.sigma)
        points = follow(self.denoiser, self.frame, self.x, chosen, self.sigma)
        find = traces.exact if self.exactly else functools.partial(traces.shared, noise=self.noise)
        found = find(self.derivative, self.frame, points, chosen)
        end = self.frame.log_prob(points[-1], self.sigma)
        return _Grid(chosen, points, end, end - found.value, steps + found.products)


def _cheaper(run: _Run, error: float) -> tuple[bool, str]:
    """Whether every direction costs fewer products than the random ones that ``error`` nats take, by a trial on the first grid."""
    chosen = levels(run.frame, FIRST, run.sigma)
    points = follow(run.denoiser, run.frame, run.x, chosen, run.sigma)
    trial = traces.estimated(run.derivative, run.frame, points, chosen, noise=run.noise, error=error, most=traces.PILOT * FIRST)
    needed = trial.products * max(1.0, float(trial.error.median()) / error) ** 2
    every = run.frame.dimension * FIRST
    verdict = "more" if every > needed else "less"
    random = f"the {needed:.0f} random ones that {error:.3g} nats take"
    return every <= needed, f"all {every} directions of {FIRST} levels cost {verdict} than {random}"


def _density(run: _Run, steps: int | None, error: float, most: int, calls_allowed: int | None) -> Density:
    """On a grid and its half, or on grids that double until they agree."""
    many = FIRST if steps is None else steps
    outside = ~run.frame.holds(run.x)
    coarse, fine = run.grid(many // 2), run.grid(many)
    calls = coarse.calls + fine.calls
    room = math.inf if calls_allowed is None else calls_allowed
    each = 1 + (run.frame.dimension if run.exactly else traces.DIRECTIONS)
    while (
        steps is None
        and many < LAST
        and calls + 2 * many * each <= room
        and float((fine.value - coarse.value).masked_fill(outside, 0).abs().amax()) > error
    ):
        many *= 2
        coarse, fine = fine, run.grid(many)
        calls += fine.calls
    off = (fine.value - coarse.value).abs()
    value, deviation, how = fine.value, torch.zeros_like(off), f"the exact trace in {run.frame.dimension} dimensions"
    if not run.exactly:
        spare = max(0, int(min(most, room - calls)))
        found = traces.estimated(run.derivative, run.frame, fine.points, fine.levels, noise=run.noise, error=error, most=spare)
        value, deviation = fine.end - found.value, found.error
        calls, how = calls + found.products, f"a trace by {found.products} random directions"
    why = f"probability flow on {many} noise levels with {how}"
    return Density.estimate(value, (deviation, off), outside, calls, "flow", why)
