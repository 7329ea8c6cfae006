"""The application: one lab on one folder, its routes behind its guard."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response

from ornstein.common.errors import InputError, RunError
from ornstein.lab import files_api, first, jobs_api, lesson_api, pages, results_api
from ornstein.lab.curves import Curves
from ornstein.lab.jobs import Jobs
from ornstein.lab.limits import Limits
from ornstein.lab.refusals import Refused
from ornstein.lab.safety import Guard
from ornstein.lab.shelf import Shelf
from ornstein.lab.state import Lab
from ornstein.lab.workers import Workers


def create(
    folder: Path,
    *,
    token: str,
    hosts: Collection[str],
    limits: Limits | None = None,
    translate: Callable[[str, str], str] = lambda sentence, language: sentence,
    warm: bool = False,
) -> Starlette:
    """A lab that keeps everything in ``folder``.

    token      what opens it; hosts: what a request may call it, with its port
    translate  (sentence, language) -> the sentence of an error in the language of the page
    warm       whether the first page of the lesson is computed before the lab opens, and the first example meanwhile: both appear at once
    """
    limits = limits or Limits()
    lab = Lab(Shelf(folder, limits), Curves(folder / "curves"), Jobs(folder / "jobs", limits, Workers()), limits, translate)
    scene = lesson_api.scenes(lab)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        lab.shelf.open()
        lab.curves.open()
        lab.jobs.open()
        ahead = asyncio.create_task(first.begin(lab.jobs)) if warm else None
        if warm:
            await asyncio.to_thread(scene, None, 0)
        yield
        if ahead is not None:
            ahead.cancel()
        await lab.jobs.close()

    guard = Middleware(Guard, hosts=hosts, token=token, limits=limits, translate=translate)
    routes = [*pages.routes(), *files_api.routes(lab), *jobs_api.routes(lab), *lesson_api.routes(lab, scene), *results_api.routes(lab)]
    handlers = dict.fromkeys((InputError, RunError, HTTPException), _refuse)
    return Starlette(routes=routes, middleware=[guard], lifespan=lifespan, exception_handlers=handlers)


def _refuse(request: Request, error: Exception) -> Response:
    """What a route raises becomes a refusal, which the guard puts into words."""
    if isinstance(error, HTTPException):
        sentences = {404: "there is nothing at this address", 405: "this address does not answer to that method"}
        raise Refused(error.status_code, sentences.get(error.status_code, error.detail))
    raise Refused(422 if isinstance(error, InputError) else 500, str(error))
