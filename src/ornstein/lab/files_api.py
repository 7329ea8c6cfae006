"""Routes of files: what is there, one more, one less."""

from __future__ import annotations

from dataclasses import asdict

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ornstein.lab import answers
from ornstein.lab.limits import bytes_told
from ornstein.lab.refusals import Refused
from ornstein.lab.state import Lab


def routes(lab: Lab) -> list[Route]:
    """``GET``, ``POST /api/files?name=``, ``DELETE /api/files/<id>``."""

    async def listed(request: Request) -> Response:
        return answers.said({"files": [asdict(kept) for kept in lab.shelf.all()], "largest": bytes_told(lab.limits.upload)})

    async def add(request: Request) -> Response:
        name = request.query_params.get("name", "")
        if not name:
            raise Refused(422, "the upload lacks the name of its file (?name=)")
        return answers.said(asdict(await lab.shelf.add(name, request.stream())), 201)

    async def delete(request: Request) -> Response:
        lab.shelf.delete(request.path_params["ident"])
        return Response(status_code=204)

    return [
        Route("/api/files", listed),
        Route("/api/files", add, methods=["POST"]),
        Route("/api/files/{ident}", delete, methods=["DELETE"]),
    ]
