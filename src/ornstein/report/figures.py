"""The figures of a report, from its numbers."""

from __future__ import annotations

import math

import torch
from matplotlib.figure import Figure

from ornstein import plots
from ornstein.common.signals import Signals
from ornstein.plots.style import NARROW, WIDTH, clock
from ornstein.report.analysis import SHOWN, SURPRISING, Analysis
from ornstein.report.holdout import Holdout

_IMAGES = 10
_SQUARE = 5.6
_ROWS = 4
"""Surprising signals of several channels, a row of panels each."""


def draw(found: Analysis, *, images: bool) -> dict[str, tuple[str, str]]:
    """Every figure that the data allow by name, as SVG for a wide screen and for a narrow one.

    ``images``: channels are rows of an image, not signals of their own.
    """
    wide, narrow = (_drawn(found, images, width) for width in (WIDTH, NARROW))
    return {name: (plots.to_svg(wide[name], name), plots.to_svg(narrow[name], f"{name}-narrow")) for name in wide}


def _drawn(found: Analysis, images: bool, width: float) -> dict[str, Figure]:
    x = found.signals
    drawn = {"covariance": _covariance(found, width), "spectrum": _spectrum(found, width)}
    if images:
        rows = [("data", x.values[:_IMAGES]), ("samples", found.samples[:_IMAGES])]
        drawn["signals"] = plots.images(rows, unit=found.unit or "", width=width)
        drawn["mean"] = plots.images(
            [("mean", found.moments.mean[None]), ("deviation", found.moments.deviation[None])], unit=found.unit or "", width=width
        )
    else:
        drawn["signals"] = plots.signals(_spread(x), found.samples, channels=x.channels, units=x.units, rate=x.rate, width=width)
        drawn["mean"] = _mean(found, width)
    if found.holdout is not None:
        drawn["imputation"] = _imputed_images(found.holdout, found, width) if images else _imputation(found.holdout, x, width)
        cover = found.holdout.coverage
        drawn["calibration"] = plots.reliability(
            [c.level for c in cover],
            [c.value for c in cover],
            [c.error for c in cover],
            found.holdout.histogram,
            found.holdout.tolerance,
            width=width,
        )
    if found.surprises is not None:
        drawn["surprise"] = _surprise(found, images, width)
    if len(found.scores) > 1:
        drawn["likelihood"] = _likelihood(found, width)
    return drawn


def case_names(found: Analysis, numbers: list[int]) -> list[str]:
    """Titles of surprising cases: number and p-value."""
    assert found.surprises is not None
    p = found.surprises.p_value
    return [f"signal {number}, p = {float(p[k]):.2g}" for k, number in enumerate(numbers)]


def _spread(x: Signals) -> torch.Tensor:
    """Cases from the whole data set, evenly, without those with gaps where that leaves any."""
    complete = (~torch.isnan(x.values).flatten(1).any(1)).nonzero()[:, 0]
    pool = complete if len(complete) >= SHOWN else torch.arange(len(x))

    return x.values[pool[torch.linspace(0, len(pool) - 1, min(SHOWN, len(pool))).round().long()]]


def _mean(found: Analysis, width: float) -> Figure:
    x = found.signals
    return plots.mean_band(found.moments.mean, found.moments.deviation, channels=x.channels, units=x.units, rate=x.rate, width=width)


def _covariance(found: Analysis, width: float) -> Figure:
    x, moments = found.signals, found.moments
    times, label = clock(x.shape[2], x.rate)
    unit = f" [{found.unit}²]" if found.unit else ""
    name = "correlation" if moments.correlation else f"covariance{unit}"
    end = float(times[-1] + times[1])
    return plots.covariance(
        moments.block, channels=x.channels[: moments.channels], label=name, span=(end, label), width=min(width, _SQUARE)
    )


def _spectrum(found: Analysis, width: float) -> Figure:
    spectrum = found.spectrum
    return plots.spectrum(spectrum.eigenvalues, spectrum.explained, spectrum.effective_rank, unit=found.spectrum_unit, width=width)


def _imputation(held: Holdout, x: Signals, width: float) -> Figure:
    truth, mean, line, bands = held.shown
    names = [f"{kind}: signal {case}" for kind, case in zip(("easy", "typical", "hard"), held.examples, strict=True)]
    return plots.imputation(
        truth, held.hidden, mean, bands, line, names=names, channels=x.channels, units=x.units, rate=x.rate, width=width
    )


def _imputed_images(held: Holdout, found: Analysis, width: float) -> Figure:
    truth, mean, _, bands = held.shown
    covered = truth.clone()
    covered[..., held.hidden] = torch.nan
    low, high = bands[0]
    names = [f"{kind}: signal {case}" for kind, case in zip(("easy", "typical", "hard"), held.examples, strict=True)]
    rows = [("truth", truth), ("with the gap", covered), ("mean fill", mean), ("90% width", high - low)]
    return plots.images(rows, names=names, unit=found.unit or "", width=width)


def _surprise(found: Analysis, images: bool, width: float) -> Figure:
    assert found.surprises is not None
    x = found.signals
    several = x.shape[1] > 1 and not images
    numbers = found.surprises.order[: _ROWS if several else SURPRISING].tolist()
    names = case_names(found, numbers)
    if images:
        return plots.images([("data", x.values[numbers])], names=names, unit=found.unit or "", width=width)
    moments = found.moments
    return plots.surprise(
        x.values[numbers],
        moments.mean,
        moments.deviation,
        names=names,
        channels=x.channels,
        units=x.units,
        rate=x.rate,
        odd=found.surprises.channels[: len(numbers)],
        width=width,
    )


def _likelihood(found: Analysis, width: float) -> Figure:
    scores = found.scores
    nothing = (math.nan, math.nan)
    nats = [(s.nats.value, s.nats.error) if math.isfinite(s.nats.value) else nothing for s in scores]
    gaps = [(s.difference.value, s.difference.error) if s.difference is not None else nothing for s in scores]
    gaps[0] = (0.0, 0.0)
    return plots.likelihood(
        [s.name for s in scores], [v for v, _ in nats], [e for _, e in nats], [v for v, _ in gaps], [e for _, e in gaps], width=width
    )
