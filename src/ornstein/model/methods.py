"""Samplers, schedules and grids by name, for the model and the command line."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from ornstein.common.errors import InputError, unknown_name
from ornstein.covariance import Spectral
from ornstein.denoisers import Denoiser, Gaussian, Law, matched
from ornstein.samplers import (
    DDIM,
    DDPM,
    DEIS,
    RK4,
    AdamsBashforth,
    Adaptive,
    Ancestral,
    DPMSolver,
    DPMSolverSDE,
    Euler,
    Exact,
    Exponential,
    Heun,
    PredictorCorrector,
    Restart,
    Sampler,
    StochasticHeun,
    UniPC,
)
from ornstein.schedules import VE, VP, Cosine, Discrete, Grid, RectifiedFlow, Schedule, grids

T = TypeVar("T")

SAMPLERS: dict[str, Sampler] = {
    "exact": Exact(),
    "exact-stochastic": Exact(stochastic=True),
    "ancestral": Ancestral(),
    "ddim": DDIM(),
    "ddpm": DDPM(),
    "ddpm-large": DDPM(variance="large"),
    "euler": Euler(),
    "heun": Heun(),
    "rk4": RK4(),
    "adaptive": Adaptive(),
    "adams-bashforth": AdamsBashforth(),
    "deis": DEIS(),
    "dpm++2m": DPMSolver(2),
    "dpm++3m": DPMSolver(3),
    "dpm++2m-sde": DPMSolverSDE(2),
    "dpm++3m-sde": DPMSolverSDE(3),
    "unipc": UniPC(3),
    "heun-churn": StochasticHeun(),
    "langevin": PredictorCorrector(DDPM()),
    "restart": Restart(Heun(), low=0.05, high=0.5),
}
"""Samplers that need nothing but a denoiser."""

AWARE: dict[str, Callable[[Gaussian], Sampler]] = {
    "exponential": Exponential,
    "ancestral-gaussian": lambda reference: Ancestral("gaussian", reference),
}
"""Samplers that solve the part of a Gaussian with the mean and covariance of the data exactly."""

AUTO = "auto"
"""The name that stands for a choice by trial, ``samplers.tune``."""

SCHEDULES: dict[str, Callable[[], Schedule]] = {
    "cosine": Cosine,
    "flow": RectifiedFlow,
    "sigmoid": Discrete.sigmoid,
    "ve": VE,
    "vp": VP,
}

GRIDS: dict[str, Callable[[Schedule, int], Grid]] = {
    "own": lambda schedule, steps: schedule.grid(steps),
    "uniform": grids.uniform,
    "karras": grids.karras,
    "log-snr": grids.log_snr,
}
"""Grids that need nothing but a schedule."""

SPECTRAL = "spectral"
"""The name of the grid that is laid for the eigenvalues of the law."""


def names() -> list[str]:
    """Every name that ``sampler_named`` knows, and "auto"."""
    return [*SAMPLERS, *AWARE, AUTO]


def schedule_named(schedule: str | Schedule) -> Schedule:
    """The schedule itself, or the one of that name."""
    return schedule if isinstance(schedule, Schedule) else look_up("schedule", schedule, SCHEDULES)()


def sampler_named(sampler: str | Sampler, denoiser: Denoiser) -> Sampler:
    """The sampler itself, or the one of that name for this denoiser."""
    if isinstance(sampler, Sampler):
        return sampler
    if sampler in AWARE:
        return AWARE[sampler](reference_of(denoiser))
    if sampler not in SAMPLERS:
        raise unknown_name("sampler", sampler, names())
    return SAMPLERS[sampler]


def grid_named(grid: str, schedule: Schedule, steps: int, sampler: Sampler, operator: Callable[[], Spectral]) -> Grid:
    """``steps`` steps of the grid of that name. Only "spectral" asks for the covariance of the law."""
    if grid in GRIDS:
        return GRIDS[grid](schedule, steps)
    if grid != SPECTRAL:
        raise unknown_name("grid", grid, [*GRIDS, SPECTRAL])
    law = operator()
    # order 2 is the error of Heun and its kin, which look at no past; all others stand on DDIM's steps
    order = 2 if sampler.order > 1 and not sampler.memory else 1
    return grids.spectral(schedule, steps, law.eigenvalues, order, law.multiplicity)


def reference_of(denoiser: Denoiser) -> Gaussian:
    """The Gaussian with the mean and covariance of the law."""
    if isinstance(denoiser, Law):
        return matched(denoiser)
    known = denoiser.reference
    if known is None:
        raise InputError(
            f"this needs the mean and covariance of the law, which a {type(denoiser).__name__} does not know: "
            "pass a sampler object with its own reference, such as samplers.Exponential(reference)"
        )
    return known


def look_up(what: str, name: str, table: Mapping[str, T]) -> T:
    """The entry of that name, or the error that lists what there is."""
    if name not in table:
        raise unknown_name(what, name, table)
    return table[name]
