"""The page: whole, bilingual, self-contained, and carrying the numbers that were computed."""

import base64
import json
import re
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
import torch

from ornstein import views
from ornstein.common.errors import InputError
from ornstein.tour import compute, render, write_tour
from ornstein.tour.page import SCRIPTS, _read, dictionary, number, script

torch.set_num_threads(1)
ROWS = ["1a", "1b", "1c", "2a", "2b", "2c", "2d", "3a", "3b", "3c", "3d", "3e", "3f", "3g", "4a", "5a", "5b", "5c", "5d", "5e", "5f"]
VOID = {"meta", "link", "input", "br"}


@pytest.fixture(scope="module")
def tour(default_tour):
    return default_tour


@pytest.fixture(scope="module")
def page(tour):
    return render(tour)


def sent(page: str) -> dict:
    return json.loads(re.search(r'<script type="application/json" id="tour-data">(.*?)</script>', page, re.S)[1])


class Balance(HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.ids = [], []

    def handle_starttag(self, tag, attrs):
        self.ids += [v for k, v in attrs if k == "id"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_every_row_of_the_tutorial_and_every_correction_is_there(page):
    parser = Balance()
    parser.feed(page)
    assert parser.open == []
    assert len(parser.ids) == len(set(parser.ids))
    assert {f"fig-{row}" for row in ROWS} | {f"slip-{k}" for k in range(1, 9)} <= set(parser.ids)


def test_the_texts_are_balanced_markup_in_both_languages(page):
    for language in sent(page)["texts"].values():
        for text in language["texts"].values():
            parser = Balance()
            parser.feed(text)
            assert parser.open == []


def test_nothing_is_loaded(page):
    assert set(re.findall(r"https?://[^\s\"'<]*", page)) <= {"http://www.w3.org/2000/svg"}  # a name, not an address
    assert re.findall(r"<(?:script|img|iframe)[^>]*\bsrc=|@import|url\((?!#)|\bfetch\(|XMLHttpRequest|\bimport\(", page) == []
    assert re.findall(r'<link[^>]*href="(?!data:)', page) == []


def test_both_dictionaries_say_the_same_things():
    en, zh = dictionary("en"), dictionary("zh")
    assert list(en) == list(zh)
    assert all(text.strip() for text in (*en.values(), *zh.values()))
    shown = re.compile(r'\{[^}]*\}|data-live=\\?"(\w+)')
    for key in en:
        assert sorted(m[0] for m in shown.finditer(en[key])) == sorted(m[0] for m in shown.finditer(zh[key])), key
    same = {key for key in en if en[key] == zh[key]}
    assert same == set()


def test_no_key_is_missing_and_none_is_left_over(page):
    found = {*re.findall(r'data-t="([^"]+)"', page), *re.findall(r'data-alt="([^"]+)"', page)}
    found |= {f"word.{w}" for w in re.findall(r"\{word\.(\w+)\}", _read("formulas.html"))}
    joined = script()
    found |= set(re.findall(r'"(control\.\w+)"', joined))
    found |= {f"intro.{w}" for w in ("cosines", "own", "every", "averaged")} | {"5f.cosines", "5f.own", "5b.there", "5b.short"}
    made = set(sent(page)["texts"]["en"]["texts"])
    assert found <= made
    assert set(dictionary("en")) <= found


def test_numbers_are_carried_in_full(page, tour):
    spans = re.findall(r'data-n="(\w+)" data-value="([^"]+)"', page)
    assert len({name for name, _ in spans}) > 30
    for name, value in spans:
        assert float(value) == tour.numbers[name]
    assert sent(page)["numbers"] == tour.numbers
    assert "{" not in re.sub(r"<(style|script).*?</\1>", "", page, flags=re.S)


def test_the_script_answers_every_live_number(page):
    asked = set(re.findall(r'data-live=\\?"(\w+)', page))
    answers = set(re.findall(r"\b(\w+)\b", re.search(r"function present\(.*?\) \{.*?return \{(.*?)\};", script(), re.S)[1]))
    assert asked <= answers


def test_arrays_decode_to_those_computed(page, tour):
    arrays = sent(page)["arrays"]
    assert set(arrays) == set(tour.arrays)
    for name, values in tour.arrays.items():
        decoded = np.frombuffer(base64.b64decode(arrays[name]["data"]), "<f4").reshape(arrays[name]["shape"])
        np.testing.assert_allclose(decoded, values, rtol=1e-6, atol=1e-7)


def test_the_largest_page_stays_below_a_megabyte_and_a_half():
    assert len(render(compute(torch.randn(200, generator=torch.Generator().manual_seed(0)).cumsum(0), training=20)).encode()) <= 1_500_000


def test_it_opens_in_the_language_asked_for(tour, page):
    chinese = render(tour, "zh")
    assert '<html lang="zh-CN">' in chinese
    assert "何为扩散</h2>" in chinese
    assert '<html lang="en">' in page
    assert "What is diffusion?</h2>" in page
    with pytest.raises(InputError, match="did you mean"):
        render(tour, "zn")


def test_a_page_says_whether_its_network_came_back(tour, page):
    short, there = "has not learned the way back", "has learned the way back"
    assert len(re.findall(short, page.split("<footer>")[0])) == 3  # 4a, 5e and 5b, of a training of 20 steps
    assert there not in page.split("<footer>")[0]
    trained = render(replace(tour, numbers=tour.numbers | {"reverse_learned_rms": 0.01, "tries_largest": 0.02}))
    assert len(re.findall(there, trained.split("<footer>")[0])) == 1
    assert short not in trained.split("<footer>")[0]


def test_own_curves_are_described_as_such(page):
    assert "is your own" not in page.split("<main>")[0]
    assert "averaged down to" not in page.split("<main>")[0]
    long = render(compute(torch.arange(500.0).sin(), training=20))
    assert "is your own" in long.split("<main>")[0]
    assert "averaged down to" in long.split("<main>")[0]


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [(-2.345, "1", "−2.3"), (100, "0", "100"), (1.24e-14, "e", "1.2 × 10⁻¹⁴"), (0.0, "e", "0"), (-12345.6, "g", "−1.235e+04")],
)
def test_numbers_as_shown(value, digits, text):
    assert number(value, digits) == text


def test_writing_is_whole_or_not_at_all(tmp_path):
    path = tmp_path / "tour.html"
    assert write_tour(path, seed=1, training=20) == path
    first = path.read_bytes()
    with pytest.raises(InputError, match="exists"):
        write_tour(path)
    assert path.read_bytes() == first
    write_tour(path, training=20, force=True, language="zh")
    assert path.read_bytes() != first
    with pytest.raises(InputError, match="constant"):
        write_tour(tmp_path / "other.html", [1.0] * 20)
    assert [p.name for p in tmp_path.iterdir()] == ["tour.html"]


def test_the_same_seed_gives_the_same_page(page):
    assert render(compute(seed=0, training=20)) == page


def test_modules_join_without_clashing_names():
    """Joined into one scope, two modules must not define the same name; and each must import what it uses from those before it."""
    names: list[str] = re.findall(r"^(?:function|const|let) (\w+)", views.bundle(), re.M)
    for module in SCRIPTS:
        source = _read(f"js/{module}.js")
        assert len(source.splitlines()) < 200
        for imported in re.findall(r"^import \{ ([^}]*) \} from", source, re.M):
            assert set(imported.split(", ")) <= set(names), module
        names += re.findall(r"^(?:export )?(?:function|const|let) (\w+)", source, re.M)
    assert len(names) == len(set(names))


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node to parse the script")
def test_the_script_parses(tmp_path):
    file = tmp_path / "tour.mjs"
    file.write_text(script(), encoding="utf-8")
    done = subprocess.run(["node", "--check", str(file)], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
