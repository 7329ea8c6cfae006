"""A lab for tests: a real server on a port of this machine, and a client that holds its token."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import httpx
import uvicorn

from ornstein.lab.app import create
from ornstein.lab.limits import Limits
from ornstein.lab.serve import configured

TOKEN = "a-token-of-the-tests"
OWN = {"authorization": f"Bearer {TOKEN}"}
LAST = ("done", "failed", "cancelled")


@dataclass(frozen=True)
class Laboratory:
    """A running lab: its client, port and folder."""

    client: httpx.Client
    port: int
    folder: Path

    @property
    def address(self) -> str:
        """What opens it in a browser."""
        return f"http://127.0.0.1:{self.port}/?token={TOKEN}"

    def __getattr__(self, name: str) -> Any:
        return getattr(self.client, name)

    def start(self, kind: str, **asked: Any) -> str:
        """The id of a new job."""
        answer = self.client.post("/api/jobs", json={"kind": kind, **asked})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def events(self, ident: str, after: int = 0, **headers: str) -> list[dict[str, Any]]:
        """All events of a job, when it has ended."""
        found = []
        with self.client.stream("GET", f"/api/jobs/{ident}/events?after={after}", headers=headers) as answer:
            for line in answer.iter_lines():
                if line.startswith("data: "):
                    found.append(json.loads(line.removeprefix("data: ")))
        return found

    def done(self, kind: str, **asked: Any) -> str:
        """The id of a job that has ended well."""
        ident = self.start(kind, **asked)
        last = self.events(ident)[-1]
        assert last["is"] == "done", last
        return ident


@contextmanager
def opened(folder: Path, limits: Limits | None = None, **more: Any) -> Iterator[Laboratory]:
    """A lab on a folder, until the block ends."""
    limits = limits or Limits()
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
        app = create(folder, token=TOKEN, hosts={f"127.0.0.1:{port}", f"localhost:{port}"}, limits=limits, **more)
        server = uvicorn.Server(configured(app, limits))
        thread = threading.Thread(target=lambda: asyncio.run(server.serve([bound])), daemon=True)
        thread.start()
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.005)
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=OWN, timeout=60) as client:
                yield Laboratory(client, port, folder)
        finally:
            server.should_exit = True
            thread.join()


def serving(folder: str, told: Connection) -> None:
    """A lab for a process of its own; its port is sent."""
    with opened(Path(folder)) as laboratory:
        told.send(laboratory.port)
        threading.Event().wait()
