"""calibrate: whether bands hold. A stretch of held-out signals is hidden, filled, and compared with the truth."""

from __future__ import annotations

from typing import Any

import torch

from ornstein.common.errors import InputError
from ornstein.common.files import write_bytes
from ornstein.common.signals import Signals
from ornstein.lab import store, wire
from ornstein.lab.work.fitting import chosen
from ornstein.lab.worker import Job
from ornstein.metrics import blocks
from ornstein.model import load
from ornstein.report.choices import candidate, check, default_structure, hidden_stretch, imputable
from ornstein.report.holdout import Imputed, measure
from ornstein.report.scoring import LEAST_IMPUTED, hold_out
from ornstein.training.held_out import HELD_OUT, split

FOLDS, DRAWS = 5, 200
NETWORK_CASES, NETWORK_DRAWS = 32, 60
"""Of a network, whose draws take a hundred calls each: about a second a case on one core."""


def run(job: Job) -> dict[str, Any]:
    """``result``: coverage of the central bands at every level with its error, and the histogram of ranks of the truth."""
    x, asked = check(chosen(store.load(job.of("signals")), job.asked), FOLDS, DRAWS), job.asked
    hidden, seed = hidden_stretch(x.shape[2], asked.get("gap", 0.25)), asked.get("seed", 0)
    usable = imputable(x, hidden, DRAWS)
    imputed = _by_network(job, x, hidden, usable, seed) if asked["recipe"] == "network" else _by_folds(job, x, hidden, usable, seed)
    if imputed is None:
        return {"cases": 0}
    scale = x.values.to(torch.float64).nan_to_num().std(dim=(0, 2), keepdim=False).clamp_min(1e-300)[:, None]
    found = measure(imputed, hidden, scale, "SD", lag=0, seed=seed)
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


def _by_folds(job: Job, x: Signals, hidden: slice, usable: torch.Tensor, seed: int) -> Imputed | None:
    """The fillings of laws that are fitted anew without each fold; None where too few signals are left."""
    law = candidate(job.asked["recipe"], job.asked.get("structure") or default_structure(x))
    parts = blocks(len(x), min(FOLDS, len(x) // 2), 0)
    return hold_out(x, law, parts, hidden, usable, DRAWS, seed, lambda what: job.tell(stage="folds", note=what, always=True)).imputed


def _by_network(job: Job, x: Signals, hidden: slice, usable: torch.Tensor, seed: int) -> Imputed | None:
    """The fillings of the trained network itself, for the signals that it held out: they have only chosen among its weights.

    Its training saw the signals in the order of ``x``, and held out those that ``split`` names. Raises ``InputError`` for a model of
    other signals.
    """
    if "model" not in job.asked:
        raise InputError("a network is checked as it was trained: name its job (model)")
    trained, model = job.asked_of("model"), load(job.of("model") / "model")
    if trained["signals"] != job.asked["signals"] or trained["recipe"] != "network":
        raise InputError("this model is no network of these signals: its held-out signals are not known")
    train, held = split(len(x), HELD_OUT)
    test = held[torch.isin(held, usable)]
    if len(test) < LEAST_IMPUTED:
        return None
    test = test[:: -(-len(test) // NETWORK_CASES)]
    truth, draws = x.values[test].to(torch.float64), []
    for k, masked in enumerate(truth.clone()):
        job.tell(stage="filling", share=k / len(test), always=True)
        masked[:, hidden] = torch.nan
        draws.append(model.impute(masked[None], NETWORK_DRAWS, seed=seed + k)[..., hidden])  # no two cases share noise
    mean = x.values[train].nanmean(0)[:, hidden].to(torch.float64).expand(len(test), -1, -1)
    return Imputed(test, truth, torch.cat(draws, 1), mean)
