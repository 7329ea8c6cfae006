"""What ``bench samplers`` measures, and how it is shown: rows, JSON and plots."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

import ornstein as orn
from ornstein import plots
from ornstein.cli.simulations import of_signals
from ornstein.common.checks import count
from ornstein.common.errors import InputError, unknown_name
from ornstein.common.signals import Signals
from ornstein.covariance import Dense, Spectral, as_spectral
from ornstein.data.laws import cosines_covariance, ornstein_uhlenbeck_covariance
from ornstein.denoisers import Gaussian
from ornstein.model.methods import AWARE, GRIDS, SAMPLERS, SCHEDULES, SPECTRAL, grid_named, look_up
from ornstein.samplers import Sampler
from ornstein.samplers.certificate import Certificate
from ornstein.samplers.certify import certify
from ornstein.schedules import Grid, Schedule

LAWS: dict[str, Callable[[], Tensor]] = {"cosines": cosines_covariance, "ornstein-uhlenbeck": ornstein_uhlenbeck_covariance}
_DPI = 150
_ROUNDING = 1e-10
"""Errors below this are those of float64, and shown as 0."""


class Run(NamedTuple):
    """A sampler, a number of steps, and what came of them."""

    sampler: str
    steps: int
    found: Certificate


def samplers_named(given: str | None) -> list[str]:
    """The samplers of a list with commas, each once; all of them for None."""
    known = {**SAMPLERS, **AWARE}
    names = list(known) if given is None else list(dict.fromkeys(name.strip() for name in given.split(",")))
    for name in names:
        look_up("--sampler", name, known)
    return names


def step_numbers(given: str) -> list[int]:
    """The numbers of steps of a list with commas, rising, each once."""
    return sorted({_whole(text) for text in given.split(",")})


def plan_named(schedule: str, grid: str) -> Schedule:
    """The schedule of that name, if there is a grid of the other."""
    plan = look_up("--schedule", schedule, SCHEDULES)()
    if grid not in (*GRIDS, SPECTRAL):
        raise unknown_name("--grid", grid, (*GRIDS, SPECTRAL))
    return plan


def gaussian_of(
    path: Path | None, law: Callable[[], Tensor], reading: Callable[[Path], Signals], structure: str | None, standardize: str
) -> Gaussian:
    """The Gaussian with mean and covariance of a model, or fitted to data, in standardised coordinates, where samplers run."""
    if path is None:
        covariance = Dense(law())
        return Gaussian(torch.zeros(covariance.size), covariance)
    if path.is_dir():
        model = of_signals(path)
        if not isinstance(model, orn.Model):
            raise InputError(f"{path} holds a law of symbols, but bench measures samplers of signals: give a model of signals")
        found = model.moments
    else:
        found = orn.fit(reading(path), "gaussian", structure=structure, standardize=standardize, folds=0).moments
    if found.batch_shape:
        raise InputError(f"{path} holds one law per case, but a certificate is of one: save a single posterior")
    return Gaussian(found.mean(), as_spectral(found.covariance()))


def measure(
    names: list[str], steps: list[int], plan: Schedule, grid: str, law: Gaussian, advance: Callable[[int, str], None]
) -> tuple[list[Run], dict[str, str]]:
    """The runs of every sampler, and why those that are missing could not run."""
    covariance = as_spectral(law.covariance())
    methods = {name: AWARE[name](law) if name in AWARE else SAMPLERS[name] for name in names}
    grids = {name: [grid_named(grid, plan, n, method, lambda: covariance) for n in steps] for name, method in methods.items()}
    runs: list[Run] = []
    skipped: dict[str, str] = {}
    for name, method in methods.items():
        try:
            runs += _measured(name, method, steps, grids[name], plan, covariance, law.mean())
        except InputError as problem:
            skipped[name] = str(problem)
        advance(1, name)
    if not runs:
        raise InputError(next(iter(skipped.values())))
    return runs, skipped


def _measured(
    name: str, method: Sampler, numbers: list[int], grids: list[Grid], schedule: Schedule, covariance: Spectral, mean: Tensor
) -> list[Run]:
    with warnings.catch_warnings():
        # fewer steps than a method looks back to are part of what is measured
        warnings.filterwarnings("ignore", message=".*steps leave no.*")
        pairs = zip(numbers, grids, strict=True)
        return [Run(name, steps, certify(method, grid, schedule, covariance, mean)) for steps, grid in pairs]


def _whole(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        raise InputError(f"--steps holds {text!r}, but must be whole numbers of at least 1 with commas between, such as 5,10,20") from None
    return count(number, "--steps")


def row(run: Run) -> tuple[str, ...]:
    """A row of the table."""
    found, worst = run.found, int(run.found.worst()[0])
    w2 = "0" if found.relative_w2 < _ROUNDING else f"{100 * found.relative_w2:.3g} %"
    mean = "0" if found.mean_error < _ROUNDING else f"{found.mean_error:.2g}"
    off = "–" if w2 == "0" else f"{float(found.eigenvalues[worst]):.3g}: {100 * (float(found.ratio[worst]) - 1):+.1f} %"
    return run.sampler, str(run.steps), str(found.calls), w2, mean, off


def numbers(run: Run) -> dict[str, object]:
    """What a machine is told of a run."""
    found, worst = run.found, int(run.found.worst()[0])
    return {
        "sampler": run.sampler,
        "steps": run.steps,
        "calls": found.calls,
        "w2": found.w2,
        "relative_w2": found.relative_w2,
        "mean_error": found.mean_error,
        "covariance_error": found.covariance_error,
        "worst": {"variance": float(found.eigenvalues[worst]), "deviation_ratio": float(found.ratio[worst])},
    }


def drawn(runs: list[Run], suffix: str, unit: str) -> bytes:
    """Distance against calls, and the spread in each direction with the fewest steps."""
    names = list(dict.fromkeys(run.sampler for run in runs))
    of = {name: [run.found for run in runs if run.sampler == name] for name in names}
    figure = plots.certificates(
        [[found.calls for found in of[name]] for name in names],
        [[found.relative_w2 for found in of[name]] for name in names],
        runs[0].found.eigenvalues,
        [of[name][0].ratio for name in names],
        names,
        unit=unit,
    )
    if suffix == ".svg":
        return (plots.to_svg(figure, "samplers") + "\n").encode()
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=_DPI, metadata={"Software": None})
    return buffer.getvalue()
