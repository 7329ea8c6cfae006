"""The figures of the page and the numbers beside them, drawn by Node from what the page sends."""

import json
import math
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import torch

import ornstein
from ornstein import views
from ornstein.tour import compute, render

torch.set_num_threads(1)
NODE = shutil.which("node")
pytestmark = pytest.mark.skipif(NODE is None, reason="needs node to run the figures")
T, SIGMA, N, MOMENT = 40, 0.5, 7, 2
DRAW = r"""
import { readFileSync } from "node:fs";
import { NAMES } from "./views/colours.js";
import { onSvg } from "./views/svg.js";
import { show } from "./tour/js/figures.js";
import { present } from "./tour/js/numbers.js";
import { prepared } from "./tour/js/scene.js";

const { arrays, numbers, words, asked, states } = JSON.parse(readFileSync("page.json", "utf8"));
const scene = { data: prepared(arrays), fixed: numbers }, colours = Object.fromEntries(NAMES.map((name) => [name, "#123456"]));
const drawn = states.map((state) => asked.map((dataset) => {
  const surface = onSvg(420, 250, colours, words);
  show(surface, { ...scene, state }, dataset);
  return surface.text();
}));
console.log(JSON.stringify({ drawn, present: present({ ...scene, state: states[0] }) }));
"""


@pytest.fixture(scope="module")
def tour():
    return compute(torch.randn(90, generator=torch.Generator().manual_seed(0)).cumsum(0), training=20)


@pytest.fixture(scope="module")
def found(tour, tmp_path_factory):
    folder, page = tmp_path_factory.mktemp("page"), render(tour)
    package = Path(ornstein.__file__).parent
    for part in ("views", "tour/js"):
        shutil.copytree(package / part, folder / part, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    sent = json.loads(re.search(r'<script type="application/json" id="tour-data">(.*?)</script>', page, re.S)[1])
    canvases = [dict(re.findall(r'data-(\w+)="([^"]*)"', tag)) for tag in re.findall(r"<canvas [^>]*>", page)]
    state = {"t": T, "sigma": SIGMA, "n": N, "law": "kernel", "moment": MOMENT}
    states = [state, {**state, "t": 0, "law": "learned", "moment": 0}, {**state, "t": 100, "n": 50, "law": "one"}]
    given = {"arrays": sent["arrays"], "numbers": sent["numbers"], "words": views.words("zh"), "asked": canvases, "states": states}
    (folder / "package.json").write_text('{"type": "module"}')
    (folder / "page.json").write_text(json.dumps(given), encoding="utf-8")
    (folder / "draw.js").write_text(DRAW, encoding="utf-8")
    done = subprocess.run([NODE, "draw.js"], cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), canvases


def test_every_canvas_of_the_page_is_drawn_in_every_state(found):
    drawn, canvases = found
    assert len(canvases) > 35
    for pictures in drawn["drawn"]:
        for svg, canvas in zip(pictures, canvases, strict=True):
            assert not re.search("NaN|Infinity|undefined", svg), canvas
            assert len(svg) > 2000


def test_a_canvas_follows_what_it_says_it_follows(found):
    """One that differs between two states names a control that differs; one that names t differs between t = 0 and t = 100."""
    drawn, canvases = found
    _, start, end = drawn["drawn"]
    for a, b, canvas in zip(start, end, canvases, strict=True):
        follows = set(canvas.get("on", "").split())
        assert (a != b) <= bool(follows & {"t", "law", "moment", "n"}), canvas
        assert (a != b) or not follows & {"t", "n", "moment"}, canvas


def test_present_numbers_are_those_of_the_tour(found, tour):
    now, a, n, d = found[0]["present"], tour.arrays, tour.numbers, 90
    x = a["alpha"][T] * a["curve"] + a["sigma"][T] * a["noise"][0]
    wanted = {
        "t": T,
        "abar": a["abar"][T],
        "alpha": a["alpha"][T],
        "sigma": a["sigma"][T],
        "variance": 1 - a["abar"][T],
        "beta": a["beta"][T],
        "kept": 1 - a["beta"][T],
        "sqrt_beta": a["beta"][T].sqrt(),
        "noisy": a["noisy"][T],
        "clean": a["clean"][T],
        "deviation": a["deviation"][T],
        "x_mean": x.mean(),
        "x_variance": x.var(correction=0),
        "rank": a["ranks"][T],
        "reverse_rms": (a["reverse_kernel"][T] - a["curve"]).norm() / math.sqrt(d),
        "s2_n": SIGMA**2 / N,
        "measured": SIGMA**2 * a["averaging"][N - 1],
        "distance_mean": SIGMA * a["norms"].mean(),
        "distance_low": SIGMA * a["norms"].min(),
        "distance_high": SIGMA * a["norms"].max(),
        "chi": SIGMA * n["chi_mean"],
        "moment": a["moments"][MOMENT],
        "moment_loss": a["losses"][int(a["moments"][MOMENT]) - 1],
        "moment_rms": (a[f"moment_{MOMENT}"][0] - a["curve"]).norm() / math.sqrt(d),
        "gap": (a["reverse_learned"][T] - a["reverse_one"][T]).norm() / math.sqrt(d),
        "eps_error": a["eps_error"][T],
        "clean_error": a["eps_error"][T] * a["sigma"][T] / a["alpha"][T],
        "magnified_now": a["sigma"][T] / a["alpha"][T],
    }
    for name, value in wanted.items():
        assert now[name] == pytest.approx(float(value), rel=1e-4, abs=1e-6), name
