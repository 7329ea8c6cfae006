"""lesson-page: the lesson about one curve as a page of its own, with nothing left to load."""

from __future__ import annotations

import json
from typing import Any

from ornstein.common.files import write_text
from ornstein.lab import alone, events, lesson
from ornstein.lab.work import reversal
from ornstein.lab.worker import Job

MOMENTS = 5
"""Runs back that the page carries of those on the way of a training, the last among them."""


def run(job: Job) -> dict[str, Any]:
    """``lesson.html``, all chapters of the curve; nearly all of the time is the training of its network."""
    reversal.run(job)
    curve, seed = (job.curve() if "curve" in job.asked else None), job.asked.get("seed", 0)
    job.tell(stage="page", share=1.0, always=True)
    told = [event for _, event in events.read(job.folder / "events.jsonl") if event.get("stage") == "training"]
    runs = [event["part"] for event in told if "part" in event]
    kept = {runs[round(k * (len(runs) - 1) / (MOMENTS - 1))] for k in range(MOMENTS)}
    shown = [{key: value for key, value in event.items() if key != "part" or value in kept} for event in told]
    answers: dict[str, str | bytes] = {
        "/api/lesson/words": lesson.words(),
        "/api/lesson/scene": alone.coarse(lesson.scene(curve, seed)),
        "/api/jobs/alone/events": json.dumps([*shown, {"is": "done", "at": shown[-1]["at"]}]),
    }
    if curve is not None:
        answers["/api/curves/alone"] = json.dumps({"values": curve})
    for part in (*sorted(kept), "result"):
        answers[f"/api/jobs/alone/parts/{part}"] = alone.coarse((job.folder / f"{part}.bin").read_bytes())
    page = alone.page(answers, job.asked.get("lang", "en"))
    write_text(job.folder / "lesson.html", page, force=True)
    return {"bytes": len(page.encode())}
