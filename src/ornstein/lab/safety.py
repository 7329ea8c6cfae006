"""The guard before every route: who may ask, what may be sent, and what the browser is told to refuse.

A page of another site cannot ask (Host and Origin are ours, the token is in a cookie that it cannot read or send), a page of ours
loads nothing from elsewhere (Content-Security-Policy), and no request may be larger or slower than the limits say.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import Callable, Collection
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qsl, urlencode

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ornstein.lab.limits import Limits, bytes_told
from ornstein.lab.refusals import Refused

POLICY = "default-src 'self'; img-src 'self' blob: data:; base-uri 'none'; object-src 'none'; form-action 'none'; frame-ancestors 'none'"
HEADERS = (
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
SAFE = ("GET", "HEAD")
OPEN = ("/web/", "/views/")
"""Our own code, the same for everyone: what it says needs no token."""


class Guard:
    """ASGI middleware: Host, Origin, token, size and pace of what comes in; headers on everything that goes out.

    hosts      what the Host header may say, with the port, in lower case
    token      what the opening URL carries, and afterwards the cookie, or "Authorization: Bearer"
    translate  (sentence, language) -> the sentence in the language that the page asks for
    """

    def __init__(self, app: ASGIApp, hosts: Collection[str], token: str, limits: Limits, translate: Callable[[str, str], str]) -> None:
        self._app, self._hosts, self._token, self._limits, self._translate = app, frozenset(hosts), token, limits, translate
        self._cookie = f"ornstein-{hashlib.sha256(token.encode()).hexdigest()[:8]}"  # ports of one host share their cookies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve, or refuse with a sentence."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        headers: dict[bytes, bytes] = dict(scope["headers"])
        started = False

        async def sent(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                own = [(b"cache-control", b"no-store"), *HEADERS]
                given = {name for name, _ in message.get("headers", ())}
                message["headers"] = [*message.get("headers", ()), *((k, v) for k, v in own if k not in given)]
            await send(message)

        try:
            self._known_host(headers)
            self._own_origin(scope, headers)
            if self._opening(scope):
                await self._welcome(scope, sent)
                return
            self._known_caller(scope, headers)
            await self._app(scope, self._measured(scope, headers, receive), sent)
        except Refused as refusal:
            if not started:
                language = headers.get(b"accept-language", b"en")[:2].decode("latin-1")
                await _answer(sent, refusal.status, self._translate(refusal.sentence, language))

    def _known_host(self, headers: dict[bytes, bytes]) -> None:
        if headers.get(b"host", b"").decode("latin-1").lower() not in self._hosts:
            raise Refused(403, "this lab answers only under the address that it printed")

    def _own_origin(self, scope: Scope, headers: dict[bytes, bytes]) -> None:
        """Where a browser says who asks, it must be a page of ours; a link from elsewhere may open a page, which then has no token."""
        origin = headers.get(b"origin")
        own = f"{scope.get('scheme', 'http')}://".encode() + headers[b"host"].lower()
        if origin is not None and origin.lower() != own:
            raise Refused(403, "the request comes from another page, but only pages of this lab may ask")
        if headers.get(b"sec-fetch-site", b"none") not in (b"same-origin", b"none") and scope["path"].startswith("/api/"):
            raise Refused(403, "the request comes from another page, but only pages of this lab may ask")
        if origin is None and scope["method"] not in SAFE and b"authorization" not in headers:
            raise Refused(403, "the request does not say which page it comes from (Origin), which every browser does")

    def _opening(self, scope: Scope) -> bool:
        """Whether this is the address that was printed: a page, and the token in its query."""
        if scope["method"] not in SAFE or scope["path"].startswith(("/api/", *OPEN)):
            return False
        return any(name == "token" and self._right(value) for name, value in parse_qsl(scope["query_string"].decode("latin-1")))

    async def _welcome(self, scope: Scope, send: Send) -> None:
        """The token moves from the address into a cookie, so that it stays out of history, links and pictures of the screen."""
        rest = urlencode([(k, v) for k, v in parse_qsl(scope["query_string"].decode("latin-1")) if k != "token"])
        target = "/" + scope["path"].lstrip("/") + (f"?{rest}" if rest else "")
        if not target.isascii() or any(c in target for c in "\r\n\\"):
            target = "/"
        cookie = f"{self._cookie}={self._token}; HttpOnly; SameSite=Lax; Path=/"
        headers = [(b"location", target.encode()), (b"set-cookie", cookie.encode())]
        await send({"type": "http.response.start", "status": 303, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    def _known_caller(self, scope: Scope, headers: dict[bytes, bytes]) -> None:
        if scope["path"].startswith(OPEN):
            return
        scheme, _, bearer = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
        if scheme.lower() == "bearer" and self._right(bearer.strip()):
            return
        try:
            morsel = SimpleCookie(headers.get(b"cookie", b"").decode("latin-1")).get(self._cookie)
        except CookieError:
            morsel = None
        if morsel is None or not self._right(morsel.value):
            raise Refused(401, "this lab opens with the address that it printed when it started: its token is missing here, or an old one")

    def _right(self, token: str) -> bool:
        return hmac.compare_digest(token.encode("utf-8", "surrogateescape"), self._token.encode())

    def _measured(self, scope: Scope, headers: dict[bytes, bytes], receive: Receive) -> Receive:
        """``receive`` that counts what comes, whatever the head of the request claims, and does not wait forever."""
        most = self._limits.upload if scope["path"] == "/api/files" else self._limits.body
        too_large = Refused(413, f"the request is larger than {bytes_told(most)}, the most that is taken here")
        claimed = headers.get(b"content-length", b"0")
        if not claimed.isdigit() or int(claimed[:20]) > most:
            raise too_large
        count, whole = 0, False

        async def measured() -> Message:
            nonlocal count, whole
            if whole:  # what comes now is only that the other side has left
                return await receive()
            try:
                message = await asyncio.wait_for(receive(), self._limits.pause)
            except TimeoutError:
                raise Refused(408, f"nothing came for {self._limits.pause:g} seconds in the middle of the request") from None
            count += len(message.get("body", b""))
            whole = not message.get("more_body", False)
            if count > most:
                raise too_large
            return message

        return measured


async def _answer(send: Send, status: int, sentence: str) -> None:
    content = json.dumps({"error": sentence}, ensure_ascii=False).encode()
    headers = [(b"content-type", b"application/json; charset=utf-8"), (b"content-length", str(len(content)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": [*headers, (b"connection", b"close")]})
    await send({"type": "http.response.body", "body": content})
