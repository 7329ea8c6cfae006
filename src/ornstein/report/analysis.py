"""Every number of a report, computed once; pages and figures only show them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ornstein.common import checks
from ornstein.common.errors import InputError, unknown_name
from ornstein.common.signals import Signals
from ornstein.fitting.recipes import with_density
from ornstein.metrics import BandCheck, Candidate, Score, Spectrum, blocks, compare
from ornstein.model import Model
from ornstein.model.fit import fit
from ornstein.report.choices import LEAST_CASES, candidate, check, default_structure, hidden_stretch, imputable
from ornstein.report.holdout import Holdout, measure
from ornstein.report.moments import Moments, Scales, moments_of, null_directions, scales_of, shared_unit, spectrum_of
from ornstein.report.scoring import Distances, Held, Surprises, compare_laws, hold_out, surprises_of

SHOWN = 24
"""Cases and samples drawn in the first figure."""
SURPRISING = 6
Progress = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class Analysis:
    """One data set under one law, in numbers.

    unit        the unit that all channels share, "" where it is unknown, None where channels differ
    scales      how far the scales of channels and entries are apart
    null        directions without variance in the data (0 where it was not counted)
    overlap     neighbours on either side of a case that share samples with it
    unfit       laws that cannot be fitted to these data, such as a kernel density to constant signals
    holdout, scores, surprises, distances, bands   None where too few complete cases are left to measure them, or signals are too large
    """

    signals: Signals
    model: Model
    law: Candidate
    seed: int
    folds: int
    draws: int
    overlap: int
    missing: int
    complete: int
    null: int
    unit: str | None
    scales: Scales
    samples: Tensor
    moments: Moments
    spectrum: Spectrum
    spectrum_unit: str
    holdout: Holdout | None
    scores: tuple[Score, ...]
    unfit: tuple[Candidate, ...]
    surprises: Surprises | None
    distances: Distances | None
    bands: BandCheck | None


def analyse(
    x: object,
    model: str = "gaussian",
    structure: str | None = None,
    *,
    seed: int = 0,
    gap: float = 0.25,
    draws: int = 200,
    folds: int = 5,
    overlap: int = 0,
    progress: Progress | None = None,
) -> Analysis:
    """Fit, hold out in contiguous blocks, impute, rank and compare. Arguments and errors as in ``write_report``."""
    signals, tell = check(x, folds, draws), progress or (lambda _: None)
    folds = min(folds, len(signals) // 2)
    if model == "network":
        raise InputError("model is 'network', which is trained once, but this fits a law to every fold: use write_report")
    if model not in with_density():
        raise unknown_name("model", model, with_density())
    overlap = checks.count(overlap, "overlap", at_least=0)
    hidden = hidden_stretch(signals.shape[2], gap)
    law = candidate(model, structure or default_structure(signals))
    gone = torch.isnan(signals.values)
    if bool(gone.any()) and (model, law.structure) != ("gaussian", "dense"):
        raise InputError(
            f"x holds {int(gone.sum())} NaN values, which only model 'gaussian' with structure 'dense' can use, "
            f"but the law is {model!r} with {law.structure!r}: impute them first, or cut shorter windows"
        )
    complete = ~gone.flatten(1).any(1)
    parts = blocks(len(signals), folds, overlap)
    tell(law.name)
    fitted = fit(signals, law.model, structure=law.structure, folds=0, overlap=overlap, seed=seed)
    scales = scales_of(signals)
    unit = shared_unit(signals, scales)
    held = hold_out(signals, law, parts, hidden, imputable(signals, hidden, draws), draws, seed, tell)
    enough = int(complete.sum()) >= LEAST_CASES
    log_probs, unfit = compare_laws(signals, law, held.log_prob, parts, seed, tell) if enough else ({}, ())
    lag = 2 * overlap
    tell("moments of the samples")
    spectral, spectral_unit = spectrum_of(fitted, signals, unit)
    return Analysis(
        signals=signals,
        model=fitted,
        law=law,
        seed=seed,
        folds=folds,
        draws=draws,
        overlap=overlap,
        missing=int(gone.sum()),
        complete=int(complete.sum()),
        null=null_directions(signals),
        unit=unit,
        scales=scales,
        samples=fitted.sample(SHOWN, seed=seed),
        moments=moments_of(fitted, unit, scales),
        spectrum=spectral,
        spectrum_unit=spectral_unit,
        holdout=_measured(held, signals, hidden, fitted, unit, lag, seed),
        scores=compare({k: v[complete] for k, v in log_probs.items()}, math.prod(signals.shape[1:]), lag=lag),
        unfit=unfit,
        surprises=surprises_of(held, complete, lag) if enough else None,
        distances=held.distances,
        bands=held.bands,
    )


def _measured(held: Held, x: Signals, hidden: slice, model: Model, unit: str | None, lag: int, seed: int) -> Holdout | None:
    """Errors in the unit that all channels share, otherwise in standard deviations. The stride between cases shortens the lag."""
    if held.imputed is None:
        return None
    scale, name = (torch.ones(x.shape[1], 1), unit) if unit is not None else (model.scaler.scale[:, :1], "SD")
    stride = (len(x) - 1) / max(len(held.imputed.numbers) - 1, 1)
    return measure(held.imputed, hidden, scale, name, lag=math.ceil(lag / stride), seed=seed)
