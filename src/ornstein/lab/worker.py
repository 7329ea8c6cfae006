"""The process of one job: ``python -m ornstein.lab.worker``, told its folder on standard input.

It ends when the job ends, and at once when standard input does, since the server is gone then.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import threading
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ornstein.lab import events
from ornstein.lab.curves import Curves
from ornstein.lab.wire import plain

SLOWEST = 0.04
"""Seconds between two events of progress: more of them no eye follows, and no file needs."""


class Cancelled(BaseException):
    """The person does not want it any more. No error, so that nothing that mends errors mends it."""


class Job:
    """One job as its work sees it: what was asked, the folder for its results, and a way to tell how far it is.

    ``tell`` and ``check`` are the places where a job can be cancelled.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.jobs = folder, folder.parent
        self.asked: dict[str, Any] = json.loads((folder / "job.json").read_text(encoding="utf-8"))["asked"]
        self.stop = threading.Event()
        self._told = 0.0

    def check(self) -> None:
        """Raise ``Cancelled`` where the person asked for it."""
        if self.stop.is_set():
            raise Cancelled

    def tell(self, *, always: bool = False, **progress: Any) -> None:
        """Say how far it is: ``stage``, ``share`` in [0, 1], numbers; what comes too fast for an eye is left out unless ``always``."""
        self.check()
        now = time.monotonic()
        if always or now - self._told >= SLOWEST:
            self._told = now
            self.say({"is": "progress", **progress})

    def say(self, event: dict[str, Any]) -> None:
        """Append an event."""
        events.append(self.folder / "events.jsonl", plain(event))

    def of(self, name: str) -> Path:
        """The folder of another job that was asked about by its id."""
        return self.jobs / str(self.asked[name])

    def curve(self) -> list[float]:
        """The values of the curve that was asked about."""
        return Curves(self.jobs.parent / "curves").find(self.asked["curve"])


def main() -> None:
    """Wait for a job, do it, say how it ended."""
    heavy = threading.Thread(target=_imported, daemon=True)
    heavy.start()
    told = sys.stdin.readline().strip()
    if not told:
        os._exit(0)
    job = Job(Path(told))
    threading.Thread(target=_listen, args=(job,), daemon=True).start()
    heavy.join()
    job.say({"is": "started"})
    job.say(_outcome(job))
    os._exit(0)  # without waiting for the thread that listens


def _imported() -> None:
    importlib.import_module("ornstein.model.fit")


def _listen(job: Job) -> None:
    for line in sys.stdin:
        if line.strip() == "cancel":
            job.stop.set()
    os._exit(1)


def _outcome(job: Job) -> dict[str, Any]:
    """The last event of a job."""
    from ornstein.common.errors import InputError, RunError
    from ornstein.lab.work import KINDS

    kind = json.loads((job.folder / "job.json").read_text(encoding="utf-8"))["kind"]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("always", UserWarning)
            warnings.showwarning = lambda message, *_, **__: job.say({"is": "note", "why": str(message)})
            run: Callable[[Job], dict[str, Any]] = importlib.import_module(f"ornstein.lab.work.{KINDS[kind]}").run
            return {"is": "done", **run(job)}
    except Cancelled:
        return {"is": "cancelled"}
    except (InputError, RunError) as error:
        return {"is": "failed", "why": str(error)}
    except MemoryError:
        return {"is": "failed", "why": "not enough memory: use fewer cases or draws, shorter windows, or a lighter structure"}
    except Exception as error:
        return {"is": "failed", "why": f"this is a defect of the lab ({type(error).__name__}: {error})"[:500]}


if __name__ == "__main__":
    main()
