"""The page and its modules: one table of addresses, made when the lab starts, so that no address is ever a path."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

import ornstein.views
from ornstein.lab.imports import reached
from ornstein.lab.questions import IDENT
from ornstein.lab.refusals import Refused

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}
"""What is served at all, by suffix."""

WEB, VIEWS = Path(__file__).parent / "web", Path(ornstein.views.__file__).parent

MAIN, LESSON, WORKBENCH = "/web/main.js", "/web/lesson/lesson.js", "/web/bench/bench.js"


def table() -> dict[str, Path]:
    """Address -> file of everything that a page loads: ours in /web/, the views in /views/."""
    return dict(_under("/web/", WEB)) | dict(_under("/views/", VIEWS))


def _under(prefix: str, folder: Path) -> Iterator[tuple[str, Path]]:
    for file in sorted(folder.rglob("*")):
        if file.suffix in TYPES and file.is_file():
            yield prefix + file.relative_to(folder).as_posix(), file


def routes() -> list[Route]:
    """``/``, ``/lesson`` and ``/workbench`` are one page, which looks at its own address; its head names what it will ask for."""
    known = table()
    ahead = {part: "".join(map(_module, reached(known, MAIN, part))) for part in (LESSON, WORKBENCH)}

    async def page(request: Request) -> Response:
        part = WORKBENCH if request.url.path == "/workbench" else LESSON
        links = ahead[part] + ("" if part == WORKBENCH else _scene(request.query_params.get("curve", "")))
        whole = (WEB / "index.html").read_text(encoding="utf-8").replace("</head>", f"{links}</head>")
        return Response(whole, media_type=TYPES[".html"], headers={"cache-control": "no-cache"})

    async def module(request: Request) -> Response:
        if request.url.path not in known:
            raise Refused(404, "there is nothing at this address")
        return _content(known[request.url.path])

    paths = [Route(path, page) for path in ("/", "/lesson", "/lesson/{chapter}", "/workbench")]
    return [*paths, *(Route(f"/{name}/{{path:path}}", module) for name in ("web", "views"))]


def _module(address: str) -> str:
    return f'<link rel="modulepreload" href="{address}">\n'


def _scene(curve: str) -> str:
    """What a lesson asks for, so that it is computed and sent while the modules are."""
    wanted = ("/api/lesson/words", "/api/lesson/scene" + (f"?curve={curve}" if IDENT.fullmatch(curve) else ""))
    return "".join(f'<link rel="preload" as="fetch" crossorigin href="{address}">\n' for address in wanted)


def _content(file: Path) -> Response:
    return Response(file.read_bytes(), media_type=TYPES[file.suffix], headers={"cache-control": "no-cache"})
