"""The tuner: what it measures is the path error, what it returns can be run, and it is better than any standard method by a margin."""

from __future__ import annotations

import functools
import math
from dataclasses import replace

import pytest
import torch
from steps import LAW

from kinds import EVENT, mixture
from ornstein.common.errors import InputError
from ornstein.common.random import Noise
from ornstein.covariance import Diagonal
from ornstein.denoisers import Denoiser, Gaussian, Law, Mixture, Posterior
from ornstein.denoisers.matched import matched
from ornstein.samplers import Exact, Sampler, run, sample
from ornstein.samplers.adams_bashforth import AdamsBashforth
from ornstein.samplers.candidates import POWERS, STANDARD, STANDARD_LOWS
from ornstein.samplers.exponential import Exponential
from ornstein.samplers.pilots import Candidate, Pilots
from ornstein.samplers.plan import Plan
from ornstein.samplers.strata import POOL, SENSITIVE
from ornstein.samplers.teleport import Teleport
from ornstein.samplers.tuning import Trial, Tuned, tune
from ornstein.schedules import VE, VP, Cosine, Discrete, Grid, RectifiedFlow, Schedule

CASES = 16


class Network(Denoiser):
    """A law of which only the denoiser is known; counts the cases it is called with."""

    def __init__(self, law: Law) -> None:
        self.law, self.event_shape, self.evaluations = law, law.event_shape, 0

    def __call__(self, x: torch.Tensor, sigma: float | torch.Tensor) -> Posterior:
        self.evaluations += len(x)
        return Posterior(self.law(x, sigma).mean)


@functools.cache
def tuned(calls: int) -> Tuned:
    return tune(mixture(), VE(), calls, cases=CASES)


@functools.cache
def fresh() -> tuple[torch.Tensor, torch.Tensor]:
    """Starts that no pilot has, and where 200 steps of a standard method end."""
    law = mixture()
    x = 80 * Noise(99).normal(128, law.event_shape) + law.mean()
    fine = Plan(80.0, 0.001, 0.0).grid(VE(), 200, 1.0)
    *_, last = run(AdamsBashforth(3), law, VE(), fine, x, Noise())
    return x, last.x


def path_error(sampler: Sampler, grid: Grid) -> float:
    """Relative to the deviation of the law."""
    law, (x, truth) = mixture(), fresh()
    *_, found = run(sampler, law, VE(), grid, x, Noise())
    return float((found.x - truth).square().mean().sqrt()) / math.sqrt(float(law.covariance().trace()) / law.size)


@pytest.mark.parametrize("calls", [5, 10])
def test_better_than_every_standard_method_on_fresh_cases(calls: int) -> None:
    """Its own error, and that of the best of all standard methods on Karras' grid and two others, on cases it has not seen."""
    choice = tuned(calls)
    network = Network(mixture())
    sample(network, choice.sampler, VE(), choice.grid, 1)
    assert network.evaluations <= calls
    best = math.inf
    for method in STANDARD:
        steps = max(n for n in range(1, calls + 1) if method.calls(n) <= calls)
        if method.memory < steps:
            for low, power in ((0.002, 1 / 7), (0.03, 0.0), (0.1, 0.0)):
                best = min(best, path_error(method, Plan(80.0, low, power).grid(VE(), steps, 1.0)))
    assert path_error(choice.sampler, choice.grid) < 0.6 * best
    assert choice.measured < choice.standard.error  # type: ignore[union-attr]  # there is one: standard methods were tried


def test_the_result_repeats_and_states_its_cost() -> None:
    network = Network(mixture())
    reference = matched(mixture())
    first = tune(network, VE(), 5, reference=reference, cases=8)
    assert first.evaluations == network.evaluations
    second = tune(network, VE(), 5, reference=reference, cases=8)
    assert (first.error, first.grid.times.tolist()) == (second.error, second.grid.times.tolist())
    errors = [t.error for t in first.trials if t.cases == first.trials[0].cases]
    assert errors == sorted(errors)
    assert all(t.cases <= 2 * 8 for t in first.trials)


def test_pilots_measure_the_path_error() -> None:
    """The error of a candidate against one written out: ends of a 160-step run, strata weighted by what they stand for."""
    law, schedule = mixture(), VE()
    pilots = Pilots.of(law, schedule, matched(law), 16, 0)
    assert pilots.strata.x.shape == (16, *EVENT)
    assert int(pilots.strata.sensitive.sum()) == 16 * SENSITIVE // 8
    candidate = Candidate(AdamsBashforth(3), Plan(80.0, 0.05, 0.0), 8)
    found = pilots.error(candidate, range(16))
    calls = pilots.denoiser.evaluations
    assert pilots.error(candidate, range(8, 16)) != found
    assert pilots.error(candidate) == found
    assert pilots.denoiser.evaluations == calls
    *_, last = run(AdamsBashforth(3), law, schedule, pilots.grid(candidate), pilots.strata.x, Noise())
    square = (last.x - pilots.truth).square().flatten(1).mean(1)
    share = SENSITIVE / 8 / POOL
    mean = share * square[pilots.strata.sensitive].mean() + (1 - share) * square[~pilots.strata.sensitive].mean()
    assert found == pytest.approx(math.sqrt(float(mean)) / pilots.strata.scale, rel=1e-12)
    assert pilots.rank(candidate, range(16)) == pytest.approx(float(square.mean()))
    spread = math.sqrt(float(law.covariance().trace()) / law.size)
    assert pilots.strata.scale == pytest.approx(spread, rel=0.3)  # a rms over 128 cases of 6 entries
    fine = Grid(torch.cat([torch.logspace(0, -5, 300, dtype=torch.float64), torch.zeros(1, dtype=torch.float64)]))
    *_, truth = run(AdamsBashforth(3), law, schedule, fine, pilots.strata.x, Noise())
    assert torch.allclose(truth.x, pilots.truth, atol=2e-3)


