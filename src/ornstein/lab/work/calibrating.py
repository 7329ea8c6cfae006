"""calibrate: whether bands hold. A stretch of held-out signals is hidden, filled, and compared with the truth."""

from __future__ import annotations

from typing import Any

import torch

from ornstein.common.files import write_bytes
from ornstein.lab import store, wire
from ornstein.lab.work.fitting import chosen
from ornstein.lab.worker import Job
from ornstein.metrics import blocks
from ornstein.report.choices import candidate, check, default_structure, hidden_stretch, imputable
from ornstein.report.holdout import measure
from ornstein.report.scoring import hold_out

FOLDS, DRAWS = 5, 200


def run(job: Job) -> dict[str, Any]:
    """``result``: coverage of the central bands at every level with its error, and the histogram of ranks of the truth."""
    x = check(chosen(store.load(job.of("signals")), job.asked), FOLDS, DRAWS)
    law = candidate(job.asked["recipe"], job.asked.get("structure") or default_structure(x))
    hidden = hidden_stretch(x.shape[2], job.asked.get("gap", 0.25))
    seed, folds = job.asked.get("seed", 0), min(FOLDS, len(x) // 2)
    parts = blocks(len(x), folds, 0)
    held = hold_out(
        x, law, parts, hidden, imputable(x, hidden, DRAWS), DRAWS, seed, lambda what: job.tell(stage="folds", note=what, always=True)
    )
    if held.imputed is None:
        return {"cases": 0}
    scale = x.values.to(torch.float64).nan_to_num().std(dim=(0, 2), keepdim=False).clamp_min(1e-300)[:, None]
    found = measure(held.imputed, hidden, scale, "SD", lag=0, seed=seed)
    told = {
        "cases": found.cases,
        "hidden": [hidden.start, hidden.stop],
        "p": found.joint.p_value,
        "tolerance": found.tolerance,
        "fillings": {name: [filling.crps.value, filling.crps.error] for name, filling in found.fillings.items()},
    }
    arrays = {
        "level": [c.level for c in found.coverage],
        "value": [c.value for c in found.coverage],
        "error": [c.error for c in found.coverage],
        "histogram": found.histogram,
    }
    write_bytes(job.folder / "result.bin", wire.pack(told, arrays), force=True)
    return {"cases": found.cases, "p": told["p"]}
