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


@dataclass
class Watched:
    """A page, and what went wrong on it."""

    page: Any
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


@contextmanager
def chromium() -> Iterator[Any]:
    """A running browser."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def watched(browser: Any, address: str, **options: Any) -> Iterator[Watched]:
    """A page in a context of its own. Requests to anywhere else are stopped; they, refusals and errors of the console are kept."""
    context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, "reduced_motion": "reduce", **options})
    page = context.new_page()
    seen = Watched(page)
    home = urlsplit(address).netloc

    def local(route: Any) -> None:
        if urlsplit(route.request.url).netloc == home:
            route.continue_()
        else:
            seen.wrong.append(f"asked {route.request.url}")
            route.abort()

    context.route("**/*", local)
    page.on("console", lambda told: seen.wrong.append(told.text) if told.type == "error" else None)
    page.on("pageerror", lambda error: seen.wrong.append(str(error)))
    page.goto(address)
    try:
        yield seen
    finally:
        context.close()
    if seen.wrong:
        raise AssertionError("\n".join(seen.wrong))


def violations(page: Any, *rules: str) -> list[tuple[str, str]]:
    """Serious and critical ones that axe finds, and where; ``rules`` are those asked about, all by default. Skips where axe is missing."""
    axe = pytest.importorskip("axe_playwright_python")
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate((Path(axe.__file__).parent / "axe.min.js").read_text(encoding="utf-8"))
    asked = {"resultTypes": ["violations"], **({"runOnly": list(rules)} if rules else {})}
    found = page.evaluate("(asked) => axe.run(document, asked)", asked)["violations"]
    return [(v["id"], v["nodes"][0]["html"][:200]) for v in found if v["impact"] in ("serious", "critical")]
