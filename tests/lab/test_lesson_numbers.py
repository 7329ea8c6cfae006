"""The lesson's numbers and figures, made by Node from what Python sends: each program that the page shows gives the page's number."""

import json
import re
import shutil
import subprocess
from types import SimpleNamespace

import pytest
import torch

from ornstein import views
from ornstein.lab import pages
from ornstein.tour.compute import laws, opening
from ornstein.tour.learned import TRAINING

torch.set_num_threads(1)
NODE = shutil.which("node")
needs_node = pytest.mark.skipif(NODE is None, reason="needs node to run the lesson")
LESSON = pages.WEB / "lesson"
CURVE = [float(v) for v in torch.randn(60, generator=torch.Generator().manual_seed(5)).cumsum(0)]
STATES = {
    "cosines": {"t": 30, "n": 10, "calls": 4, "dimension": 25, "law": "ensemble", "noise": 0.1, "gaps": [[40, 60]], "pulled": None},
    "own": {"t": 62, "n": 3, "calls": 2, "dimension": 7, "law": "kernel", "noise": 0.25, "gaps": [[0, 4], [20, 33]], "pulled": 0.7},
}
TOLERANCE = 2e-4  # of the size of the number, or of 1: arrays are sent as Float32

RUN = r"""
import { readFileSync } from "node:fs";
import { PANELS } from "./web/lesson/figures.js";
import { present } from "./web/lesson/present.js";
import { CALLS, prepared } from "./web/lesson/scene.js";
import { CHAPTERS } from "./web/lesson/chapters.js";
import { program } from "./web/lesson/python.js";
import { columnsOf, table } from "./web/lesson/columns.js";
import { NAMES } from "./views/colours.js";
import { onSvg } from "./views/svg.js";

globalThis.fetch = async (path) => ({ text: async () => readFileSync(`.${path}`, "utf8") });
const { sent, states, words, asked } = JSON.parse(readFileSync("sent.json", "utf8"));
const unpack = ({ shape, data }) => {
  const values = Float32Array.from(data);
  return shape.length === 2 ? { values, rows: shape[0], columns: shape[1] } : values;
};
const colours = Object.fromEntries(NAMES.map((name) => [name, "#123456"]));
const figures = CHAPTERS.flatMap(({ items }) => items.flatMap((item) => item.figures ?? [item])).filter(({ is }) => is === "figure");
const answers = {};
for (const [name, { arrays, raw, ...told }] of Object.entries(sent)) {
  const scene = prepared({ ...told, arrays: Object.fromEntries(Object.entries(arrays).map(([k, v]) => [k, unpack(v)])) });
  const bend = name === "own" ? scene.curve.map((v, i) => v + Math.exp(-((i - 9) ** 2) / 4)) : null;
  const state = { ...states[name], bend, moment: 0 }, now = present(scene, state);
  const losses = Float32Array.from([1, 0.5, 0.3]), eps = Float32Array.from(scene.alpha, () => 0.1);
  const result = { arrays: { eps_error: eps }, numbers: {} };
  scene.training = { losses, moments: [{ step: 2, loss: 0.5, rms: 1 }], run: () => scene.reverse_one, result };
  const drawn = {}, csv = {};
  for (const [panel, { draw }] of Object.entries(PANELS)) {
    const surface = onSvg(420, 250, colours, words), [view, data] = draw(scene, state);
    view(surface, data);
    drawn[panel] = surface.text();
    csv[panel] = table(columnsOf(data).slice(0, 3)).split("\n").slice(0, 2);
  }
  const programs = {}, of = { scene, state: { ...state, call: CALLS[state.calls] }, raw };
  for (const { python } of figures) if (python) programs[python] = await program(python, of);
  const numbers = Object.fromEntries(asked.map((key) => [key, now(key) ?? null]));
  answers[name] = { drawn, csv, programs, numbers };
}
console.log(JSON.stringify({ answers, chapters: CHAPTERS.map(({ id }) => id), figures, panels: Object.keys(PANELS) }));
"""


def plain(curve):
    tour = opening(curve)
    bases = {f"basis_{name}": law.basis for name, law in zip(("kernel", "ensemble"), laws(tour.curve.values), strict=True)}
    arrays = {k: {"shape": list(v.shape), "data": v.flatten().tolist()} for k, v in (tour.arrays | bases).items()}
    return {"numbers": tour.numbers, "own": tour.curve.own, "averaged": False, "seed": 0, "arrays": arrays, "raw": curve}


