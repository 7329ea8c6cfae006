"""The process of one job. It ends when the job ends, and at once when its pipe does, since the server is gone then."""

from __future__ import annotations

import importlib
import json
import os
import signal
import threading
import time
import warnings
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
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
        self.asked = _asked(folder)
        self.stop, self.enough = threading.Event(), threading.Event()
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

    def asked_of(self, name: str) -> dict[str, Any]:
        """What that other job was asked."""
        return _asked(self.of(name))

    def curve(self) -> list[float]:
        """The values of the curve that was asked about."""
        return Curves(self.jobs.parent / "curves").find(self.asked["curve"])


def _asked(folder: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((folder / "job.json").read_text(encoding="utf-8"))["asked"]
    return told


def main(folder: str, pipe: Connection) -> None:
    """Do the job of a folder and say how it ended. What is printed on the way is kept in ``output.txt``."""
    os.setsid()
    output = os.open(Path(folder) / "output.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for stream in (1, 2):
        os.dup2(output, stream)
    job = Job(Path(folder))
    threading.Thread(target=_listen, args=(job, pipe), daemon=True).start()
    job.say({"is": "started", "process": os.getpid()})
    job.say(_outcome(job))
    os._exit(0)  # without waiting for the thread that listens


def _listen(job: Job, pipe: Connection) -> None:
    """What comes while it works: "cancel", or "enough", which lets a training end with what it has learnt."""
    with suppress(EOFError, OSError):
        while True:
            (job.enough if pipe.recv() == "enough" else job.stop).set()
            os.kill(os.getpid(), signal.SIGINT)  # a training puts it off to the end of its step, everything else ends here
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
    except (Cancelled, KeyboardInterrupt):
        return {"is": "cancelled"}
    except (InputError, RunError) as error:
        return {"is": "failed", "why": str(error)}
    except MemoryError:
        return {"is": "failed", "why": "not enough memory: use fewer cases or draws, shorter windows, or a lighter structure"}
    except Exception as error:
        return {"is": "failed", "why": f"this is a defect of the lab ({type(error).__name__}: {error})"[:500]}
