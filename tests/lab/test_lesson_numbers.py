"""The lesson's numbers and figures, made by Node from what Python sends: each program that the page shows gives the page's number."""

import json
import re
import shutil
import subprocess
from types import SimpleNamespace

import pytest
import torch

from ornstein import views
from ornstein.common.random import Noise
from ornstein.covariance import Dense
from ornstein.lab import pages
from ornstein.tour.compute import COPIES, laws, opening
from ornstein.tour.learned import TRAINING
from ornstein.tour.views import FLOOR

torch.set_num_threads(1)
NODE = shutil.which("node")
needs_node = pytest.mark.skipif(NODE is None, reason="needs node to run the lesson")
LESSON = pages.WEB / "lesson"
CURVE = [float(v) for v in torch.randn(60, generator=torch.Generator().manual_seed(5)).cumsum(0)]
STATES = {
    "cosines": {"t": 30, "n": 10, "calls": 4, "dimension": 25, "law": "ensemble", "noise": 0.1, "gaps": [[40, 60]], "pulled": None},
    "own": {"t": 62, "n": 3, "calls": 2, "dimension": 7, "law": "kernel", "noise": 0.25, "gaps": [[0, 4], [20, 33]], "pulled": 0.7},
}
CLOCKED = (  # what captions say of laws on their way
    *("from_early", "from_late", "spread_wide", "spread_half", "spread_tenth", "white_level", "white_now", "log_white_now"),
    *("source_most", "source_least", "rank_source_now", "rank_sigma", "rank_paired_now", "psi_first", "psi_last"),
    *("nearest_paired_now", "terms_above", "log_kernel_now", "log_ensemble_now", "rank_ensemble_now", "source_rank_now"),
    *("signal_most", "nearest_white_now"),
)
STILL = {"losses", "result", "made", "price"}
"""Panels that the clock does not move: a training, and the cost of whole runs."""
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
  // the same picture once the clock has moved: what stands still
  const still = Object.entries(PANELS).filter(([panel, { draw }]) => {
    const surface = onSvg(420, 250, colours, words), [view, data] = draw(scene, { ...state, t: state.t + 9 });
    view(surface, data);
    return surface.text() === drawn[panel];
  }).map(([panel]) => panel);
  const spectra = [0, state.t].map((t) => [...scene.colouredSpectrum(t)]), pale = PANELS.paired.draw(scene, state)[1].matrix;
  const listed = { coloured: spectra, curves: scene.coloured(state.t).map((x) => [...x]), paired: [...pale.values] };
  const programs = {}, of = { scene, state: { ...state, call: CALLS[state.calls] }, raw };
  for (const { python } of figures) if (python) programs[python] = await program(python, of);
  const numbers = Object.fromEntries(asked.map((key) => [key, now(key) ?? null]));
  answers[name] = { drawn, csv, programs, numbers, still, listed };
}
const panels = Object.keys(PANELS), follow = panels.filter((name) => PANELS[name].on.includes("t"));
console.log(JSON.stringify({ answers, chapters: CHAPTERS.map(({ id }) => id), figures, panels, follow }));
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
    asked = sorted({*CLOCKED, *(name for source in programs().values() for name in re.findall(r"\b([a-z]\w*)\b", source))})
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
def test_the_clock_moves_every_panel_that_has_a_time(found, name):
    assert set(found["answers"][name]["still"]) == STILL
    assert set(found["panels"]) - set(found["follow"]) == STILL


@needs_node
@pytest.mark.parametrize("name", STATES)
def test_laws_on_their_way_are_those_of_python(found, name):
    t, arrays = STATES[name]["t"], opening(None if name == "cosines" else CURVE).arrays
    alpha, sigma, signal, noise = arrays["alpha"], arrays["sigma"], arrays["curve"], arrays["noise"]
    a, s, d = alpha[t], sigma[t], len(signal)
    (kernel, ensemble), white = laws(signal), Noise(0, first=3 << 12).normal(COPIES + 1, (d,))
    source, paired = (Dense(x.T @ x / len(x)).scaled(a, s) for x in (noise, arrays["paired"]))
    draws, among, at = a * noise + s * white[:-1], a * signal + s * white[-1], kernel.scaled(a, s)
    moved = alpha[:, None] * signal + sigma[:, None] * noise[0]
    psi = (at.eigenvalues / source.eigenvalues).sqrt()
    smooth = [a**2 * law.dense() + (a**2 * FLOOR + s**2) * torch.eye(d, dtype=torch.float64) for law in (kernel, ensemble)]
    odds = [torch.distributions.MultivariateNormal(torch.zeros(d, dtype=torch.float64), c).log_prob(among) for c in smooth]
    expected = {
        "from_early": (moved[t] - moved[20]).square().mean().sqrt(),
        "from_late": (moved[t] - moved[100]).square().mean().sqrt(),
        "spread_wide": 1,
        "spread_half": a**2 / 4 + s**2,
        "spread_tenth": a**2 / 100 + s**2,
        "white_level": 1,
        "white_now": (draws - among).norm(dim=1).mean(),
        "log_white_now": torch.distributions.Normal(0.0, 1.0).log_prob(among).sum(),
        "source_most": source.eigenvalues[0],
        "source_least": source.eigenvalues[-1],
        "rank_source_now": source.effective_rank(),
        "rank_sigma": at.effective_rank(),
        "rank_paired_now": paired.effective_rank(),
        "psi_first": psi[0],
        "psi_last": psi[-1],
        "nearest_paired_now": (a * arrays["paired"] + s * white[:-1] - signal).norm(dim=1).min(),
        "log_kernel_now": odds[0],
        "log_ensemble_now": odds[1],
        "rank_ensemble_now": ensemble.scaled(a, s).effective_rank(),
        "source_rank_now": d,
        "signal_most": at.eigenvalues[0],
        "nearest_white_now": (draws - signal).norm(dim=1).min(),
        "terms_above": (a**2 * arrays["components"].square().sum(1) > s**2).sum(),
    }
    assert set(expected) == set(CLOCKED)
    for key, value in expected.items():
        assert found["answers"][name]["numbers"][key] == pytest.approx(float(value), rel=TOLERANCE, abs=TOLERANCE), key
    listed = found["answers"][name]["listed"]
    assert listed["paired"] == pytest.approx(paired.dense().flatten().tolist(), abs=TOLERANCE)
    start, now = listed["coloured"]
    assert start == pytest.approx(arrays["lambda_exact"].tolist(), abs=TOLERANCE * start[0])
    curves = torch.tensor(listed["curves"], dtype=torch.float64)
    assert now == pytest.approx(Dense(curves.T @ curves / COPIES).eigenvalues.tolist(), abs=TOLERANCE * now[0])


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
