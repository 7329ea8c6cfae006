"""open: a file, or an example, becomes signals; what was assumed on the way is told."""

from __future__ import annotations

import json
from typing import Any

from ornstein.common.errors import InputError
from ornstein.common.files import write_bytes
from ornstein.common.signals import Signals
from ornstein.data import examples, read
from ornstein.data.laws import cosines
from ornstein.data.share import heard
from ornstein.lab import store, wire
from ornstein.lab.overview import overview
from ornstein.lab.worker import Job

EXAMPLES = {
    "cosines": lambda: cosines(400),
    "heartbeats": examples.ecg,
    "electricity": examples.electricity,
}
ROWS, CHANNELS = 6, 8
"""What is shown of the values themselves: the first signals, channels and samples."""
READ = 0.6
"""About the part of the work that reading a file is; the rest is keeping its values and drawing them small."""
READING = ("orient", "window", "hop", "rate", "channels", "units", "key", "time", "index", "labels")


def run(job: Job) -> dict[str, Any]:
    """``values.npy``, and ``result`` with a picture of each of the first signals."""
    x = opened(job)
    job.tell(stage="keeping", share=READ, always=True)
    store.save(job.folder, x)
    job.tell(stage="picture", share=0.8, always=True)
    arrays = overview(x.values.numpy()) | {"head": x.values[:ROWS, :CHANNELS, :ROWS].numpy()}
    told = {"notes": [*x.notes], "channels": x.channels, "units": x.units, "rate": x.rate, "labels": x.labels, "shape": x.shape}
    write_bytes(job.folder / "result.bin", wire.pack(told, arrays), force=True)
    return {"shape": x.shape, "missing": int(x.values.isnan().sum())}


def opened(job: Job) -> Signals:
    """The signals that were asked for. Raises ``InputError`` where that is nothing, or both a file and an example."""
    if ("example" in job.asked) == ("file" in job.asked):
        raise InputError("either a file or an example is opened: name one of them")
    if "example" in job.asked:
        return EXAMPLES[job.asked["example"]]()
    folder = job.jobs.parent / "files" / job.asked["file"]
    content = next(file for file in folder.iterdir() if file.stem == "data")
    told = {name: job.asked[name] for name in READING if name in job.asked}
    name = json.loads((folder / "about.json").read_text(encoding="utf-8"))["name"]
    try:
        with heard(lambda share: job.tell(stage="reading", share=READ * share)):
            return read(content, **told)
    except InputError as error:  # a person knows the file by the name that it came with
        raise InputError(str(error).replace(str(content), name)) from None