def test_sensitive_pilots_lie_at_the_border() -> None:
    """Two narrow modes at +-3: a path ends in the one whose side it starts on, and the sensitive starts are those near 0."""
    part = Diagonal(torch.tensor([0.3, 0.3]))
    law = Mixture(torch.ones(2), [Gaussian(torch.tensor([s * 3.0, 0.0], dtype=torch.float64), part) for s in (-1, 1)])
    pilots = Pilots.of(law, VE(), matched(law), 64, 0)
    aside = pilots.strata.x[:, 0].abs()
    assert float(aside[pilots.strata.sensitive].median()) < 0.5 * float(aside[~pilots.strata.sensitive].median())


def test_a_gaussian_is_solved_in_closed_form() -> None:
    choice = tune(LAW, Cosine(), 5)
    assert (choice.sampler, choice.error, choice.measured, choice.evaluations, len(choice.grid)) == (Exact(), 0.0, 0.0, 0, 1)
    known = tune(Network(LAW), VE(), 3, reference=LAW, cases=8)
    assert isinstance(known.sampler, Exponential | Teleport)
    assert known.error < 1e-9


def test_without_a_reference_only_standard_methods_are_tried() -> None:
    choice = tune(Network(mixture()), VE(), 4, cases=8)
    assert all(t.sampler in STANDARD for t in choice.trials)
    assert choice.standard is not None
    assert choice.measured == choice.standard.error < choice.error
    assert choice.sampler == choice.standard.sampler


@pytest.mark.parametrize(
    ("schedule", "calls"), [(RectifiedFlow(), 4), (VP(), 1), (Cosine(), 2), (Discrete.sigmoid(), 6)], ids=["flow", "vp", "cosine", "chain"]
)
def test_every_kind_of_schedule(schedule: Schedule, calls: int) -> None:
    """Ends at alpha = 0, discrete times, and a single call: the result runs, with the calls that were asked for."""
    choice = tune(mixture(), schedule, calls, cases=8)
    network = Network(mixture())
    x = sample(network, choice.sampler, schedule, choice.grid, 2)
    assert network.evaluations <= 2 * calls
    assert bool(torch.isfinite(x).all())
    assert math.isfinite(choice.error)


def test_plans() -> None:
    plan = Plan(20.0, 0.1, 0.0)
    levels = VE().noise_level(plan.grid(VE(), 5, 1.0).times)
    assert torch.allclose(levels[1:5].log().diff(), torch.full((3,), math.log(0.1 / 20) / 4, dtype=torch.float64), atol=1e-12)
    assert float(levels[0]) == 80.0
    karras = replace(plan, high=80.0, low=0.002, power=1 / 7).grid(VE(), 6, 1.0)
    assert torch.allclose(karras.times, VE().grid(6).times, atol=1e-12)
    jump = VE().noise_level(replace(plan, jump=True).grid(VE(), 5, 1.0).times)
    assert jump[[0, 1, 5, 6]].tolist() == pytest.approx([80.0, 20.0, 0.1, 0.0])


def test_what_it_refuses() -> None:
    with pytest.raises(InputError, match="cases is 4"):
        tune(mixture(), VE(), 5, cases=4)
    with pytest.raises(InputError, match="calls is 0"):
        tune(mixture(), VE(), 0)


def test_standard_methods_are_refined_and_get_a_teleport() -> None:
    """What was tried goes beyond the grids of the beginning, and below a jump; the best plain one is measured on 16 starts a pilot."""
    choice = tuned(5)
    plain = [t for t in choice.trials if t.sampler in STANDARD and t.cases >= CASES]
    assert any(not any(_begins(t, low, power) for low in STANDARD_LOWS for power in POWERS) for t in plain)
    assert any(isinstance(t.sampler, Teleport) and t.sampler.inner in STANDARD and t.cases == 2 * CASES for t in choice.trials)
    assert choice.standard is not None
    assert choice.standard.cases == 16 * CASES
    assert choice.measured < choice.error


def _begins(trial: Trial, low: float, power: float) -> bool:
    """Whether a trial ran on one of the first grids."""
    scale = math.sqrt(float(mixture().covariance().trace()) / mixture().size)
    grid = Plan(80.0, low * scale, power).grid(VE(), len(trial.grid), 1.0)
    return len(grid) == len(trial.grid) and torch.allclose(grid.times, trial.grid.times, rtol=1e-6)
