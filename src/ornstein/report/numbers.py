"""The numbers of an analysis by the names under which the page and its sentences show them."""

from __future__ import annotations

import math

import torch

from ornstein.metrics import BandCheck
from ornstein.metrics.filling import NOMINAL
from ornstein.plots.style import CHANNELS
from ornstein.report.analysis import SURPRISING, Analysis
from ornstein.report.verdicts import better
from ornstein.report.words import Number

GAP_CHANNELS = 8
"""Channels in the table of gaps."""


def numbers(found: Analysis) -> dict[str, Number]:
    """Every number on the page, by key; keys that end in a number are rows of a table."""
    cases, channels, times = found.signals.shape
    table = {
        "cases": Number(cases),
        "channels": Number(channels),
        "shown_channels": Number(min(channels, CHANNELS)),
        "times": Number(times),
        "missing": Number(found.missing),
        "complete": Number(found.complete),
        "null": Number(found.null),
        "overlap": Number(found.overlap),
        "folds": Number(found.folds),
        "draws": Number(found.draws),
        "seed": Number(found.seed),
        "dimension": Number(channels * times),
        "effective_rank": Number(found.spectrum.effective_rank),
        "scale_ratio": Number(found.scales.entries),
        "directions_90": Number(found.spectrum.directions(0.9)),
    }
    if found.distances is not None:
        table |= {name: Number(value) for name, value in vars(found.distances).items()}
    return table | _held_out(found) | _gaps(found) | _surprising(found) | _likelihoods(found)


def _held_out(found: Analysis) -> dict[str, Number]:
    held = found.holdout
    if held is None:
        return {}
    table = {"holdout_cases": Number(held.cases), "gain": Number.of(held.gain, held.unit)}
    for c in held.coverage:
        table[f"coverage_{round(100 * c.level)}"] = Number(c.value, c.error, percent=True)
        table[f"z_{round(100 * c.level)}"] = Number(c.z)
    for name, filling in held.fillings.items():
        table[f"rmse_{name}"] = Number.of(filling.rmse, held.unit)
        table[f"crps_{name}"] = Number.of(filling.crps, held.unit)
    table["excess"] = Number.of(held.joint.excess, percent=True)
    table["joint_p"] = Number(held.joint.p_value)
    return table


def shown_channels(found: BandCheck) -> list[int]:
    """The channels of the table of gaps: those whose bands are farthest from what they promise, in their own order."""
    apart = (found.coverage - torch.tensor(NOMINAL, dtype=torch.float64)).abs().nanmean((0, 2)).nan_to_num(-1)
    return sorted(apart.argsort(descending=True)[:GAP_CHANNELS].tolist())


def _gaps(found: Analysis) -> dict[str, Number]:
    bands = found.bands
    if bands is None:
        return {}
    table = {"gap_lengths": Number(len(bands.lengths)), "broken": Number(len(bands.broken)), "shown_gaps": Number(GAP_CHANNELS)}
    for c in shown_channels(bands):
        for k in range(len(bands.lengths)):
            for level, value, error in zip(NOMINAL, bands.coverage[k, c].tolist(), bands.error[k, c].tolist(), strict=True):
                if math.isfinite(value):
                    table[f"gap_{c}_{k}_{round(100 * level)}"] = Number(value, error, percent=True)
    return table


def _surprising(found: Analysis) -> dict[str, Number]:
    ranked = found.surprises
    if ranked is None:
        return {}
    table = {
        "tail": Number.of(ranked.tail, percent=True),
        "scored": Number(len(ranked.nats)),
        "least_p": Number(1 / len(ranked.nats)),
        "median_nats": Number(float(torch.median(ranked.nats))),
    }
    for k in range(min(SURPRISING, len(ranked.nats))):
        table[f"surprise_{k}"] = Number(float(ranked.nats[k]))
        table[f"p_{k}"] = Number(float(ranked.p_value[k]))
        table[f"case_{k}"] = Number(int(ranked.order[k]))
        table[f"odd_share_{k}"] = Number(float(ranked.share[k]), percent=True)
    return table


def _likelihoods(found: Analysis) -> dict[str, Number]:
    table = {}
    for k, score in enumerate(found.scores):
        table[f"nats_{k}"] = Number.of(score.nats)
        table[f"bits_{k}"] = Number.of(score.bits)
        table[f"outside_{k}"] = Number(score.outside)
        if score.difference is not None:
            table[f"difference_{k}"] = Number.of(score.difference)
        if score.name == found.law.name:
            table["law_nats"] = Number.of(score.nats)
    other = better(found) if len(found.scores) > 1 else None
    if other is not None:
        gain = other[1]
        table["best_gain"] = Number(gain.value, gain.error if math.isfinite(gain.error) else None)
    return table
