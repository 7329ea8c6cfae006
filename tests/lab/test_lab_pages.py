"""What the lab serves: one page, its modules, the views, and the scene of the lesson as the tour computes it."""

import json
import re
from collections import Counter

import numpy as np
import pytest
from laboratory import opened

from ornstein.lab import pages, wire
from ornstein.lab.imports import reached
from ornstein.lab.joining import whole
from ornstein.tour.compute import laws, opening
from ornstein.tour.formulas import formulas
from ornstein.tour.page import dictionary


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    with opened(tmp_path_factory.mktemp("lab")) as client:
        yield client


@pytest.mark.parametrize("path", ["/", "/lesson", "/lesson/3", "/workbench"])
def test_every_address_of_a_page_is_the_page(lab, path):
    answer = lab.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.text.count("<script") == 1


@pytest.mark.parametrize(("path", "script"), [("/workbench", pages.WORKBENCH), ("/lesson/views", pages.LESSON)])
def test_the_page_loads_one_script_that_is_its_modules(lab, path, script):
    """Every line of every module of its part, each module behind what it imports, nothing of the other part; and the scene of its curve."""
    head = lab.get(f"{path}?curve={'a' * 16}").text.split("</head>")[0]
    assert re.findall(r'<script type="module" src="([^"]+)">', head) == [script]
    joined = lab.get(script).text.splitlines()
    sources = reached(pages.table(), pages.MAIN, pages.PARTS[script])
    assert {"/views/ticks.js", "/web/frame/frame.js"} < sources.keys()
    assert not set(pages.PARTS.values()) - {pages.PARTS[script]} & sources.keys()
    kept, lines = Counter(joined), Counter[str]()
    for source in sources.values():
        own = [line.removeprefix("export ") for line in source.splitlines() if not line.startswith("import ") and "import(" not in line]
        lines.update(own)
    assert lines <= kept
    opened = [line for line in joined if re.fullmatch(r"const m\d+ = \(\(\) => \{", line)]
    assert len(opened) == len(sources) - 1
    defined = set()
    for line in joined:
        if found := re.fullmatch(r"const (?:\{ .* \}|\w+) = (m\d+);", line):
            assert found[1] in defined, line
        if found := re.fullmatch(r"const (m\d+) = \(\(\) => \{", line):
            inside = found[1]
        if line == "})();" and inside:
            defined.add(inside)
            inside = ""
    asked = re.findall(r'<link rel="preload" as="fetch" crossorigin href="([^"]+)">', head)
    assert asked == ([] if script == pages.WORKBENCH else ["/api/lesson/words", f"/api/lesson/scene?curve={'a' * 16}"])
    assert lab.get(f"{path}?curve=%22%3E%3Cscript%3E").text.count("<script") == 1


@pytest.mark.parametrize(
    ("sources", "why"),
    [
        ({"a": 'import { b } from "./b.js";\n', "b": "export const c = 1;\n"}, "imports b, which"),
        ({"a": 'import { b } from "./b.js";\n', "b": 'import { c } from "./a.js";\nexport const b = 1;\n'}, "circle"),
        ({"a": 'import b from "./b.js";\n', "b": "export const b = 1;\n"}, "cannot be joined"),
        ({"a": 'import * as b from "./b.js";\n', "b": "const b = 1;\nexport { b };\n"}, "cannot be joined"),
    ],
)
def test_what_cannot_be_joined_is_refused(tmp_path, sources, why):
    table = {}
    for name, source in sources.items():
        table[f"/{name}.js"] = tmp_path / f"{name}.js"
        (tmp_path / f"{name}.js").write_text(source)
    with pytest.raises(ValueError, match=why):
        whole(table, "/a.js")


def test_the_page_loads_nothing_that_is_not_served(lab):
    """Every module imports by an address that the table knows, and none from elsewhere."""
    known = pages.table()
    for address, file in known.items():
        if file.suffix not in (".js", ".html", ".css"):
            continue
        source = file.read_text(encoding="utf-8")
        assert not re.search(r"https?://(?!www\.w3\.org/)", source), f"{address} speaks of another machine"
        for wanted in re.findall(r"""(?:from|import)\s*\(?"@?([^"]+)\"""", source):
            where = wanted if wanted.startswith("/") else str(pages.Path(address).parent / wanted)
            parts: list[str] = []
            for part in where.split("/"):
                parts = parts[:-1] if part == ".." else parts if part == "." else [*parts, part]
            assert "/".join(parts) in known, f"{address} imports {wanted}"


def test_both_dictionaries_have_the_same_keys_and_places(lab):
    english, chinese = (lab.get(f"/web/words.{language}.json").json() for language in ("en", "zh"))
    assert english.keys() == chinese.keys()
    for key, text in english.items():
        assert text.strip()
        assert chinese[key].strip()
        assert set(re.findall(r"\{\w+\}", text)) == set(re.findall(r"\{\w+\}", chinese[key])), key


def test_the_scene_of_the_lesson_is_that_of_the_tour(lab):
    told, arrays = wire.unpack(lab.get("/api/lesson/scene").content)
    tour = opening()
    assert told["numbers"] == json.loads(json.dumps(wire.plain(tour.numbers)))
    assert arrays.keys() == tour.arrays.keys() | {"basis_kernel", "basis_ensemble"}
    for name, law in zip(("kernel", "ensemble"), laws(tour.curve.values), strict=True):
        np.testing.assert_allclose(arrays[f"basis_{name}"], law.basis, atol=1e-7)
    for name, values in tour.arrays.items():
        np.testing.assert_allclose(arrays[name], values, rtol=1e-6, atol=1e-30, err_msg=name)


def test_the_words_of_the_lesson_are_those_of_the_tour(lab):
    told = lab.get("/api/lesson/words").json()
    assert told["zh"] == dictionary("zh")
    assert told["formulas"].items() > formulas().items()


def test_a_curve_of_ones_own_has_its_scene(lab):
    values = [float(v) for v in np.sin(np.linspace(0, 7, 64))]
    curve = lab.post("/api/curves", json={"values": values}).json()["id"]
    assert lab.get(f"/api/curves/{curve}").json()["values"] == values
    told, arrays = wire.unpack(lab.get(f"/api/lesson/scene?curve={curve}&seed=3").content)
    assert told["own"]
    np.testing.assert_allclose(arrays["curve"], opening(values, 3).curve.values, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("values", [[1.0] * 20, [0.0, 1.0], [1.0] * 2001, ["a"] * 9, [True] * 9, None, 5])
def test_what_is_no_curve_is_refused_with_a_sentence(lab, values):
    answer = lab.post("/api/curves", json={"values": values})
    assert answer.status_code == 422
    assert answer.json()["error"]


def test_arrays_come_back_as_they_were():
    told = {"note": "σ = 1", "rate": float("nan")}
    arrays = {"a": np.arange(6, dtype=np.float64).reshape(2, 3), "b": np.array([np.nan, np.inf]), "c": np.zeros((0, 4))}
    back, found = wire.unpack(wire.pack(told, arrays))
    assert back == {"note": "σ = 1", "rate": None}
    for name, values in arrays.items():
        np.testing.assert_array_equal(found[name], values)
