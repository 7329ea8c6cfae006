"""Routes of the lesson: a person's curve comes in, and everything that its pages draw goes out at once."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from functools import cache, lru_cache

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ornstein.lab import answers, lesson, wire
from ornstein.lab.questions import number, parsed, several, taken
from ornstein.lab.refusals import Refused
from ornstein.lab.state import Lab

LONGEST = 2000
KEPT = 8
"""Scenes that are remembered, a few 100 kB each."""


Scene = Callable[[str | None, int], Response]


def scenes(lab: Lab) -> Scene:
    """(curve or None for the default, seed) -> its scene, computed once: two who ask at a time wait for one answer."""
    busy = threading.Lock()

    @lru_cache(KEPT)
    def scene(curve: str | None, seed: int) -> Response:
        return Response(lesson.scene(None if curve is None else lab.curves.find(curve), seed), media_type=wire.TYPE)

    def once(curve: str | None, seed: int) -> Response:
        with busy:
            return scene(curve, seed)

    return once


def routes(lab: Lab, scene: Scene) -> list[Route]:
    """``POST /api/curves`` {values}, ``GET /api/curves/<id>``, ``GET /api/lesson/scene?curve=&seed=``.

    ``GET /api/lesson/words`` is what the tour says, in both languages, and all formulas.
    """

    @cache
    def words() -> Response:
        return Response(lesson.words(), media_type="application/json")

    async def told(request: Request) -> Response:
        return await asyncio.to_thread(words)

    async def add(request: Request) -> Response:
        asked = taken(parsed(await request.body(), lab.limits.depth), {"values": several(number(-1e30, 1e30), LONGEST)})
        return answers.said({"id": await asyncio.to_thread(lab.curves.add, asked["values"])}, 201)

    async def one(request: Request) -> Response:
        return answers.said({"values": lab.curves.find(request.path_params["ident"])})

    async def shown(request: Request) -> Response:
        seed = request.query_params.get("seed", "0")
        if not seed.isascii() or not seed.isdigit() or len(seed) > 9:
            raise Refused(422, "seed must be a whole number from 0 to 999999999")
        return await asyncio.to_thread(scene, request.query_params.get("curve"), int(seed))

    return [
        Route("/api/curves", add, methods=["POST"]),
        Route("/api/curves/{ident}", one),
        Route("/api/lesson/scene", shown),
        Route("/api/lesson/words", told),
    ]
