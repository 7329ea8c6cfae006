"""train-reversal: a network learns the way back to one curve, and what it would do now is written again and again as it learns."""

from __future__ import annotations

from typing import Any

import torch

from ornstein.common.files import write_bytes
from ornstein.lab import wire
from ornstein.lab.worker import Job
from ornstein.tour.compute import opening, trained
from ornstein.tour.learned import MOMENTS, TRAINING, Learned, training

SHOWN = 25
"""How often on the way a whole run back is made: each takes 100 calls of the network, a small part of the time between two."""


def run(job: Job) -> dict[str, Any]:
    """Parts ``moment-1``, ``moment-2``, ... as it goes (array "run": row t is x_t); at the end ``result``, as the tour has it."""
    curve = job.curve() if "curve" in job.asked else None
    seed, steps = job.asked.get("seed", 0), job.asked.get("steps", TRAINING)
    job.tell(stage="scene", share=0.0, always=True)
    scene = opening(curve, seed)
    signal, exact = scene.curve.values, scene.arrays["reverse_one"]
    kept, every = {round(share * steps) for share in MOMENTS}, max(1, steps // SHOWN)
    losses, shown = [], 0
    runs: dict[int, torch.Tensor] = {}
    for moment in training(signal, seed, steps):
        step = moment.step
        losses.append(moment.loss)
        progress: dict[str, Any] = {"stage": "training", "share": step / steps, "step": step, "steps": steps, "loss": float(moment.loss)}
        if step in kept or step % every == 0:
            path = moment.run(exact[-1:], seed)
            shown += 1
            progress |= {"part": f"moment-{shown}", "rms": float((path[0] - signal).square().mean().sqrt())}
            write_bytes(job.folder / f"moment-{shown}.bin", wire.pack(progress, {"run": path}), force=True)
            runs |= {step: path} if step in kept else {}
        job.tell(**progress, always="part" in progress)
    numbers, arrays = trained(Learned(moment.network, torch.stack(losses).double(), runs), signal, exact, seed)
    write_bytes(job.folder / "result.bin", wire.pack({"numbers": numbers}, arrays), force=True)
    return {"rms": numbers["reverse_learned_rms"]}
