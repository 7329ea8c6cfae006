"""Choosing method, order, grid and teleport level for a number of calls, by measuring them on pilot cases."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch

from ornstein.common import checks
from ornstein.covariance import Spectral
from ornstein.denoisers import Denoiser, Gaussian, Law
from ornstein.denoisers.matched import matched
from ornstein.samplers.adams_bashforth import AdamsBashforth
from ornstein.samplers.base import Sampler
from ornstein.samplers.ddim import DDIM
from ornstein.samplers.dpm_solver import DPMSolver
from ornstein.samplers.exact import Exact
from ornstein.samplers.exponential import Exponential, basis
from ornstein.samplers.heun import Heun
from ornstein.samplers.pilots import Candidate, Pilots
from ornstein.samplers.plan import Plan
from ornstein.samplers.unipc import UniPC
from ornstein.schedules import Grid, Schedule

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


@dataclass(frozen=True)
class Trial:
    """What was tried, and its rms path error, relative to the deviation of the law, on ``cases`` pilots."""

    sampler: Sampler
    grid: Grid
    error: float
    cases: int


@dataclass(frozen=True)
class Tuned:
    """The choice, for any number of samples: ``sample(denoiser, tuned.sampler, tuned.schedule, tuned.grid, n)``.

    error        rms difference of x_0 to the converged flow from the same start, relative to the deviation of the law, on pilots
                 that only decided among the finalists
    standard     the best finalist that knows nothing of the covariance, on the same pilots; None where nothing had to be tried
    trials       everything that was tried, with its error on all the pilots it ran on: those with the most pilots first, then by error
    evaluations  the cost: denoiser calls times cases, those of the converged flow included
    """

    sampler: Sampler
    schedule: Schedule
    grid: Grid
    error: float
    standard: Trial | None
    trials: tuple[Trial, ...]
    evaluations: int


@torch.no_grad()
def tune(denoiser: Denoiser, schedule: Schedule, calls: int, *, reference: Gaussian | None = None, cases: int = 64, seed: int = 0) -> Tuned:
    """The sampler and the grid of least path error at ``calls`` denoiser calls, by trial on pilot cases.

    reference  the Gaussian that the covariance-aware methods solve; by default the one of the same moments where the denoiser is a
               ``Law``. Without one only the standard methods are tried, on grids for signals of unit scale
    cases      how many pilots choose; as many fresh ones decide among the finalists

    Half of the pilots meet every standard method on eight grids, and one covariance-aware method on 32, with teleport to three levels
    and without, whose best grids meet every order. All pilots meet the best of each. The two best covariance-aware candidates are
    refined in teleport level, last level and spacing. The finalists, two standard methods among them, also run on the fresh pilots,
    and the best of them on both is the choice: no worse than the best standard method but by chance.

    Chance matters where modes are separate: the mean square then rests on the few cases in a thousand that end in another mode. The
    pilots hold starts near such borders (``Strata``), and the choice allows for them, but the ``error`` that is stated counts no event
    rarer than its pool. On 1600 fresh cases of eight laws the error was up to 3 times as large at 5 to 10 calls, and up to 8 times at
    20, where one path in 2000 that ends elsewhere outweighs all the others.

    Cost: about ``cases`` (960 + 115 calls) evaluations, stated in the result. A Gaussian with a known basis needs none: its flow is
    returned in closed form. The noise of pilots is not that of samples.
    """
    calls, cases = checks.count(calls, "calls"), checks.count(cases, "cases", at_least=8)
    if isinstance(denoiser, Gaussian) and isinstance(denoiser.operator, Spectral) and not denoiser.batch_shape:
        return Tuned(Exact(), schedule, Grid(torch.tensor([1.0, 0.0])), 0.0, None, (), 0)
    if reference is None and isinstance(denoiser, Law):
        reference = matched(denoiser)
    pilots = Pilots.of(denoiser, schedule, reference, 2 * cases, seed)
    few, every, fresh, both = range(max(8, cases // 2)), range(cases), range(cases, 2 * cases), range(2 * cases)
    standard = pilots.best(pilots.best(_standard(pilots, calls), few, keep=8), every, keep=2)
    finalists = list(standard)
    if reference is not None:
        first = Exponential(reference, order=min(2, max(1, calls - 1)), corrector=calls > 1)
        begin = (Candidate(first, plan, calls) for plan in _plans(pilots, reference, calls))
        grids = pilots.best(begin, few, keep=6)
        orders = (replace(one, method=m) for one in grids for m in _methods(reference, calls))
        found = pilots.best(pilots.best(orders, few, keep=8), every, keep=2)
        finalists += [_refined(pilots, one, every) for one in found]
    chosen, plain = pilots.best(finalists, both, keep=1)[0], pilots.best(standard, both, keep=1)[0]
    trials = sorted((_trial(pilots, c) for c in pilots.known), key=lambda t: (-t.cases, t.error))
    return Tuned(
        pilots.sampler(chosen),
        schedule,
        pilots.grid(chosen),
        pilots.error(chosen, fresh),
        Trial(plain.method, pilots.grid(plain), pilots.error(plain, fresh), cases),
        tuple(trials),
        pilots.denoiser.evaluations,
    )


def _standard(pilots: Pilots, calls: int) -> Iterator[Candidate]:
    """Every standard method that has enough steps, on every grid from the start of the run."""
    for method in STANDARD:
        steps = max(n for n in range(1, calls + 1) if method.calls(n) <= calls)
        if method.memory < steps:
            for low, power in itertools.product(STANDARD_LOWS, POWERS):
                yield Candidate(method, _plan(pilots.strata.high, low * pilots.strata.unit, power, steps), steps)


def _plans(pilots: Pilots, reference: Gaussian, calls: int) -> Iterator[Plan]:
    """The coarse net of grids for a method that knows the reference, with teleport and without."""
    widest = math.sqrt(float(basis(reference).eigenvalues.max()))
    for low, power in itertools.product(LOWS, POWERS):
        yield _plan(pilots.strata.high, low * pilots.strata.unit, power, calls)
        for jump in JUMPS:
            if jump * widest < pilots.strata.high:
                yield _plan(jump * widest, low * pilots.strata.unit, power, calls, jump=True)


def _plan(high: float, low: float, power: float, steps: int, jump: bool = False) -> Plan:
    """A plan whose levels fall; where there is only one level, its place is all there is to choose."""
    return Plan(high, min(low, 0.5 * high), power, jump) if steps > 1 else Plan(high, high, 0.0, jump)


def _methods(reference: Gaussian, calls: int) -> list[Sampler]:
    """Every order of the covariance-aware step that a run of this length can have."""
    methods = [Exponential(reference, order, corrector) for order in (1, 2, 3) for corrector in (False, True)]
    return [m for m in methods if m.memory < calls]


def _refined(pilots: Pilots, best: Candidate, cases: range) -> Candidate:
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


def _trial(pilots: Pilots, candidate: Candidate) -> Trial:
    done = int(pilots.known[candidate].isfinite().sum())
    return Trial(pilots.sampler(candidate), pilots.grid(candidate), pilots.error(candidate), done)
