"""The lesson as one page: nothing left to load, every chapter on the reader's curve, its numbers Python's, below a megabyte and a half."""

import base64
import gzip
import json
import math
import re

import numpy as np
import pytest
import torch
from browsing import needs_browser
from laboratory import opened

from ornstein.lab import alone, lesson, pages, wire
from ornstein.tour.compute import opening

torch.set_num_threads(1)
LARGEST = 1_500_000
CHAPTERS = re.findall(r'\{ id: "(\w+)"', (pages.WEB / "lesson" / "chapters.js").read_text(encoding="utf-8"))
CURVE = [math.sin(i / 9) + 0.2 * math.cos(i) for i in range(300)]
LEFT_ALONE = """(id) => {
  const link = document.querySelector(`#chapters a[href$='#${id}']`);
  const click = new MouseEvent("click", { ctrlKey: true, cancelable: true, bubbles: true });
  let alone = null;
  addEventListener("click", (event) => { alone = !event.defaultPrevented; event.preventDefault(); }, { once: true });
  link.dispatchEvent(click);
  return { href: link.href, alone };
}"""
"""Where a link of another chapter leads, and whether a click with Ctrl is left to the browser, which opens no tab here."""
NUMBERS = """() => [...document.querySelectorAll("article [data-live]")].map((e) => [e.dataset.live, e.dataset.value])"""


def answers(curve):
    given = {"/api/lesson/words": lesson.words(), "/api/lesson/scene": alone.coarse(lesson.scene(curve, 0))}
    return given | {"/api/curves/alone": json.dumps({"values": curve})}


@pytest.fixture(scope="module")
def page():
    return alone.page(answers(CURVE), "zh")


def test_every_module_that_is_imported_is_there():
    known = alone.modules()
    assert set(alone.BEGIN) <= known.keys()
    for address, source in known.items():
        imported = re.findall(r"""(?:\bfrom|\bimport)\s*\(?"([^"]+)\"""", source)
        assert {name.removeprefix("@") for name in imported} <= known.keys(), address
        assert all(name.startswith("@/") for name in imported), address


def test_what_the_lab_would_have_said_is_in_the_page(page):
    packed = gzip.decompress(base64.b64decode(re.search(r'id="packed">([^<]*)<', page)[1]))
    size = int.from_bytes(packed[:4], "little")
    header = json.loads(packed[4 : 4 + size])
    said = {address: (packed[4 + size + a : 4 + size + b], word) for address, a, b, word in header["answers"]}
    assert {f"/web/lesson/words.{name}.json" for name in ("en", "zh")} < said.keys()
    planes, word = said["/api/lesson/scene"]
    assert word == 4
    _, arrays = wire.unpack(np.frombuffer(planes, np.uint8).reshape(4, -1).T.tobytes())
    tour = opening(CURVE)
    for name, values in tour.arrays.items():
        np.testing.assert_allclose(arrays[name], values, rtol=2.0**-16, atol=1e-30, err_msg=name)
    assert len(page.encode()) < LARGEST
    assert "data-alone" in page
    assert not re.search(r'(src|href)="(?!#)', page)


@needs_browser
def test_it_is_the_lesson_wherever_it_lies(browser, page, tmp_path):
    """From a file, without a server: every chapter, in the language it was made in, and the other at a click."""
    shown(browser, page, tmp_path, CHAPTERS)


def shown(browser, page, folder, chapters):
    file = folder / "lesson.html"
    file.write_text(page, encoding="utf-8")
    seen, tour = browser.page(), opening(CURVE)
    seen.wrong, seen.home = [], ""
    seen.page.set_viewport_size({"width": 1280, "height": 900})
    seen.page.goto(f"{file.as_uri()}#{chapters[-1]}")  # as a link opens it in another tab
    seen.settled()
    assert seen.page.get_attribute("article", "data-chapter") == chapters[-1]
    left = seen.page.evaluate(LEFT_ALONE, CHAPTERS[1])
    assert left["alone"]
    assert left["href"].startswith(file.as_uri() + "?")
    assert left["href"].endswith(f"#{CHAPTERS[1]}")
    numbers = {}
    for chapter in chapters:
        seen.page.evaluate("(id) => document.querySelector(`#chapters a[href$='#${id}']`).click()", chapter)
        seen.page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        numbers |= dict(seen.page.evaluate(NUMBERS))
        assert any("一" <= c <= "鿿" for c in seen.page.inner_text("h1"))
        assert not any(word in seen.page.inner_text("article") for word in ("按下按钮", "由你来画"))  # there is no such button here
    compared = [name for name in numbers if name in tour.numbers]
    assert len(compared) >= 2 * len(chapters)
    for name in compared:
        assert float(numbers[name]) == pytest.approx(tour.numbers[name], rel=1e-9), name
    if len(chapters) > 1:
        seen.page.go_back()
        seen.until(f"document.querySelector('article').dataset.chapter === '{chapters[-2]}'")
    seen.page.click("#language")
    seen.page.wait_for_function("() => document.documentElement.lang === 'en'")
    assert seen.wrong == []
    seen.page.goto("about:blank")
    browser.idle.append(seen)
    return numbers


@pytest.mark.slow
@needs_browser
def test_the_lesson_about_a_curve_is_one_page_with_its_training(browser, tmp_path):
    with opened(tmp_path / "lab") as lab:
        curve = lab.post("/api/curves", json={"values": CURVE}).json()["id"]
        job = lab.done("lesson-page", curve=curve, steps=40, lang="zh")
        page = lab.get(f"/api/jobs/{job}/files/lesson.html").text
    assert len(page.encode()) < LARGEST
    numbers = shown(browser, page, tmp_path, ["learning"])
    assert float(numbers["moment"]) == 40
    assert float(numbers["tries_mean"]) > 0
