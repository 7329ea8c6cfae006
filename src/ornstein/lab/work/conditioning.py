"""condition: the law given a measurement of one signal: what a slow, blurred or partial sensor leaves open."""

from __future__ import annotations

from typing import Any

import torch

from ornstein.common.files import write_bytes
from ornstein.data import write
from ornstein.lab import store, wire
from ornstein.lab.work.fitting import chosen
from ornstein.lab.worker import Job
from ornstein.measurements import Average, Blur, Downsample, Mask, Measurement
from ornstein.metrics import band
from ornstein.model import load

DRAWS, SHOWN = 200, 12


def run(job: Job) -> dict[str, Any]:
    """``posterior.csv`` (draws), and ``result``: the measured values, mean and bands before and after, and some draws."""
    asked, model = job.asked, load(job.of("model") / "model")
    x = chosen(store.load(job.of("signals")), {"without_channels": asked.get("without_channels")})[asked["case"]]
    measurement = measured(asked, x.values.shape[1:])
    truth = x.values.to(torch.float64).reshape(1, *model.event_shape)
    y = measurement(truth)[0]
    job.tell(stage="condition", share=0.2, always=True)
    post = model.posterior(measurement, y, noise=asked["noise"], seed=asked.get("seed", 0))
    job.tell(stage="draws", share=0.7, always=True)
    before, after = (law.sample(DRAWS, seed=asked.get("seed", 0)).flatten(1) for law in (model, post))
    write(job.folder / "posterior.csv", post.signals(after.reshape(-1, *model.event_shape)), force=True)
    arrays: dict[str, Any] = {
        "truth": truth.flatten(),
        "y": y.flatten(),
        "draws": after[:SHOWN],
        "mean": after.mean(0),
        "prior": before.mean(0),
    }
    for name, draws in (("prior", before), ("posterior", after)):
        arrays[f"{name}-low"], arrays[f"{name}-high"] = band(draws, 0.9)
    evidence = None if post.log_evidence is None else float(post.log_evidence)
    write_bytes(job.folder / "result.bin", wire.pack({"evidence": evidence, "event": model.event_shape}, arrays), force=True)
    return {"evidence": evidence}


def measured(asked: dict[str, Any], event: torch.Size) -> Measurement:
    """The measurement of that name."""
    factor = asked.get("factor", 4)
    if asked["measurement"] == "average":
        return Average(factor)
    if asked["measurement"] == "every":
        return Downsample(factor)
    if asked["measurement"] == "blur":
        return Blur(torch.full((2 * (factor // 2) + 1,), 1 / (2 * (factor // 2) + 1), dtype=torch.float64))
    seen = torch.zeros(tuple(event), dtype=torch.bool)
    for channel, begin, end in asked.get("seen", []):
        seen[channel, begin:end] = True
    return Mask(seen)
