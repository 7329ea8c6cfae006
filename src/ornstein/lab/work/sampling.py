"""sample: new signals, with every state on the way from noise, so that a page can run it forth and back."""

from __future__ import annotations

import math
from typing import Any

import torch

from ornstein.common.files import write_bytes
from ornstein.common.random import Noise
from ornstein.data import write
from ornstein.denoisers import Law
from ornstein.lab import wire
from ornstein.lab.worker import Job
from ornstein.model import Model, load
from ornstein.model.drawing import run_of
from ornstein.samplers import grid_of, start
from ornstein.samplers import run as states

SHOWN = 64
NUMBERS = 4_000_000
"""Cases whose way is kept, and numbers of a whole way at most."""


def run(job: Job) -> dict[str, Any]:
    """``samples.csv`` and ``samples.npz``, and ``result``: the samples, and ``path`` (step, case, *event) with its ``times``."""
    asked, model = job.asked, load(job.of("model") / "model")
    cases, seed = asked.get("cases", 24), asked.get("seed", 0)
    how: dict[str, Any] = {name: asked[name] for name in ("sampler", "steps", "schedule", "grid") if name in asked}
    job.tell(stage="sample", share=0.0, always=True)
    drawn = model.sample(cases, seed=seed, **how)
    path, times = way(job, model, min(cases, SHOWN), seed, how)
    x = model.signals(drawn)
    write(job.folder / "samples.csv", x, force=True)
    write(job.folder / "samples.npz", x, force=True)
    told = {"event": model.event_shape, "channels": x.channels, "units": x.units, "rate": x.rate, "seed": seed}
    arrays = {"samples": drawn.flatten(1), "path": path.flatten(2), "times": times}
    write_bytes(job.folder / "result.bin", wire.pack(told, arrays), force=True)
    return {"cases": cases}


@torch.no_grad()
def way(job: Job, model: Model, cases: int, seed: int, how: dict[str, Any]) -> tuple[torch.Tensor, torch.Tensor]:
    """The states of the run that made the first samples, in the units of the data, and their times. Exact draws make none: they are
    shown by a run of the exact sampler."""
    law = model.law.on()
    named = how.get("sampler") or ("exact-stochastic" if isinstance(model.law, Law) else None)
    method, plan, steps = run_of(model.law, named, how.get("steps", 40), how.get("schedule", "vp"), how.get("grid", "own"), {})
    grid, noise = grid_of(plan, steps), Noise(seed)
    cases = max(1, min(cases, NUMBERS // (len(grid.times) * math.prod(model.event_shape))))
    found, times = [], list[float]()
    for state in states(method, law, plan, grid, start(law, plan, float(grid.times[0]), noise, cases, law.reference), noise):
        job.tell(stage="sample", share=len(times) / len(grid.times))
        found.append(model.scaler.decode(state.x.cpu()))
        times.append(float(state.t))
    return torch.stack(found), torch.tensor(times)
