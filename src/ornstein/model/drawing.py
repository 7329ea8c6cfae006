"""How a model draws: its denoiser under a condition and on a device, and the run that was asked for in names."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ornstein.common import checks
from ornstein.common.errors import InputError
from ornstein.covariance import Spectral, as_spectral
from ornstein.denoisers import Denoiser, guided
from ornstein.fitting.conditions import Conditions
from ornstein.model.methods import AUTO, grid_named, reference_of, sampler_named, schedule_named
from ornstein.nets import Condition
from ornstein.samplers import Sampler, Steps, Tuned, tune
from ornstein.schedules import Grid, Schedule

STEPS = 50
DEFAULT_SAMPLER, PLAIN_SAMPLER = "exponential", "dpm++2m"
"""For a denoiser that cannot be drawn from, with a Gaussian of its signals and without: one call a step, order 2."""


def told(conditions: Conditions | None, label: object, condition: object, cases: int) -> Condition | None:
    """A label and a condition in the user's units as a network sees them, or None. Refused where the model knows none."""
    if label is None and condition is None:
        return None
    if conditions is None:
        given = "label" if label is not None else "condition"
        raise InputError(f"{given} is given, but this model was fitted without labels and conditions: leave it out")
    return conditions.given(label, condition, cases)


def under(
    law: Denoiser,
    conditions: Conditions | None,
    label: object,
    condition: object,
    guidance: float,
    cases: int,
    *,
    first: int = 0,
    device: torch.device | str | None = None,
) -> Denoiser:
    """The denoiser that ``Model.sample`` runs: on its device, under a condition, with guidance towards it."""
    given, guidance = told(conditions, label, condition, cases), checks.real(guidance, "guidance")
    if conditions is None and guidance != 1:
        raise InputError(f"guidance is {guidance:g}, but this model was fitted without labels and conditions: leave it out")
    return guided(law.on(device), given, guidance, first=first)


def default_sampler(law: Denoiser) -> str:
    """The name of the sampler where none is given: what solves the Gaussian part exactly, where that is known by its eigenbasis."""
    known = law.reference
    aware = known is not None and isinstance(known.operator, Spectral) and not known.batch_shape
    return DEFAULT_SAMPLER if aware else PLAIN_SAMPLER


def run_of(
    law: Denoiser,
    sampler: str | Sampler | Tuned | None,
    steps: Steps | None,
    schedule: str | Schedule,
    grid: str,
    tuned: dict[tuple[int, Schedule], Tuned],
) -> tuple[Sampler, Schedule, Steps]:
    """(sampler, schedule, steps) of a run, with every name looked up; what "auto" finds is kept in ``tuned``."""
    plan = schedule_named(schedule)
    sampler, steps = sampler or default_sampler(law), STEPS if steps is None else steps
    if sampler == AUTO:
        calls = checks.count(steps, "steps")
        if (calls, plan) not in tuned:
            here = law.on()
            tuned[calls, plan] = tune(here, plan, calls, reference=here.reference)
        sampler = tuned[calls, plan]
    if isinstance(sampler, Tuned):
        return sampler.sampler, sampler.schedule, sampler.grid
    method = sampler_named(sampler, law)
    if grid == "own":
        return method, plan, steps
    if isinstance(steps, Grid | list | tuple | Tensor | np.ndarray):
        raise InputError(f"grid is {grid!r}, but steps already lists the times: give a number of steps, or leave grid out")
    named = grid_named(grid, plan, checks.count(steps, "steps"), method, lambda: as_spectral(reference_of(law).operator))
    return method, plan, named
