"""Processes that do jobs: one for each, which ends with it, or with the server, whichever is first.

Where the system can, they are forked off a process that waits with the library imported, so that a job begins in hundredths of a
second; elsewhere they are spawned. What a worker is told comes through a pipe: "cancel" or "enough"; and when the pipe ends, the server
is gone.
"""

from __future__ import annotations

import asyncio
import multiprocessing as mp
import os
import signal
import sys
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

from ornstein.lab import worker

CONTEXT = mp.get_context("forkserver") if sys.platform == "linux" else mp.get_context("spawn")


@dataclass(frozen=True)
class Worker:
    """One running process and the pipe to it."""

    process: BaseProcess
    pipe: Connection

    async def wait(self) -> int:
        """Its exit code, when it has ended; negative for a signal."""
        await asyncio.to_thread(self.process.join)
        self.pipe.close()
        return self.process.exitcode or 0

    def send(self, word: str) -> None:
        """Say a word to it; one that has ended hears nothing."""
        with suppress(OSError):
            self.pipe.send(word)

    def kill(self) -> None:
        """End it at once, and what it started."""
        with suppress(ProcessLookupError, TypeError):
            os.killpg(self.process.pid or 0, signal.SIGKILL)


class Workers:
    """Starts workers; ``prepare`` begins what makes the first one quick."""

    def prepare(self) -> None:
        """Let the process wait from which the others are forked."""
        CONTEXT.set_forkserver_preload(["ornstein.lab.ahead"])
        if CONTEXT.get_start_method() == "forkserver":
            from multiprocessing.forkserver import ensure_running

            ensure_running()

    async def give(self, folder: Path) -> Worker:
        """A process that has begun the job of a folder."""
        heard, said = CONTEXT.Pipe(duplex=False)
        process = CONTEXT.Process(target=worker.main, args=(str(folder), heard), daemon=True)
        await asyncio.to_thread(process.start)
        heard.close()
        return Worker(process, said)
