"""Every page in every language, theme and width: nothing cut, nothing over its neighbour, nothing untranslated, nothing axe objects to.

Contact sheets of all of them lie in the folder that ORNSTEIN_SHEETS names (`make pages`), for whoever looks at them.
"""

import os
import re
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from browsing import needs_browser, violations, watched
from laboratory import TOKEN, opened
from test_lab_bench import CUT, READY, STEPS
from test_lesson_browser import CHAPTERS

from ornstein.common.sentences import translated
from ornstein.tour import write_tour

pytestmark = [needs_browser, pytest.mark.slow]
WIDTHS, SCHEMES, LANGUAGES = (360, 1280, 3840), ("light", "dark"), ("en", "zh")
SHEETS = os.environ.get("ORNSTEIN_SHEETS")
PIXELS = 30_000_000
"""Of the largest picture of a page."""

READING = (Path(__file__).parent / "reading.js").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    with opened(tmp_path_factory.mktemp("lab"), translate=translated) as laboratory:
        yield laboratory


@pytest.fixture(scope="module")
def begun(lab):
    """The queries of pages with heartbeats and with a recording, and their laws."""

    def query(signals, **recipe):
        return f"signals={signals}&model={lab.done('fit', signals=signals, recipe='gaussian', **recipe)}"

    content = BytesIO()
    values = np.random.default_rng(0).normal(size=(1, 6, 40 * 128)).cumsum(-1).astype(np.float32) * 0.1
    np.savez(content, values=values, rate=128.0)
    kept = lab.client.post("/api/files?name=night.npz", content=content.getvalue()).json()["id"]
    recording = lab.done("open", file=kept)
    return query(lab.done("open", example="heartbeats")), f"signals={recording}"


@contextmanager
def page_at(browser, address):
    seen = browser.page()
    seen.page.add_init_script(READING)
    browser.idle.append(seen)
    with watched(browser, address) as found:
        yield found


def overlaps(a, b, room=2.0):
    wide = min(a["right"], b["right"]) - max(a["left"], b["left"])
    high = min(a["bottom"], b["bottom"]) - max(a["top"], b["top"])
    return wide > room and high > room


def foreign(text, language):
    """Whether a text is of the other language: Chinese letters here, or three words of a sentence there."""
    if language == "en":
        return bool(re.search("[\u4e00-\u9fff]", text))
    return not re.search("[\u4e00-\u9fff]", text) and len(re.findall(r"(?<![\w.])[a-z]{3,}(?![\w(.=])", text)) >= 2


def flaws(page, language, width):
    """What a person would object to on a page, a sentence each."""
    found = [f"cut: {html}" for html in page.evaluate(CUT)]
    if (reaches := page.evaluate("document.documentElement.scrollWidth")) > width:
        found.append(f"{reaches} pixels wide")
    read = page.evaluate("readable()")
    lines = [(n, entry["text"], box) for n, entry in enumerate(read["page"]) for box in entry["boxes"]]
    lines.sort(key=lambda line: line[2]["top"])
    for k, (n, text, box) in enumerate(lines):
        for m, other, beside in lines[k + 1 :]:
            if beside["top"] > box["bottom"]:
                break
            if m != n and read["page"][m]["above"] == read["page"][n]["above"] and overlaps(box, beside, 3.0):
                found.append(f"over one another: {text[:40]!r} and {other[:40]!r}")
    for canvas in read["canvases"]:
        for k, one in enumerate(canvas["texts"]):
            if one["left"] < -1 or one["right"] > canvas["width"] + 1 or one["top"] < -1 or one["bottom"] > canvas["height"] + 1:
                found.append(f"{canvas['name']}: {one['text']!r} is cut")
            found += [
                f"{canvas['name']}: {one['text']!r} over {o['text']!r}"
                for o in canvas["texts"][k + 1 :]
                if one["text"] != o["text"] and overlaps(one, o, 1.0)
            ]
    texts = [entry["text"] for entry in read["page"] if not entry["foreign"]] + read["names"]
    texts += [text["text"] for canvas in read["canvases"] for text in canvas["texts"]]
    return found + [f"not {language}: {text[:80]!r}" for text in texts if foreign(text, language)]


