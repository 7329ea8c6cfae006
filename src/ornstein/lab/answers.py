"""What every route answers with: JSON, arrays, or one sentence in the language of the page."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from ornstein.lab import wire


def said(told: Mapping[str, Any], status: int = 200) -> Response:
    """An object in JSON; numbers that JSON lacks become null."""
    content = json.dumps(wire.plain(told), ensure_ascii=False, allow_nan=False)
    return Response(content, status, media_type="application/json")


def arrays(told: Mapping[str, Any], named: Mapping[str, Any]) -> Response:
    """Arrays behind a header (``wire``)."""
    return Response(wire.pack(told, named), media_type=wire.TYPE)


def language(request: Request) -> str:
    """The language that a page asks in: its first two letters."""
    return request.headers.get("accept-language", "en")[:2]
