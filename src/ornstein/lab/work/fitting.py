"""fit: a law of signals. A network's loss is told as it falls, beside that of the Gaussian it has to beat."""

from __future__ import annotations

import shutil
from typing import Any

from ornstein.common.errors import InputError
from ornstein.common.files import write_bytes
from ornstein.common.signals import Signals
from ornstein.fitting.empirical import Empirical
from ornstein.fitting.gaussian import Gaussian
from ornstein.fitting.mixture import Mixture
from ornstein.fitting.network import Network
from ornstein.fitting.recipe import Recipe
from ornstein.lab import gaussian, store, wire
from ornstein.lab.worker import Job
from ornstein.model import Model
from ornstein.model.fit import fit
from ornstein.training import Masks, Record
from ornstein.training.checkpoint import JOURNAL
from ornstein.training.journal import read_journal

CHECKPOINTS = "training"
"""Where a network keeps itself, so that a training that was stopped goes on."""

ENDED = 1e-6
"""Minutes that a training has used up before it goes on."""


def run(job: Job) -> dict[str, Any]:
    """``model``, a folder as ``orn.save`` writes it, and ``result``: for the page to compute with, where it can."""
    x = chosen(store.load(job.of("signals")), job.asked)
    model = _fitted(job, x)
    model.save(job.folder / "model", force=True)
    shutil.make_archive(str(job.folder / "model"), "zip", job.folder, "model")
    told = {
        "gaussian": gaussian.is_gaussian(model),
        "law": repr(model),
        "event": model.event_shape,
        "channels": model.channels,
        "units": model.units,
        "rate": model.rate,
        "training": dict(model.training or {}),
        "cases": len(x),
    }
    write_bytes(job.folder / "result.bin", wire.pack(told, gaussian.arrays_of(model)), force=True)
    held_out = None if model.reference is None else float(model.reference.mean())
    return {"gaussian": told["gaussian"], "law": told["law"], "held_out": held_out}


def _fitted(job: Job, x: Signals) -> Model:
    """The model. A training that was told that it is enough ends with the best weights so far."""
    seed = job.asked.get("seed", 0)

    def tell(what: str) -> None:
        job.tell(stage="fit", note=what, always=True)

    try:
        return fit(x, recipe_of(job), seed=seed, progress=tell)
    except KeyboardInterrupt:
        if not job.enough.is_set() or not (job.folder / CHECKPOINTS).is_dir():
            raise
    return fit(x, recipe_of(job, again=True), seed=seed)


def chosen(x: Signals, asked: dict[str, Any]) -> Signals:
    """The signals without what was marked: channels, and cases that are bad."""
    if bad := asked.get("without_channels"):
        kept = [k for k, name in enumerate(x.channels) if name not in bad]
        if not kept:
            raise InputError("every channel is marked as bad: leave at least one")
        x = Signals(x.values[:, kept], x.rate, tuple(x.channels[k] for k in kept), tuple(x.units[k] for k in kept), x.labels, x.notes)
    if bad := set(asked.get("without_cases", [])):
        kept = [k for k in range(len(x)) if k not in bad]
        if len(kept) < 2:
            raise InputError("fewer than two signals are left: mark fewer as bad")
        x = x[kept]
    return x


def recipe_of(job: Job, *, again: bool = False) -> Recipe:
    """The recipe that was asked for; ``again``: a training that has been stopped, so that it ends at once with its best weights."""
    asked, name = job.asked, job.asked["recipe"]
    if name == "gaussian":
        return Gaussian(**({"structure": asked["structure"]} if "structure" in asked else {}))
    if name == "mixture":
        return Mixture(components=asked.get("components"))
    if name == "empirical":
        return Empirical()
    folder, minutes = job.folder / CHECKPOINTS, asked.get("minutes", 1.0)
    resume = again or "continues" in asked
    if again:
        minutes = ENDED
    elif resume:
        shutil.copytree(job.of("continues") / CHECKPOINTS, folder)
        minutes += max((record.get("seconds", 0.0) for record in read_journal(folder / JOURNAL)), default=0.0) / 60
    masks = Masks() if asked.get("fills", True) else None

    def watch(record: Record) -> None:
        told = {name: getattr(record, name) for name in ("step", "seconds", "loss", "best", "gaussian", "stopped")}
        job.tell(stage="training", share=record.share, **told, always=True)

    return Network(minutes=minutes, masks=masks, folder=folder, resume=resume, force=resume, watch=watch)