def unrolled(page):
    """The whole page on the screen, or as much of it as a picture can hold, so that everything is drawn."""
    width = page.viewport_size["width"]
    page.set_viewport_size({"width": width, "height": min(page.evaluate("document.documentElement.scrollHeight"), PIXELS // width)})
    page.evaluate("async () => { for (let k = 0; k < 5; k++) await new Promise(requestAnimationFrame); }")


def looked_at(seen, name, shots=None, languages=LANGUAGES):
    """All languages, themes and widths of the page that is shown; ``shots`` keeps the pictures of each."""
    page, wrong, shots = seen.page, [], {} if shots is None else shots
    for language in languages:
        if page.get_attribute("html", "lang")[:2] != language:
            page.click("#language")
            seen.until(f"document.documentElement.lang.startsWith('{language}')")
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            for width in WIDTHS:
                page.set_viewport_size({"width": width, "height": 900})
                unrolled(page)
                where = f"{language}, {scheme}, {width}"
                wrong += [f"{where}: {flaw}" for flaw in dict.fromkeys(flaws(page, language, width))]
                if SHEETS:
                    shots[language, scheme, width] = page.screenshot(animations="disabled")
            page.set_viewport_size({"width": 1280, "height": 900})
            wrong += [f"{language}, {scheme}: axe {v}" for v in violations(page, only=() if scheme == "light" else ("color-contrast",))]
    if SHEETS and len({language for language, *_ in shots}) == len(LANGUAGES):
        sheet(name, shots)
    assert seen.wrong == []
    return wrong


def sheet(name, shots):
    """Two pictures of a page: phones and large screens in both languages and themes, and desks."""
    from PIL import Image

    pictures = {key: Image.open(BytesIO(shot)).convert("RGB") for key, shot in shots.items()}
    for part, tiles in (("desk", {1280: 760}), ("phone-4k", {360: 330, 3840: 760})):
        kept = [
            p.resize((tiles[width], round(p.height * tiles[width] / p.width)))
            for (language, scheme, width), p in pictures.items()
            if width in tiles and (scheme == "light") == (language == "en" or width == 360)
        ]
        whole = Image.new("RGB", (sum(p.width + 8 for p in kept), max(p.height for p in kept)), "#888")
        left = 0
        for p in kept:
            whole.paste(p, (left, 0))
            left += p.width + 8
        Path(SHEETS).mkdir(parents=True, exist_ok=True)
        whole.save(Path(SHEETS) / f"{name}-{part}.png")


def test_every_chapter(lab, browser):
    wrong = []
    with page_at(browser, f"http://127.0.0.1:{lab.port}/lesson/{CHAPTERS[0]}?token={TOKEN}&lang=en&t=30") as seen:
        seen.settled()
        for chapter in CHAPTERS:
            seen.page.evaluate("(id) => document.querySelector(`#chapters a[href^='/lesson/${id}?']`).click()", chapter)
            seen.settled()
            wrong += [f"{chapter}, {flaw}" for flaw in looked_at(seen, f"lesson-{CHAPTERS.index(chapter) + 1:02d}-{chapter}")]
    assert not wrong, "\n".join(wrong)


def test_the_pad(lab, browser):
    wrong, shots = [], {}
    for language in LANGUAGES:
        with page_at(browser, f"http://127.0.0.1:{lab.port}/lesson/signals?token={TOKEN}&lang={language}") as seen:
            seen.settled()
            seen.page.click("#own-curve")
            wrong += looked_at(seen, "lesson-own", shots, [language])
    assert not wrong, "\n".join(wrong)


def test_every_step(lab, browser, begun):
    wrong = []
    with page_at(browser, f"http://127.0.0.1:{lab.port}/workbench?step=open&{begun[0]}&token={TOKEN}&lang=en") as seen:
        seen.settled()
        seen.page.wait_for_selector(READY)
        for step in STEPS:
            seen.page.click(f"a[data-step={step}]")
            seen.page.wait_for_selector(f"#panel[data-step={step}]")
            seen.page.wait_for_timeout(400)  # work shows that it is there after a quarter of a second
            seen.page.wait_for_function("() => !document.querySelector('#panel .busy:not([hidden])')")
            wrong += [f"{step}, {flaw}" for flaw in looked_at(seen, f"bench-{STEPS.index(step) + 1}-{step}")]
    assert not wrong, "\n".join(wrong)


def test_the_recording(lab, browser, begun):
    with page_at(browser, f"http://127.0.0.1:{lab.port}/workbench?step=explore&{begun[1]}&token={TOKEN}&lang=en") as seen:
        seen.settled()
        seen.page.wait_for_selector("[data-figure=recording][data-at]")
        wrong = looked_at(seen, "bench-recording")
    assert not wrong, "\n".join(wrong)


def test_the_tour(lab, browser, tmp_path_factory):
    wrong = []
    file = tmp_path_factory.mktemp("tour") / "tour.html"
    write_tour(file)
    with page_at(browser, file.as_uri()) as seen:
        seen.page.wait_for_selector("canvas")
        wrong += looked_at(seen, "tour")
    assert not wrong, "\n".join(wrong)