def programs():
    return {file.name.removesuffix(".py.txt"): file.read_text(encoding="utf-8") for file in (LESSON / "python").glob("*.py.txt")}


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lesson")
    for address, file in pages.table().items():
        copy = folder / address[1:]
        copy.parent.mkdir(parents=True, exist_ok=True)
        source = file.read_text(encoding="utf-8")
        copy.write_text(source.replace('from "/views/', f'from "{"../" * (address.count("/") - 1)}views/'), encoding="utf-8")
    (folder / "package.json").write_text('{"type": "module"}')
    asked = sorted({name for source in programs().values() for name in re.findall(r"\b([a-z]\w*)\b", source)})
    sent = {"cosines": plain(None), "own": plain(CURVE)}
    (folder / "sent.json").write_text(json.dumps({"sent": sent, "states": STATES, "words": views.words("en"), "asked": asked}))
    (folder / "run.js").write_text(RUN, encoding="utf-8")
    done = subprocess.run([NODE, "run.js"], cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@needs_node
@pytest.mark.parametrize("name", STATES)
@pytest.mark.parametrize("which", sorted(set(programs()) - {"learning"}))
def test_a_program_that_the_page_shows_gives_the_numbers_of_the_page(found, capsys, name, which):
    made: dict[str, object] = {}
    exec(found["answers"][name]["programs"][which], made)
    assert len(capsys.readouterr().out.splitlines()) == 1
    shown = found["answers"][name]["numbers"]
    results = {
        key: float(value) for key, value in made.items() if isinstance(value, float | torch.Tensor) and torch.as_tensor(value).ndim == 0
    }
    compared = {key: value for key, value in results.items() if shown.get(key) is not None}
    assert compared
    for key, value in compared.items():
        assert shown[key] == pytest.approx(value, rel=TOLERANCE, abs=TOLERANCE), key


@needs_node
def test_the_program_of_the_training_computes_the_tour_of_the_curve(found, capsys, monkeypatch):
    asked = []

    def compute(*given, **named):
        asked.append((given, named))
        return SimpleNamespace(numbers={"reverse_learned_rms": 0.01, "tries_mean": 0.02})

    monkeypatch.setattr("ornstein.tour.compute", compute)
    exec(found["answers"]["own"]["programs"]["learning"], {})
    ((curve, seed), named) = asked[0]
    assert curve == pytest.approx(CURVE, rel=1e-6)
    assert (seed, named) == (0, {"training": TRAINING})
    assert "0.0100" in capsys.readouterr().out


@needs_node
@pytest.mark.parametrize("name", STATES)
def test_every_panel_is_drawn_and_can_be_taken_away(found, name):
    for panel, svg in found["answers"][name]["drawn"].items():
        assert not re.search("NaN|Infinity|undefined|null", svg), panel
        assert len(svg) > 1000, panel
    for panel, (head, first) in found["answers"][name]["csv"].items():
        assert head.count(",") == first.count(","), panel
        assert re.fullmatch(r"[-\d.e+,]+", first), panel


@needs_node
def test_every_row_of_the_tutorial_is_on_a_page_and_every_panel_is_used(found):
    ids = {figure["mark"] for figure in found["figures"]}
    rows = {"1a", "1b", "1c", "2a", "2b", "2c", "2d", "3a", "3b", "3c", "3d", "3e", "3f", "3g", "4a", "5a", "5b", "5c", "5d 5e", "5f"}
    assert rows <= ids
    assert {panel["view"] for figure in found["figures"] for panel in figure["panels"]} == set(found["panels"])
    assert {figure["python"] for figure in found["figures"] if "python" in figure} == set(programs())


def test_the_words_of_the_lesson_are_the_same_in_both_languages():
    english, chinese = (json.loads((LESSON / f"words.{name}.json").read_text(encoding="utf-8")) for name in ("en", "zh"))
    assert list(english) == list(chinese)
    for key, text in english.items():
        assert text.strip()
        assert chinese[key].strip() not in ("", text), key
        assert sorted(re.findall(r"\{[^}]*\}", text)) == sorted(re.findall(r"\{[^}]*\}", chinese[key])), key
