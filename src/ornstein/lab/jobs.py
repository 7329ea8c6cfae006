"""Jobs: at most so many at once and in line, each with a folder of its own that outlives the server.

jobs/<id>/job.json       kind, what was asked, when, and the version of the library
          events.jsonl   everything that happened, in order (``events``)
          ...            what its work wrote: result.bin (``wire``), a model folder, values.npy
"""

from __future__ import annotations

import asyncio
import json
import secrets
import shutil
import time
from collections import deque
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ornstein.common.files import write_json
from ornstein.lab import events
from ornstein.lab.limits import Limits
from ornstein.lab.questions import IDENT
from ornstein.lab.refusals import Refused
from ornstein.lab.workers import Worker, Workers

VERSION = version("ornstein")
"""Of the library. A page asks anew for what another version computed."""


@dataclass(frozen=True)
class Record:
    """What is known of a job: its id, kind, question, begin (seconds since 1970), the library's version ("" if unknown), newest event."""

    id: str
    kind: str
    asked: dict[str, Any]
    at: float
    version: str
    newest: dict[str, Any]

    @property
    def done(self) -> bool:
        """Whether it ended well."""
        return self.newest.get("is") == "done"


class Jobs:
    """The jobs of a folder. Only the event loop's thread calls it."""

    def __init__(self, folder: Path, limits: Limits, workers: Workers) -> None:
        self._folder, self._limits, self._workers = folder, limits, workers
        self._line: deque[str] = deque()
        self._running: dict[str, asyncio.Task[None]] = {}
        self._processes: dict[str, Worker] = {}
        self._stopping: dict[str, asyncio.Task[None]] = {}

    def open(self) -> None:
        """Take the folder over: jobs that an earlier server left unfinished have failed, and their files stay."""
        self._folder.mkdir(parents=True, exist_ok=True)
        for record in self.all():
            if not events.ended(record.newest):
                self._say(record.id, {"is": "failed", "why": "the lab was stopped before this was finished; what it had written is kept"})
        self._workers.prepare()

    async def close(self) -> None:
        """End every job, as failed."""
        self._line.clear()
        for worker in self._processes.values():
            worker.kill()
        await asyncio.gather(*self._running.values(), return_exceptions=True)

    def start(self, kind: str, asked: dict[str, Any]) -> str:
        """A new job, now or when its turn comes; 429 where too many wait."""
        if len(self._line) >= self._limits.waiting:
            busy = f"{self._limits.running} jobs are running and {self._limits.waiting} are waiting, which is the most at once"
            raise Refused(429, f"{busy}: wait for one to end, or cancel one")
        ident = secrets.token_hex(8)
        folder = self._folder / ident
        folder.mkdir()
        write_json(folder / "job.json", {"kind": kind, "asked": asked, "at": time.time(), "version": VERSION})
        self._say(ident, {"is": "queued"})
        self._line.append(ident)
        self._next()
        return ident

    async def ended(self, ident: str) -> None:
        """Wait until a job has ended, however."""
        while not events.ended(self.find(ident).newest):
            await asyncio.sleep(events.LOOK)

    def enough(self, ident: str) -> None:
        """Let a training end with what it has learnt; nothing where it has ended."""
        self.find(ident)
        if ident in self._processes:
            self._processes[ident].send("enough")

    def cancel(self, ident: str) -> None:
        """Stop a job within its next step, or its process if that takes too long; nothing where it has ended."""
        self.find(ident)
        if ident in self._line:
            self._line.remove(ident)
            self._say(ident, {"is": "cancelled"})
        elif ident in self._running and ident not in self._stopping:
            self._stopping[ident] = asyncio.create_task(self._stop(ident))

    def delete(self, ident: str) -> None:
        """Remove a job that has ended, with everything it wrote."""
        self.find(ident)
        if ident in self._line or ident in self._running:
            raise Refused(409, "this job has not ended: cancel it first")
        shutil.rmtree(self._folder / ident)

    def all(self) -> list[Record]:
        """Every job, the oldest first; folders that are not ours or are damaged are left alone."""
        found = (self._record(entry) for entry in self._folder.iterdir() if IDENT.fullmatch(entry.name))
        return sorted((record for record in found if record is not None), key=lambda record: record.at)

    def find(self, ident: str) -> Record:
        """The job of an id; 404 where there is none."""
        record = self._record(self._folder / ident) if IDENT.fullmatch(ident) else None
        if record is None:
            raise Refused(404, "there is no such job in this lab")
        return record

    def folder(self, ident: str) -> Path:
        """Where a job that exists keeps its files."""
        return self._folder / self.find(ident).id

    def finished(self, ident: str, *kinds: str) -> Path:
        """The folder of a job of some kind that ended well; 422 for any other."""
        record = self.find(ident)
        if record.kind not in kinds or not record.done:
            raise Refused(422, f"this needs a finished job of kind {' or '.join(kinds)}, but {ident} is none")
        return self._folder / ident

    def events(self, ident: str) -> Path:
        """The file of its events."""
        return self.folder(ident) / "events.jsonl"

    def _record(self, entry: Path) -> Record | None:
        if entry.is_symlink() or not entry.is_dir():
            return None
        try:
            told = json.loads((entry / "job.json").read_text(encoding="utf-8"))
            known = str(told["kind"]), dict(told["asked"]), float(told["at"]), str(told.get("version", ""))
            return Record(entry.name, *known, events.last(entry / "events.jsonl"))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _say(self, ident: str, event: dict[str, Any]) -> None:
        events.append(self._folder / ident / "events.jsonl", event)

    def _next(self) -> None:
        while self._line and len(self._running) < self._limits.running:
            ident = self._line.popleft()
            self._running[ident] = asyncio.create_task(self._run(ident))

    async def _run(self, ident: str) -> None:
        """One process from begin to end; whatever way it ends, the job has a last event."""
        try:
            worker = self._processes[ident] = await self._workers.give(self._folder / ident)
            if ident in self._stopping:
                worker.send("cancel")
            code = await worker.wait()
            if not events.ended(events.last(self._folder / ident / "events.jsonl")):
                how = f"by signal {-code}" if code < 0 else f"with status {code}"
                died = {"is": "failed", "why": f"its process ended {how} before the work did; perhaps memory ran out"}
                self._say(ident, {"is": "cancelled"} if ident in self._stopping else died)
        finally:
            for known in (self._processes, self._running, self._stopping):
                known.pop(ident, None)
            self._next()

    async def _stop(self, ident: str) -> None:
        """Ask its process to stop, and end it where it does not listen."""
        if ident in self._processes:
            self._processes[ident].send("cancel")
        await asyncio.sleep(self._limits.grace)
        if ident in self._processes:
            self._processes[ident].kill()
