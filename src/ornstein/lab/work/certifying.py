"""certify: the exact error of a sampler at every number of steps, on the Gaussian with the mean and covariance of the model."""

from __future__ import annotations

from typing import Any

from ornstein.common.errors import InputError
from ornstein.common.files import write_bytes
from ornstein.lab import wire
from ornstein.lab.worker import Job
from ornstein.model import load
from ornstein.model.methods import sampler_named, schedule_named
from ornstein.samplers import certify

STEPS = (2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 30, 40, 50, 75, 100)


def run(job: Job) -> dict[str, Any]:
    """``result``: for every number of steps the denoiser calls, the distance from the law (W2 over its spread), and of the covariance.

    A sampler whose result is no affine function of its noise has none of these: ``why`` says so.
    """
    model = load(job.of("model") / "model")
    method = sampler_named(job.asked["sampler"], model.law)
    plan, law = schedule_named(job.asked.get("schedule", "vp")), model.moments
    steps, calls, distance, covariance = [], [], [], []
    why = ""
    for count in STEPS:
        job.tell(stage="certify", share=STEPS.index(count) / len(STEPS))
        try:
            found = certify(method, count, plan, law.covariance(), law.mean())
        except InputError as error:
            why = str(error)
            break
        steps.append(count)
        calls.append(found.calls)
        distance.append(found.relative_w2)
        covariance.append(found.covariance_error)
    told = {"why": why, "steps": steps, "calls": calls}
    write_bytes(job.folder / "result.bin", wire.pack(told, {"distance": distance, "covariance": covariance}), force=True)
    return {"steps": len(steps)}
