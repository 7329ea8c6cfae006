"""The server: uvicorn on this machine's own address, for as long as the terminal is open."""

from __future__ import annotations

import asyncio
import fcntl
import ipaddress
import os
import secrets
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from ornstein.common.errors import InputError, RunError
from ornstein.lab.limits import Limits
from ornstein.lab.workers import Workers

LOCAL = "127.0.0.1"
CONNECTIONS = 200


def serve(
    folder: Path,
    *,
    host: str = LOCAL,
    port: int = 0,
    remote: bool = False,
    token: str | None = None,
    limits: Limits | None = None,
    translate: Callable[[str, str], str] = lambda sentence, language: sentence,
    ready: Callable[[str], None] = print,
) -> None:
    """Serve a lab until it is interrupted; ``ready`` is told the address that opens it.

    host    an address of this machine; any but 127.0.0.1 needs ``remote`` and a ``token`` of at least 16 letters chosen by hand
    port    0 takes a free one
    Raises ``InputError`` for an address that is not local without ``remote``, and ``RunError`` for a port or folder in use.
    """
    limits = limits or Limits()
    if not _local(host) and (not remote or len(token or "") < 16):
        raise InputError(
            f"--host is {host!r}, which other machines can reach: add --allow-remote and --token with at least 16 letters, or leave it out"
        )
    Workers().prepare()  # jobs import the library while the server does
    from ornstein.lab.app import create

    with _alone(folder), _socket(host, port) as bound:
        port = bound.getsockname()[1]
        token = token or secrets.token_urlsafe(24)
        names = {"127.0.0.1", "localhost", "[::1]"} | (set() if _local(host) else _names(host))
        app = create(folder, token=token, hosts={f"{name}:{port}".lower() for name in names}, limits=limits, translate=translate, warm=True)
        shown = host if host not in ("0.0.0.0", "::") else socket.gethostname()
        address = f"http://{_bracketed(shown)}:{port}/?token={token}"
        with suppress(KeyboardInterrupt):  # that is how a person closes it
            asyncio.run(_until_stopped(uvicorn.Server(configured(app, limits)), bound, lambda: ready(address)))


def configured(app: Any, limits: Limits) -> uvicorn.Config:
    """How the lab is served: quietly, and with patience for nobody who only holds a connection."""
    return uvicorn.Config(
        app,
        http=_hasty(limits.head),
        loop="asyncio",
        ws="none",
        log_level="error",
        access_log=False,
        server_header=False,
        date_header=False,
        limit_concurrency=CONNECTIONS,
        timeout_keep_alive=5,
        timeout_graceful_shutdown=1,
    )


async def _until_stopped(server: uvicorn.Server, bound: socket.socket, ready: Callable[[], None]) -> None:
    serving = asyncio.create_task(server.serve([bound]))
    while not server.started and not serving.done():
        await asyncio.sleep(0.01)
    if server.started:
        ready()
    await serving


def _hasty(patience: float) -> type[H11Protocol]:
    """A protocol that does not wait for the head of a request longer than ``patience`` seconds, however it trickles in."""

    class Hasty(H11Protocol):
        _late: asyncio.TimerHandle | None = None

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._watch()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            self._watch()

        def connection_lost(self, exc: Exception | None) -> None:
            if self._late is not None:
                self._late.cancel()
            super().connection_lost(exc)

        def _watch(self) -> None:
            begun = self.cycle is not None and not self.cycle.response_complete
            if begun and self._late is not None:
                self._late.cancel()
                self._late = None
            elif not begun and self._late is None:
                self._late = self.loop.call_later(patience, self.transport.close)

    return Hasty


def _local(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def _names(host: str) -> set[str]:
    """What another machine may call this one: its names, and its addresses. A name of somebody else's, which only points here, is none."""
    name = socket.gethostname()
    found = {name, socket.getfqdn(), _bracketed(host)}
    with suppress(OSError):
        found |= {_bracketed(str(entry[4][0])) for entry in socket.getaddrinfo(name, None)}
    return found


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


@contextmanager
def _socket(host: str, port: int) -> Iterator[socket.socket]:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)[0]
        bound = socket.socket(family, kind, protocol)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
    except (OSError, OverflowError) as error:
        raise RunError(f"the lab cannot listen at {host}, port {port} ({error}): choose another --port") from None
    with bound:
        yield bound


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """The folder of one lab: made where it is missing, for its owner's eyes, and locked against a second server."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise RunError(f"{folder} cannot be used ({error.strerror}): choose another --folder") from None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        raise RunError(f"another lab works in {folder}: use its page, or choose another --folder") from None
    try:
        yield
    finally:
        os.close(handle)
