"""fill: what gaps hold, as bands and draws."""

from __future__ import annotations

from typing import Any

import torch

from ornstein.common.files import write_bytes
from ornstein.data import write
from ornstein.data.share import heard
from ornstein.lab import store, wire
from ornstein.lab.work.fitting import chosen
from ornstein.lab.worker import Job
from ornstein.metrics import band
from ornstein.model import load

LEVELS = (0.5, 0.9)
SHOWN = 12
LOADED = 0.05
"""The part of the work before the first draw. A network says more on the way; laws in closed form answer all at once."""


def run(job: Job) -> dict[str, Any]:
    """``filled.csv`` (the mean where there were gaps), and ``result``: median, mean, the 50 % and 90 % bands, and some draws, all (d,)."""
    asked, model = job.asked, load(job.of("model") / "model")
    x = chosen(store.load(job.of("signals")), {"without_channels": asked.get("without_channels")})[asked["case"]]
    values = x.values.to(torch.float64).clone()
    for channel, begin, end in asked["gaps"]:
        values[0, channel, begin:end] = torch.nan
    gapped = x.with_values(values)
    job.tell(stage="fill", share=LOADED, always=True)
    with heard(lambda share: job.tell(stage="fill", share=LOADED + (1 - LOADED) * share)):
        draws = model.impute(gapped, asked.get("draws", 200), seed=asked.get("seed", 0))[:, 0].reshape(-1, values[0].numel())
    mean = draws.mean(0)
    filled = torch.where(values.isnan(), mean.reshape(values.shape), values)  # a mean of equal numbers is not always that number
    write(job.folder / "filled.csv", x.with_values(filled), force=True)
    arrays: dict[str, Any] = {"mean": mean, "draws": draws[:SHOWN], "missing": values.isnan().flatten().double()}
    for level in LEVELS:
        arrays[f"low-{level}"], arrays[f"high-{level}"] = band(draws, level)
    write_bytes(job.folder / "result.bin", wire.pack({"levels": LEVELS, "draws": len(draws)}, arrays), force=True)
    return {"missing": int(values.isnan().sum())}
