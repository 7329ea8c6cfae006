"""lesson-page: the lesson about one curve as a page of its own, with nothing left to load."""

from __future__ import annotations

from typing import Any

from ornstein.lab.worker import Job
from ornstein.tour.learned import TRAINING
from ornstein.tour.page import write_tour


def run(job: Job) -> dict[str, Any]:
    """``lesson.html``, the tour of the curve; nearly all of the time is the training of its network."""
    curve = job.curve() if "curve" in job.asked else None
    asked = {"seed": job.asked.get("seed", 0), "training": job.asked.get("steps", TRAINING), "language": job.asked.get("lang", "en")}

    def told(stage: str, share: float) -> None:
        job.tell(stage=stage, share=share if stage == "training" else float(stage in ("trials", "page")), always=True)

    page = write_tour(job.folder / "lesson.html", curve, progress=told, **asked)
    return {"bytes": page.stat().st_size}
