"""The page and its modules: one table of addresses, made when the lab starts, so that no address is ever a path."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

import ornstein.views
from ornstein.lab.joining import whole
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

MAIN = "/web/main.js"
PARTS = {"/web/whole/lesson.js": "/web/lesson/lesson.js", "/web/whole/workbench.js": "/web/bench/bench.js"}
"""Address of a page's one script -> the part that it shows."""
LESSON, WORKBENCH = PARTS


def table() -> dict[str, Path]:
    """Address -> file of everything that a page loads: ours in /web/, the views in /views/."""
    return dict(_under("/web/", WEB)) | dict(_under("/views/", VIEWS))


def _under(prefix: str, folder: Path) -> Iterator[tuple[str, Path]]:
    for file in sorted(folder.rglob("*")):
        if file.suffix in TYPES and file.is_file():
            yield prefix + file.relative_to(folder).as_posix(), file


def routes() -> list[Route]:
    """``/``, ``/lesson`` and ``/workbench`` are one page, which looks at its own address; it loads its modules as one."""
    known = table()
    scripts = {address: whole(known, MAIN, part) for address, part in PARTS.items()}

    async def page(request: Request) -> Response:
        script = WORKBENCH if request.url.path == "/workbench" else LESSON
        links = "" if script == WORKBENCH else _scene(request.query_params.get("curve", ""))
        text = (WEB / "index.html").read_text(encoding="utf-8").replace(MAIN, script).replace("</head>", f"{links}</head>")
        return Response(text, media_type=TYPES[".html"], headers={"cache-control": "no-cache"})

    async def module(request: Request) -> Response:
        if (path := request.url.path) in scripts:
            return Response(scripts[path], media_type=TYPES[".js"], headers={"cache-control": "no-cache"})
        if path not in known:
            raise Refused(404, "there is nothing at this address")
        return _content(known[path])

    paths = [Route(path, page) for path in ("/", "/lesson", "/lesson/{chapter}", "/workbench")]
    return [*paths, *(Route(f"/{name}/{{path:path}}", module) for name in ("web", "views"))]


def _scene(curve: str) -> str:
    """What a lesson asks for, so that it is computed and sent while the script is."""
    wanted = ("/api/lesson/words", "/api/lesson/scene" + (f"?curve={curve}" if IDENT.fullmatch(curve) else ""))
    return "".join(f'<link rel="preload" as="fetch" crossorigin href="{address}">\n' for address in wanted)


def _content(file: Path) -> Response:
    return Response(file.read_bytes(), media_type=TYPES[file.suffix], headers={"cache-control": "no-cache"})
