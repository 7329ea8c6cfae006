"""A browser for tests: Chromium where one is found, and pages that may speak to nothing but the lab."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
CHROMIUM = os.environ.get("ORNSTEIN_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: make browser installs it where apt is at hand")


ELSEWHERE = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost"
"""No other machine is found by this browser."""


@dataclass
class Watched:
    """A page, and what went wrong on it."""

    page: Any
    home: str = ""
    wrong: list[str] = field(default_factory=list)

    def settled(self) -> Any:
        """The page when its part is shown and nothing waits to be drawn."""
        self.page.wait_for_selector("html[data-ready]", state="attached", timeout=30_000)
        self.page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        return self.page

    def until(self, expression: str, seconds: float = 20.0) -> None:
        """Wait until an expression of the page is true; the page's own policy forbids the waiting of Playwright, which evaluates text."""
        end = time.monotonic() + seconds
        while not self.page.evaluate(f"() => Boolean({expression})"):
            if time.monotonic() > end:
                raise AssertionError(f"not within {seconds} s: {expression}")
            time.sleep(0.02)

    def listen(self) -> None:
        """Keep what the page asks of anything but its home, its errors, and what it shouts in dialogs."""

        def asked(request: Any) -> None:
            address = urlsplit(request.url)
            if address.scheme not in ("blob", "data", "about") and address.netloc != self.home:
                self.wrong.append(f"asked {request.url}")

        self.page.on("request", asked)
        self.page.on("console", lambda told: self.wrong.append(told.text) if told.type == "error" else None)
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("dialog", lambda dialog: (self.wrong.append(f"dialog {dialog.message}"), dialog.dismiss()))


@dataclass
class Browser:
    """A running Chromium. A page costs a second of processor time to begin, so those that are done with are used again."""

    running: Any
    idle: list[Watched] = field(default_factory=list)

    def page(self) -> Watched:
        """One that nobody looks at, with a context of its own."""
        if self.idle:
            return self.idle.pop()
        found = Watched(self.running.new_context().new_page())
        found.listen()
        return found


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser that reaches this machine and no other."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", ELSEWHERE])
        try:
            yield Browser(running)
        finally:
            running.close()


@contextmanager
def watched(browser: Browser, address: str, *, width: int = 1280, scheme: str = "light", motion: str = "reduce") -> Iterator[Watched]:
    """A page at an address of the lab. What it asks of anything else fails; that, refusals and errors of the console fail the test."""
    seen = browser.page()
    seen.home, seen.wrong = urlsplit(address).netloc, []
    seen.page.context.clear_cookies()
    seen.page.set_default_timeout(60_000)
    seen.page.set_viewport_size({"width": width, "height": 900})
    seen.page.emulate_media(color_scheme=scheme, reduced_motion=motion)
    seen.page.goto(address)
    try:
        yield seen
    finally:
        seen.page.goto("about:blank")
        browser.idle.append(seen)
    if seen.wrong:
        raise AssertionError("\n".join(seen.wrong))


def violations(page: Any, *, only: tuple[str, ...] = (), without: tuple[str, ...] = ()) -> list[tuple[str, str]]:
    """Serious and critical ones that axe finds, and where, of the rules ``only`` or of all but ``without``. Skips where axe is missing."""
    axe = pytest.importorskip("axe_playwright_python")
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate((Path(axe.__file__).parent / "axe.min.js").read_text(encoding="utf-8"))
    rules = {"runOnly": list(only)} if only else {"rules": {name: {"enabled": False} for name in without}}
    found = page.evaluate("(asked) => axe.run(document, asked)", {"resultTypes": ["violations"], **rules})["violations"]
    return [(v["id"], v["nodes"][0]["html"][:200]) for v in found if v["impact"] in ("serious", "critical")]
