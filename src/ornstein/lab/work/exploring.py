"""explore: the covariance of signals, its spectrum with the edge of noise, and how many directions they really take."""

from __future__ import annotations

import math
from typing import Any

import torch

from ornstein.common.files import write_bytes
from ornstein.covariance import estimate
from ornstein.fitting.scaling import Scaler
from ornstein.lab import store, wire
from ornstein.lab.worker import Job
from ornstein.metrics import Significant, sample_spectrum

DENSE = 256
"""Entries up to which the matrix itself is a picture; beyond, there is none."""


def run(job: Job) -> dict[str, Any]:
    """``result``: mean and deviation of every entry, the correlation of every entry with every other, eigenvalues and their edge."""
    x = store.load(job.of("signals"))
    job.tell(stage="spectrum", share=0.2, always=True)
    found = sample_spectrum(x, overlap=job.asked.get("overlap", False))
    job.tell(stage="covariance", share=0.6, always=True)
    edge = None if found.noise is None or _endless(found.spectrum.eigenvalues, found.noise) else found.noise.edge
    told: dict[str, Any] = {
        "cases": found.cases,
        "rank": found.spectrum.rank,
        "effective": found.spectrum.effective_rank,
        "ninety": found.spectrum.directions(0.9),
        "edge": edge,
        "above": None if found.noise is None else found.noise.count,
        "reason": found.reason,
        "size": math.prod(x.shape[1:]),
    }
    values = x.values.to(torch.float64)
    arrays: dict[str, Any] = {
        "eigenvalues": found.spectrum.eigenvalues,
        "explained": found.spectrum.explained,
        "mean": values.nanmean(0).flatten(),
        "deviation": _deviation(values).flatten(),
    }
    if told["size"] <= DENSE:
        covariance = estimate(Scaler.fit(values, "channel").encode(values), "dense", shrinkage="none").covariance.dense()
        scale = covariance.diagonal().clamp_min(torch.finfo(torch.float64).tiny).sqrt()
        arrays["correlation"] = covariance / scale / scale[:, None]
    write_bytes(job.folder / "result.bin", wire.pack(told, arrays), force=True)
    return {"effective": told["effective"], "above": told["above"], "edge": told["edge"]}


def _endless(eigenvalues: torch.Tensor, noise: Significant) -> bool:
    """Whether the count ended for want of eigenvalues that would tell the noise: the next one is above the edge as well."""
    return noise.count < len(eigenvalues) and float(eigenvalues[noise.count]) > noise.edge


def _deviation(x: torch.Tensor) -> torch.Tensor:
    return (x - x.nanmean(0)).square().nanmean(0).sqrt()
