"""score: which signals are odd, and where in them."""

from __future__ import annotations

import csv
import io
from typing import Any

from ornstein.common.files import write_bytes, write_text
from ornstein.fitting.held_out import unseen
from ornstein.lab import store, wire
from ornstein.lab.work.fitting import chosen
from ornstein.lab.worker import Job
from ornstein.model import load

PLACED = 40
"""Of so many of the oddest the page shows where."""


def run(job: Job) -> dict[str, Any]:
    """``scores.csv``, and ``result``: nats and p-value of every case, their order from the oddest, and where those are odd.

    Cases that the model was fitted to are judged by its laws that left them out.
    """
    model = load(job.of("model") / "model")
    x = chosen(store.load(job.of("signals")), {"without_channels": job.asked.get("without_channels")})
    job.tell(stage="score", share=0.1, always=True)
    own = unseen(model.judges, x.values.double())
    nats, p_value = own or model.surprise(x)
    order = nats.argsort(descending=True, stable=True)
    job.tell(stage="where", share=0.7, always=True)
    arrays = {"nats": nats, "order": order, "where": model.where(x[order[:PLACED]]).flatten(1), "odd": x.values[order[:PLACED]].flatten(1)}
    if p_value is not None:
        arrays["p"] = p_value
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["case", "surprise [nats]", "p_value"])
    table.writerows([k, float(nats[k]), "" if p_value is None else float(p_value[k])] for k in order.tolist())
    write_text(job.folder / "scores.csv", text.getvalue(), force=True)
    write_bytes(
        job.folder / "result.bin",
        wire.pack({"channels": x.channels, "event": x.shape[1:], "held_out": own is not None}, arrays),
        force=True,
    )
    return {"cases": len(x)}
