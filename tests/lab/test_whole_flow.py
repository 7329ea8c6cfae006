"""The whole flow as few people go it, and as many as cannot go it otherwise: by keys alone, in a window of 1280 pixels at 200 %; and what
takes long: the animation of a curve in both forms."""

from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest
from browsing import Watched, needs_browser, watched
from laboratory import TOKEN, opened
from test_lab_bench import CUT, READY
from test_lesson_browser import CHAPTERS, clock, turn

from ornstein.common.sentences import translated

pytestmark = [needs_browser, pytest.mark.slow]

SEEN = """() => {
  const { top, bottom } = document.activeElement.getBoundingClientRect(), head = document.getElementById("frame").getBoundingClientRect();
  return bottom > head.bottom && top < innerHeight;
}"""
"""Whether what has the focus is in sight, below the head that stays."""


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    with opened(tmp_path_factory.mktemp("lab"), translate=translated) as laboratory:
        yield laboratory


@contextmanager
def enlarged(browser, address):
    """A page at 200 % in a window of 1280 x 900: half as many pixels, twice as dense. Nothing may go wrong on it."""
    context = browser.running.new_context(viewport={"width": 640, "height": 450}, device_scale_factor=2, reduced_motion="reduce")
    seen = Watched(context.new_page(), urlsplit(address).netloc)
    seen.listen()
    seen.page.goto(address)
    try:
        yield seen
    finally:
        context.close()
    assert seen.wrong == []


def tab_to(page, selector, most=90):
    """Press Tab until an element has the focus; it is in sight then."""
    for _ in range(most):
        page.keyboard.press("Tab")
        if page.evaluate("(selector) => document.activeElement.matches(selector)", selector):
            assert page.evaluate(SEEN), f"{selector} has the focus out of sight"
            return
    raise AssertionError(f"{selector} is not reached by {most} times Tab")


def step(page, name):
    tab_to(page, f"a[data-step={name}]")
    page.keyboard.press("Enter")
    page.wait_for_selector(f"#panel[data-step={name}]")
    assert page.evaluate(CUT) == [], name


def test_every_step_by_keys_at_200_percent(lab, browser):
    with enlarged(browser, f"http://127.0.0.1:{lab.port}/workbench?step=open&token={TOKEN}&lang=en") as seen:
        page = seen.settled()
        page.wait_for_selector(READY)
        before = page.get_attribute(".bench", "data-signals")
        step(page, "open")
        tab_to(page, "button[data-example=cosines]")
        page.keyboard.press("Enter")
        page.wait_for_selector(f".bench[data-signals]:not([data-signals='{before}']):not([data-signals=''])")
        page.wait_for_selector(READY)
        step(page, "explore")
        page.wait_for_selector("#panel .lead[data-effective]")
        step(page, "fit")
        tab_to(page, "#panel input[type=radio]")
        page.keyboard.press("ArrowRight")
        model = page.get_attribute(".bench", "data-model")
        tab_to(page, "#fit")
        page.keyboard.press("Enter")
        page.wait_for_selector(f".bench[data-model]:not([data-model='{model}']):not([data-model=''])")
        step(page, "fill")
        page.wait_for_selector("[data-figure=gap][data-mean]")
        tab_to(page, "[data-figure=gap]")
        gaps = page.get_attribute("[data-figure=gap]", "data-gaps")
        page.keyboard.press("ArrowRight")
        seen.until(f"document.querySelector('[data-figure=gap]').dataset.gaps !== '{gaps}'")
        page.wait_for_selector("#panel a[download='filled.csv']")
        tab_to(page, "#panel a[download='filled.csv']")
        with page.expect_download() as caught:
            page.keyboard.press("Enter")
        assert caught.value.suggested_filename == "filled.csv"
        step(page, "sample")
        page.wait_for_selector("#panel a[download='samples.csv']")
        tab_to(page, "#panel input[type=range]")
        page.keyboard.press("Home")
        step(page, "score")
        page.wait_for_selector("[data-figure=ranks][data-first]")
        oddest = page.inner_text("#oddest")
        tab_to(page, "[data-figure=ranks]")
        page.keyboard.press("ArrowRight")
        assert page.inner_text("#oddest") != oddest
        step(page, "condition")
        page.wait_for_selector("#posterior[data-evidence]")
        evidence = page.get_attribute("#posterior", "data-evidence")
        tab_to(page, "#panel input[type=range]")
        page.keyboard.press("ArrowRight")
        seen.until(f"document.querySelector('#posterior').dataset.evidence !== '{evidence}'", 60)
        step(page, "calibrate")
        page.wait_for_selector("#honest[data-p]", timeout=60_000)
        assert page.evaluate(CUT) == []


def test_ten_seconds_of_the_curve_are_taken_away(lab, browser, tmp_path):
    """As GIF, and as video where the browser can."""
    with watched(browser, f"http://127.0.0.1:{lab.port}/lesson/likelihood?token={TOKEN}&lang=en") as seen:
        page = seen.settled()
        with page.expect_download() as caught:
            page.click("#take-gif")
        caught.value.save_as(tmp_path / "curve.gif")
        assert (tmp_path / "curve.gif").read_bytes().startswith(b"GIF89a")
        if not page.query_selector("#take-video"):
            pytest.skip("this browser records no video")
        with page.expect_download() as caught:
            page.click("#take-video")
        caught.value.save_as(tmp_path / "curve")
        kind, content = caught.value.suggested_filename.rsplit(".", 1)[1], (tmp_path / "curve").read_bytes()
        assert content.startswith(b"\x1a\x45\xdf\xa3") if kind == "webm" else content[4:8] == b"ftyp"
        assert len(content) > 20_000
        seen.until("document.querySelector('#keep .status').textContent.length > 0")


DRAWN = """() => {
  const shown = [...document.querySelectorAll("article figure canvas")].filter((canvas) => canvas.clientWidth);
  const pixels = ({ width, height }, pen) => new Uint32Array(pen.getImageData(0, 0, width, height).data.buffer);
  const sum = (canvas) => pixels(canvas, canvas.getContext("2d")).reduce((so, pixel) => (Math.imul(so, 31) + pixel) | 0, 0);
  return Object.fromEntries(shown.map((canvas) => [canvas.dataset.view, sum(canvas)]));
}"""
OF_WHOLE_RUNS = {"made", "price"}
"""What so many calls of a sampler give at their end, whatever the clock says, as their caption tells."""


def test_every_figure_follows_the_clock(lab, browser):
    with watched(browser, f"http://127.0.0.1:{lab.port}/lesson/{CHAPTERS[0]}?token={TOKEN}&lang=en&t=30") as seen:
        page = seen.settled()
        page.set_viewport_size({"width": 1280, "height": 4500})
        for chapter in CHAPTERS:
            turn(seen, chapter)
            found = []
            for t in (20, 60):
                clock(seen, t)
                page.evaluate("async () => { for (let k = 0; k < 4; k++) await new Promise(requestAnimationFrame); }")
                found.append(page.evaluate(DRAWN))
            assert found[0].keys() == found[1].keys() != set()
            assert {view for view, total in found[0].items() if found[1][view] == total} <= OF_WHOLE_RUNS, chapter
