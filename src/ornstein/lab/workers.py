"""Processes that do jobs: one for each, which ends with it, or with the server, whichever is first.

What a worker is told comes on its standard input: the folder of the job, then perhaps "cancel"; and when the input ends, the server is
gone. One worker waits ahead with the library imported, so that a small job is not slower than its work.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from contextlib import suppress
from pathlib import Path


class Workers:
    """Starts workers; ``ahead`` says whether one waits for its job."""

    def __init__(self, *, ahead: bool = True) -> None:
        self._ahead, self._spare = ahead, None  # type: tuple[bool, asyncio.Task[Process] | None]

    async def give(self, folder: Path) -> Process:
        """A process that has begun the job of a folder."""
        process = await (self._spare or asyncio.create_task(_process()))
        self._spare = None
        if process.returncode is not None:  # the one that waited has died meanwhile
            process = await _process()
        await tell(process, str(folder))
        self.prepare()
        return process

    def prepare(self) -> None:
        """Let one wait."""
        if self._ahead and self._spare is None:
            self._spare = asyncio.create_task(_process())

    async def close(self) -> None:
        """End the one that waits."""
        if self._spare is not None:
            process = await self._spare
            self._spare = None
            await end(process, 0.0)


async def _process() -> Process:
    environment = {"OMP_NUM_THREADS": "1"} | os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = (sys.executable, "-m", "ornstein.lab.worker")
    return await asyncio.create_subprocess_exec(
        *command, stdin=PIPE, stdout=DEVNULL, stderr=DEVNULL, env=environment, start_new_session=True
    )


async def tell(process: Process, line: str) -> None:
    """Write a line to a worker; one that has ended hears nothing."""
    if process.stdin is not None:
        with suppress(ConnectionError, RuntimeError):
            process.stdin.write(line.encode() + b"\n")
            await process.stdin.drain()


async def end(process: Process, grace: float) -> None:
    """Wait ``grace`` seconds for a worker to end, then kill it and what it started."""
    with suppress(TimeoutError):
        await asyncio.wait_for(process.wait(), grace)
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
