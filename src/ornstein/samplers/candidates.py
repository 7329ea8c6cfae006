"""What tuning tries: methods, the net of grids that it begins with, and the refinement of the best."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import replace

from ornstein.denoisers import Gaussian
from ornstein.samplers.adams_bashforth import AdamsBashforth
from ornstein.samplers.base import Sampler
from ornstein.samplers.ddim import DDIM
from ornstein.samplers.dpm_solver import DPMSolver
from ornstein.samplers.exponential import Exponential, basis
from ornstein.samplers.heun import Heun
from ornstein.samplers.pilots import Candidate, Pilots
from ornstein.samplers.plan import Plan
from ornstein.samplers.unipc import UniPC

STANDARD: tuple[Sampler, ...] = (
    DDIM(),
    AdamsBashforth(2),
    AdamsBashforth(3),
    AdamsBashforth(4),
    DPMSolver(2),
    DPMSolver(3),
    UniPC(2),
    UniPC(3),
    Heun(),
)
"""The methods that know nothing of the covariance."""

STANDARD_LOWS = (0.1, 0.03, 0.01, 0.002)
LOWS = (0.3, 0.1, 0.03, 0.01)
"""Last noise levels to begin with, in deviations of the law. A standard method returns the denoised signal there, so it goes lower."""
POWERS = (1 / 7, 0.0)
"""Levels are evenly spaced in n^power: Karras' spacing, and equal steps of log n."""
JUMPS = (10.0, 5.0, 2.5)
"""Teleport levels to begin with, in deviations of the widest mode of the reference."""
FLOOR = 1e-5
"""The last level over the first, at least: below, the times of some schedules cannot be told from 0."""
ROUNDS = ((1.5, 0.12), (1.22, 0.06))
"""By how much a refinement moves the levels and the power: first, and then."""


def standard(pilots: Pilots, calls: int) -> Iterator[Candidate]:
    """Every standard method that has enough steps, on every grid from the start of the run."""
    for method in STANDARD:
        steps = max(n for n in range(1, calls + 1) if method.calls(n) <= calls)
        if method.memory < steps:
            for low, power in itertools.product(STANDARD_LOWS, POWERS):
                yield Candidate(method, _plan(pilots.strata.high, low * pilots.strata.unit, power, steps), steps)


def aware(pilots: Pilots, reference: Gaussian, calls: int) -> Iterator[Candidate]:
    """One covariance-aware method on every grid, with teleport and without."""
    method = Exponential(reference, order=min(2, max(1, calls - 1)), corrector=calls > 1)
    for low, power in itertools.product(LOWS, POWERS):
        one = Candidate(method, _plan(pilots.strata.high, low * pilots.strata.unit, power, calls), calls)
        yield from (one, *jumping(pilots, reference, one))


def jumping(pilots: Pilots, reference: Gaussian, one: Candidate) -> Iterator[Candidate]:
    """A candidate below a teleport to every level to begin with."""
    widest = math.sqrt(float(basis(reference).eigenvalues.max()))
    for jump in JUMPS:
        if jump * widest < pilots.strata.high:
            yield replace(one, plan=_plan(jump * widest, one.plan.low, one.plan.power, one.steps, jump=True))


def orders(reference: Gaussian, one: Candidate) -> list[Candidate]:
    """Every order of the covariance-aware step that a run of this length can have, on the grid of one."""
    methods = [Exponential(reference, order, corrector) for order in (1, 2, 3) for corrector in (False, True)]
    return [replace(one, method=m) for m in methods if m.memory < one.steps]


def refined(pilots: Pilots, best: Candidate, cases: range) -> Candidate:
    """Teleport level, last level and spacing by turns, each as long as the error falls, in two rounds."""
    if best.steps == 1 and not best.plan.jump:
        return best
    for factor, shift in ROUNDS:
        moves = [("high", factor), ("high", 1 / factor)] if best.plan.jump else []
        moves += [("low", factor), ("low", 1 / factor), ("power", shift), ("power", -shift)] if best.steps > 1 else []
        for what, by in moves:
            while (other := _moved(best, what, by, pilots.strata.high)) and pilots.rank(other, cases) < pilots.rank(best, cases):
                best = other
    return best


def _plan(high: float, low: float, power: float, steps: int, jump: bool = False) -> Plan:
    """A plan whose levels fall; where there is only one level, its place is all there is to choose."""
    return Plan(high, min(low, 0.5 * high), power, jump) if steps > 1 else Plan(high, high, 0.0, jump)


def _moved(one: Candidate, what: str, by: float, highest: float) -> Candidate | None:
    """The candidate with one number of its plan changed, or None where that leaves the allowed range."""
    plan = one.plan
    high, low = plan.high * (by if what == "high" else 1), plan.low * (by if what == "low" else 1)
    low = high if one.steps == 1 else low
    power = plan.power + (by if what == "power" else 0)
    if (
        high > highest
        or low < FLOOR * high
        or (one.steps > 1 and low > 0.5 * high)
        or not -0.5 <= power <= 1
        or (plan.jump and high == highest)
    ):
        return None
    return replace(one, plan=Plan(high, low, 0.0 if abs(power) < 1e-9 else power, plan.jump))
