"""Routes of what a person takes away: the files that a job wrote, the script that does the same, and stretches of long recordings."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from ornstein.lab import answers, overview, scripts, store
from ornstein.lab.kinds import KINDS
from ornstein.lab.questions import parsed_query, whole
from ornstein.lab.refusals import Refused
from ornstein.lab.state import Lab

MOST = 4_000_000
"""Numbers of a stretch that are sent as they are; of more, the extremes of so many stretches as are asked for."""


def routes(lab: Lab) -> list[Route]:
    """``GET /api/jobs/<id>/files/<name>``, ``…/script``, ``…/stretch?case=&start=&stop=&points=``."""

    async def file(request: Request) -> Response:
        record, name = lab.jobs.find(request.path_params["ident"]), request.path_params["name"]
        path = lab.jobs.folder(record.id) / name
        if name not in KINDS[record.kind].files or path.is_symlink() or not path.is_file():
            raise Refused(404, "this job has no such file, or not yet")
        return FileResponse(path, media_type="application/octet-stream", filename=name)

    async def script(request: Request) -> Response:
        text = scripts.script(lab.jobs, lab.shelf, request.path_params["ident"])
        return Response(text, media_type="text/x-python", headers={"content-disposition": 'attachment; filename="done.py"'})

    async def stretch(request: Request) -> Response:
        folder = lab.jobs.finished(request.path_params["ident"], "open")
        asked = parsed_query(request.query_params, {name: whole(0, 2**62) for name in ("case", "start", "stop", "points")})
        return await asyncio.to_thread(_stretch, folder, **asked)

    return [
        Route("/api/jobs/{ident}/files/{name}", file),
        Route("/api/jobs/{ident}/script", script),
        Route("/api/jobs/{ident}/stretch", stretch),
    ]


def _stretch(folder, case: int, start: int, stop: int, points: int) -> Response:  # type: ignore[no-untyped-def]
    values = store.values(folder)
    if case >= len(values) or not start < stop <= values.shape[2]:
        raise Refused(422, f"there are {len(values)} signals of {values.shape[2]} samples, and the stretch is not among them")
    piece = values[case, :, start:stop]
    if piece.size <= MOST:
        return answers.arrays({"start": start, "stop": stop}, {"values": piece})
    low, high = overview.extremes(piece, max(1, min(points, 4000)))
    return answers.arrays({"start": start, "stop": stop}, {"low": low, "high": high})
