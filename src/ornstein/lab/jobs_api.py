"""Routes of jobs: begin, follow, cancel, remove, and what came out."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import asdict

from starlette.requests import Request
from starlette.responses import FileResponse, Response, StreamingResponse
from starlette.routing import Route

from ornstein.lab import answers, events, wire
from ornstein.lab.jobs import VERSION
from ornstein.lab.kinds import KINDS
from ornstein.lab.questions import one_of, parsed, taken
from ornstein.lab.refusals import Refused
from ornstein.lab.state import Lab

PART = re.compile(r"[a-z0-9-]{1,40}")


def routes(lab: Lab) -> list[Route]:
    """``GET``, ``POST /api/jobs``; of one ``GET``, ``DELETE``, ``POST …/cancel``, ``…/enough``, ``GET …/events``, ``…/parts/<name>``."""
    following: set[object] = set()

    async def listed(request: Request) -> Response:
        return answers.said({"version": VERSION, "jobs": [asdict(record) for record in lab.jobs.all()]})

    async def start(request: Request) -> Response:
        asked = parsed(await request.body(), lab.limits.depth)
        name = one_of(*KINDS)("kind", asked.pop("kind", None))
        kind = KINDS[name]
        told = taken(asked, dict(kind.checks), kind.optional)
        for field, allowed in kind.needs.items():
            if field in told:
                _exists(lab, told[field], allowed)
        return answers.said({"id": lab.jobs.start(name, told)}, 201)

    async def one(request: Request) -> Response:
        return answers.said(asdict(lab.jobs.find(request.path_params["ident"])))

    async def delete(request: Request) -> Response:
        lab.jobs.delete(request.path_params["ident"])
        return Response(status_code=204)

    async def cancel(request: Request) -> Response:
        lab.jobs.cancel(request.path_params["ident"])
        return answers.said({})

    async def enough(request: Request) -> Response:
        lab.jobs.enough(request.path_params["ident"])
        return answers.said({})

    async def follow(request: Request) -> Response:
        file = lab.jobs.events(request.path_params["ident"])
        seen = request.headers.get("last-event-id") or request.query_params.get("after", "0")
        after = int(seen) if seen.isdigit() and len(seen) < 16 else 0
        known = list(events.read(file))
        if known and events.ended(known[-1][1]) and after >= len(known):
            return Response(status_code=204)
        if len(following) >= lab.limits.streams:
            raise Refused(429, f"{lab.limits.streams} pages follow jobs of this lab already, which is the most: close one")
        spoken = request.query_params.get("lang", answers.language(request))
        me = object()
        following.add(me)

        async def counted() -> AsyncIterator[bytes]:
            try:
                async for piece in events.stream(file, after, lambda sentence: lab.translate(sentence, spoken)):
                    yield piece
            finally:
                following.discard(me)

        return StreamingResponse(counted(), media_type="text/event-stream", headers={"x-accel-buffering": "no"})

    async def part(request: Request) -> Response:
        name, folder = request.path_params["name"], lab.jobs.folder(request.path_params["ident"])
        file = folder / f"{name}.bin"
        if not PART.fullmatch(name) or file.is_symlink() or not file.is_file():
            raise Refused(404, "this job has no such result, or not yet")
        return FileResponse(file, media_type=wire.TYPE)

    return [
        Route("/api/jobs", listed),
        Route("/api/jobs", start, methods=["POST"]),
        Route("/api/jobs/{ident}", one),
        Route("/api/jobs/{ident}", delete, methods=["DELETE"]),
        Route("/api/jobs/{ident}/cancel", cancel, methods=["POST"]),
        Route("/api/jobs/{ident}/enough", enough, methods=["POST"]),
        Route("/api/jobs/{ident}/events", follow),
        Route("/api/jobs/{ident}/parts/{name}", part),
    ]


def _exists(lab: Lab, ident: str, allowed: tuple[str, ...]) -> None:
    """Refuse an id that is no file, curve or finished job of the kinds that are allowed."""
    if "file" in allowed:
        lab.shelf.find(ident)
    elif "curve" in allowed:
        lab.curves.find(ident)
    else:
        lab.jobs.finished(ident, *allowed)
