"""The views without a browser: data in, SVG out, drawn by Node; and the package around them."""

import json
import re
import shutil
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest

from ornstein import views

NODE = shutil.which("node")
needs_node = pytest.mark.skipif(NODE is None, reason="needs node to run the views")
FOLDER = Path(views.__file__).parent
D, STEPS, COPIES = 12, 8, 5
NEARLY_EMPTY = ("pad", "empty", "stretch", "rim")
"""Views that were drawn with hardly anything in them: their SVG may be short."""

# every view on data of its own, its words replaced by their keys in quotation marks
DRAW = r"""
import { readFileSync } from "node:fs";
import * as arrays from "./arrays.js";
import * as colours from "./colours.js";
import { onSvg } from "./svg.js";
import { frame } from "./axes.js";
import { heat } from "./heat.js";
import * as forward from "./forward.js";
import * as copies from "./copies.js";
import * as spectra from "./spectra.js";
import * as reverse from "./reverse.js";
import * as learned from "./learned.js";
import { posterior, stretches } from "./gap.js";
import * as odds from "./odds.js";
import * as accuracy from "./accuracy.js";
import { bells } from "./bells.js";
import { pad } from "./pad.js";
import { ensemble } from "./ensemble.js";
import { filled, moved } from "./filled.js";
import * as ranked from "./ranked.js";
import { trained } from "./trained.js";
import * as honest from "./honest.js";
import { eigenvalues } from "./edge.js";
import * as recording from "./recording.js";

const sent = JSON.parse(readFileSync("data.json", "utf8"));
const matrix = (rows) => ({ values: Float32Array.from(rows.flat()), rows: rows.length, columns: rows[0].length });
const d = Object.fromEntries(Object.entries(sent).map(([k, v]) => [k, Array.isArray(v[0]) ? matrix(v) : Float32Array.from(v)]));
const palette = Object.fromEntries(colours.NAMES.map((name, k) => [name, `#0000${(16 + k).toString(16)}`]));
const words = new Proxy({}, { get: (_, key) => `«${key}»` });
const drawn = {};
const draw = (name, view, data) => {
  const surface = onSvg(640, 300, palette, words);
  view(surface, data);
  drawn[name] = surface.text();
};
const { curve, noise, path } = d, y = [-4, 4], t = 3.5;
const run = { path, curve, t, y };
draw("cloud", forward.cloud, { ...d, noise: arrays.row(noise, 0), t, trail: 2 });
draw("factors", forward.factors, { ...d, t });
draw("chain", forward.chain, run);
draw("ends", forward.ends, run);
draw("components", forward.components, { parts: noise, curve });
draw("image", copies.image, d);
draw("vector", copies.vector, d);
draw("nearness", copies.nearness, { curves: arrays.rows(noise), curve, y, mark: true });
draw("mean", copies.mean, { curve, noise, sigma: 0.5, n: 3, y });
draw("remaining", copies.remaining, { left: d.left, sigma: 0.5, n: 3 });
const names = ["signal", "ensemble", "source", "paired", "exact"], tint = { values: d.values, colour: "second" };
draw("spectrum", spectra.spectrum, { spectra: names.map((name) => ({ ...tint, name: `lambda_${name}` })), flat: true });
draw("ratio", spectra.ratio, { signal: d.values, source: d.values, psi: d.psi });
draw("motion", spectra.motion, { eigenvalues: d.values, alpha: 0.8, sigma: 0.6, t });
draw("back", reverse.back, { ...run, aimed: false });
draw("threads", reverse.threads, run);
draw("losses", learned.losses, { losses: d.left, now: 2 });
draw("result", learned.result, run);
draw("mistakes", learned.mistakes, { eps: d.eps, clean: learned.inCurve(d.eps, d.alpha, d.sigma), t });
const gap = { curve, readings: curve, hidden: [3, 4, 5, 11], mean: d.mean, deviation: d.spread };
draw("posterior", posterior, { ...gap, draws: arrays.rows(noise), y });
const thought = [["lawWhite", -9], ["lawKernel", -3], ["lawEnsemble", 2]];
const verdicts = thought.map(([name, value]) => ({ name, value, colour: "second" }));
draw("verdicts", odds.verdicts, { laws: verdicts, low: -10, high: 5 });
draw("excess", odds.excess, { ratios: d.values });
const narrow = onSvg(260, 200, palette, words);
filled(narrow, { curve, hidden: [3], bands: [], mean: d.mean, y });
drawn.narrow = narrow.text();
draw("bent", odds.bent, { curve, values: d.mean, y });
const samples = [{ values: d.psi, name: "ddim", colour: "second" }, { values: d.values, name: "ddpm", colour: "accent" }];
draw("made", accuracy.made, { truth: d.values, samples });
draw("price", accuracy.price, { calls: d.left.map((_, k) => k + 1), samples: samples.map((s) => ({ ...s, values: d.left })), now: 3 });
const alone = [{ values: d.left, name: "distanceToLaw", colour: "accent" }];
draw("priced", accuracy.price, { calls: d.left.map((_, k) => k + 1), samples: alone, now: 3 });
const named = (name, mean, deviation, tint) => ({ name, mean, deviation, colour: tint });
const three = [named("fromStart", -1, 0.5, "signal"), named("fromNow", 1, 1, "accent"), named("product", 0, 0.4, "second")];
draw("bells", bells, { laws: three, marks: [[1, "accent"]] });
draw("pad", pad, { values: curve, pen: [0.5, 0] });
draw("empty", pad, { values: new Float32Array(9).fill(NaN) });
draw("matrix", heat, { matrix: arrays.similarity(curve), low: 0 });
draw("blocks", heat, { matrix: { values: Float32Array.from([0, 0, 0, 1, 1, 0]), rows: 2, columns: 3 } });
draw("small", learned.losses, { losses: d.left.map((v) => v * 1e-5), now: 2 });
draw("thousand", learned.losses, { losses: Float32Array.from({ length: 1001 }, (_, k) => 1 / (1 + k)), now: 1000 });
draw("large", reverse.threads, { ...run, y: [-123456, 123456] });
const shown = arrays.rows(noise), grow = (v, by) => v.map((x) => x + by);
const bands = [[grow(curve, -2), grow(curve, 2)], [grow(curve, -1), grow(curve, 1)]];
draw("ensemble", ensemble, { curves: shown, chosen: curve, mean: d.mean, deviation: d.spread, rate: 4, y, unit: "V" });
for (const rate of [1 / 60, 1 / 3600, 1 / 86400]) draw(`slow ${rate}`, ensemble, { curves: shown, rate, y });
draw("filled", filled, { curve, hidden: [3, 4, 5, 11], bands, mean: d.mean, draws: shown, rate: null, y, brush: [6, 8] });
draw("moved", moved, { curve, prior: bands[0], posterior: bands[1], mean: d.mean, draws: shown, readings: [[1.5, 0]], rate: 4, y });
draw("ranks", ranked.ranks, { nats: d.left, order: d.left.map((_, k) => k), p: d.left.map((_, k) => k / 30), chosen: 3 });
draw("oddness", ranked.oddness, { curve, nats: d.spread, rate: 4, y });
draw("trained", trained, { seconds: [1, 2, 3], best: [3, 2, 1], gaussian: 1.5 });
draw("untrained", trained, { seconds: [], best: [], gaussian: null });
draw("coverage", honest.coverage, { level: [0.5, 0.9], value: [0.6, 0.85], error: [0.05, 0.02] });
draw("histogram", honest.rankings, { density: [0.5, 1.5, 1], tolerance: 0.2 });
draw("eigenvalues", eigenvalues, { values: d.values, edge: 0.5, above: 2 });
const ends = recording.columns(Float32Array.from([1, 5, -2, NaN, 3, 3, 0, 9]), 0, 2, 4);
const long = recording.columns(d.left, 0, 1, 30);
draw("stretch", recording.stretch, { channels: [{ ...long, centre: 0 }, { ...ends, centre: 1 }], scale: 10, bad: new Set([1]) });
const around = { names: ["F", "C"], bad: new Set([1]), left: 90, bottom: 26, scale: 50, unit: "V" };
draw("rim", recording.rim, { ...around, start: 0, stop: 100, rate: 10 });
const plain = (m) => ({ ...m, values: Array.from(m.values) });
const counted = arrays.histogram(curve, -4, 4, 0.5);
console.log(JSON.stringify({
  drawn,
  similarity: plain(arrays.similarity(curve)), moment: plain(arrays.secondMoment(noise)), toeplitz: plain(arrays.toeplitz(curve)),
  mix: Array.from(arrays.mix(curve, arrays.row(noise, 1), 0.8, 0.6)), at: arrays.at(d.alpha, t),
  between: Array.from(arrays.between(path, t)),
  moments: arrays.moments(curve), rms: arrays.rms(curve, arrays.row(noise, 0)), column: Array.from(arrays.column(path, 4)),
  stretches: stretches([0, 1, 2, 5, 7, 8]), ends: { low: Array.from(ends.low), high: Array.from(ends.high) },
  inCurve: Array.from(learned.inCurve(d.eps, d.alpha, d.sigma)), counted,
  ramp: [0, 64 / 255, 1].map((p) => colours.ramp(["#000000", "#ff00ff"], p)),
}));
"""


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    alpha = np.linspace(1, 0.1, STEPS + 1)
    return {
        "curve": rng.normal(size=D),
        "noise": rng.normal(size=(COPIES, D)),
        "path": rng.normal(size=(STEPS + 1, D)),
        "alpha": alpha,
        "sigma": np.sqrt(1 - alpha**2),
        "left": 1 / np.arange(1, 31) ** 1.1,
        "values": 8.0 * 0.3 ** np.arange(D),
        "psi": 6.0 * 0.4 ** np.arange(D),
        "mean": rng.normal(size=D),
        "spread": 0.1 + rng.random(D),
        "eps": np.linspace(0.2, 0.01, STEPS + 1),
    }


@pytest.fixture(scope="module")
def found(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("views")
    for name in (*views.BASE, *views.EXACT, *views.VIEWS, *views.BENCH):
        (folder / f"{name}.js").write_text(views.source(name), encoding="utf-8")
    (folder / "package.json").write_text('{"type": "module"}')
    (folder / "data.json").write_text(json.dumps({k: v.tolist() for k, v in data.items()}))
    (folder / "draw.js").write_text(DRAW, encoding="utf-8")
    done = subprocess.run([NODE, "draw.js"], cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def elements(svg, tag):
    return [e for e in ET.fromstring(svg).iter() if e.tag.endswith(f"}}{tag}")]


def texts(svg):
    return [e.text for e in elements(svg, "text")]


def path(d):
    return np.array([[float(v) for v in point.split()] for point in re.split("[ML]", d)[1:]])


def lines(svg, **wanted):
    drawn = [e for e in elements(svg, "path") if e.get("d")]
    return [path(e.get("d")) for e in drawn if all(e.get(k.replace("_", "-")) == v for k, v in wanted.items())]


def colour(name):
    names = re.search(r"NAMES = \[(.*?)\]", views.source("colours"))[1].replace('"', "").split(", ")
    return f"#0000{16 + names.index(name):x}"


def curve(svg, **wanted):
    """The first line that is a curve, not a sample of one in the legend."""
    return next(points for points in lines(svg, **wanted) if len(points) > 2)


def test_every_module_is_listed_once_and_imports_only_earlier_ones():
    listed = (*views.BASE, *views.EXACT, *views.VIEWS, *views.BENCH)
    assert sorted(listed) == sorted(f.stem for f in FOLDER.glob("*.js"))
    names: list[str] = []
    for k, module in enumerate(listed):
        source = views.source(module)
        assert len(source.splitlines()) < 150
        for imported, of in re.findall(r"^import \{ ([^}]*) \} from \"\./(\w+)\.js\";$", source, re.M):
            assert of in (listed[:k] if module not in views.VIEWS else (*views.BASE, *views.EXACT))
            assert set(imported.split(", ")) <= set(re.findall(r"^export (?:function|const) (\w+)", views.source(of), re.M))
        names += re.findall(r"^(?:export )?(?:function|const|let) (\w+)", source, re.M)
    assert len(names) == len(set(names)), "joined into one scope, two modules must not define the same name"
    assert "import" not in re.findall(r"^\w+", views.bundle(), re.M)


def test_views_fetch_nothing_and_know_no_page():
    for name in (*views.BASE, *views.EXACT, *views.VIEWS, *views.BENCH):
        code = re.sub(r"//.*", "", views.source(name))
        assert re.findall(r"\b(?:document|window|globalThis|fetch|localStorage|XMLHttpRequest|Math\.random|Date)\b", code) == [], name
        assert (name == "surface") == ("ownerDocument" in code)


def test_words_are_the_same_in_both_languages():
    english, chinese = (views.words(language) for language in views.LANGUAGES)
    assert list(english) == list(chinese)
    assert all(text.strip() for text in (*english.values(), *chinese.values()))


@needs_node
def test_no_view_writes_a_word_of_its_own_and_none_is_left_over(found):
    used = set()
    for name, svg in found["drawn"].items():
        for text in texts(svg):
            used |= set(re.findall("«(.*?)»", text))
            assert not re.search(r"[A-Za-z一-鿿]{2,}", re.sub("«.*?»", "", text)), f"{name} writes {text}"
    assert used == set(views.words("en"))


@needs_node
def test_no_place_is_lost(found):
    for name, svg in found["drawn"].items():
        assert not re.search("NaN|Infinity|undefined|null", svg), name
        assert len(svg) > (400 if name in NEARLY_EMPTY else 1000), name


@needs_node
def test_titles_of_axes_stay_clear_of_their_labels(found):
    """The title is turned by a right angle; its line ends before the widest label begins, for labels of any length."""
    checked = 0
    for svg in found["drawn"].values():
        turned = [e for e in elements(svg, "text") if "rotate" in (e.get("transform") or "")]
        labels = [e for e in elements(svg, "text") if e.get("text-anchor") == "end" and e not in turned]
        for title in turned:
            edge = float(re.match(r"translate\(([\d.]+)", title.get("transform"))[1])
            assert edge < min(float(e.get("x")) - 0.56 * 11 * len(e.text) for e in labels if re.search(r"\d", e.text))
            checked += 1
    assert checked > 8
    assert any("100000" in text for text in texts(found["drawn"]["large"]))


@needs_node
def test_no_label_across_is_cut_at_the_edge(found):
    """The last one may stand at the end of its axis, a few pixels from that of the figure."""
    checked = 0
    for name, svg in found["drawn"].items():
        width = float(ET.fromstring(svg).get("viewBox").split()[2])
        for e in elements(svg, "text"):
            if e.get("text-anchor") == "middle" and re.fullmatch(r"[−\d.,e]+", e.text or "") and not e.get("transform"):
                assert float(e.get("x")) + 0.5 * 0.56 * 11 * len(e.text) <= width + 0.1, (name, e.text)
                checked += 1
    assert checked > 50


@needs_node
def test_numbers_per_frame_are_those_of_numpy(found, data):
    curve, noise, steps, near = data["curve"], data["noise"], data["path"], {"rtol": 1e-5, "atol": 1e-6}
    square = {name: np.reshape(found[name]["values"], (D, D)) for name in ("similarity", "moment", "toeplitz")}
    np.testing.assert_allclose(square["similarity"], np.exp(-((curve[:, None] - curve) ** 2)), **near)
    np.testing.assert_allclose(square["moment"], noise.T @ noise / COPIES, **near)
    np.testing.assert_allclose(square["toeplitz"], curve[np.abs(np.subtract.outer(np.arange(D), np.arange(D)))], **near)
    np.testing.assert_allclose(found["mix"], 0.8 * curve + 0.6 * noise[1], **near)
    np.testing.assert_allclose(found["between"], (steps[3] + steps[4]) / 2, **near)
    np.testing.assert_allclose(found["at"], (data["alpha"][3] + data["alpha"][4]) / 2, **near)
    np.testing.assert_allclose([found["moments"]["mean"], found["moments"]["variance"]], [curve.mean(), curve.var()], **near)
    np.testing.assert_allclose(found["rms"], np.sqrt(np.mean((curve - noise[0]) ** 2)), **near)
    np.testing.assert_allclose(found["column"], steps[:, 4], **near)
    np.testing.assert_allclose(found["inCurve"], data["eps"] * data["sigma"] / data["alpha"], **near)
    edges = np.arange(-4.25, 4.5, 0.5)
    np.testing.assert_array_equal(found["counted"]["counts"], np.histogram(np.clip(curve, -4.2, 4.2), edges)[0])
    assert found["ramp"] == ["rgb(0,0,0)", "rgb(64,0,64)", "rgb(255,0,255)"]


@needs_node
def test_curves_are_drawn_where_their_values_are(found, data):
    """Fitted by a straight line, the places of each drawn curve are its values, or their logarithms, to a hundredth of a pixel."""

    def fits(places, values):
        design = np.stack([values, np.ones_like(values)], 1)
        slope = np.linalg.lstsq(design, places[:, 1], rcond=None)[0]
        assert slope[0] < -1  # larger values stand higher
        np.testing.assert_allclose(places[:, 1], design @ slope, atol=0.011)
        np.testing.assert_allclose(np.diff(places[:, 0], 2), 0, atol=0.021)  # equal steps

    alpha, sigma, values = data["alpha"], data["sigma"], data["values"]
    drawn = found["drawn"]
    fits(curve(drawn["factors"], stroke=colour("second"), stroke_width="2"), alpha)
    fits(curve(drawn["factors"], stroke=colour("accent"), stroke_width="2"), sigma)
    fits(curve(drawn["result"], stroke=colour("accent")), data["path"][0])
    fits(curve(drawn["result"], stroke=colour("muted")), data["path"][-1])
    fits(curve(drawn["spectrum"], stroke=colour("second"), stroke_width="2"), values)
    fits(curve(drawn["motion"], stroke=colour("muted")), np.log10(values))
    fits(curve(drawn["ratio"], stroke=colour("signal"), stroke_width="2"), np.log10(np.maximum(values / values[0], 1e-6)))
    fits(curve(drawn["mistakes"], stroke=colour("accent")), np.log10((data["eps"] * sigma / alpha)[1:]))
    fits(curve(drawn["mean"], stroke=colour("accent")), data["curve"] + 0.5 * data["noise"][:3].mean(0))
    fits(curve(drawn["posterior"], stroke=colour("accent"), stroke_width="2"), data["mean"])
    fits(curve(drawn["bent"], stroke=colour("signal")), data["mean"])
    fits(curve(drawn["made"], stroke=colour("ink")), np.log10(np.maximum(values, 1e-6)))
    fits(curve(drawn["pad"], stroke=colour("signal")), data["curve"])
    fits(curve(drawn["back"], stroke=colour("ink")), (data["path"][3] + data["path"][4]) / 2)


@needs_node
def test_a_legend_hides_nothing_of_the_plot(found):
    """Its rows stand above the plot, within the picture; where that is narrow there are more of them."""
    rows = {}
    for name, svg in found["drawn"].items():
        samples = [
            points
            for points in lines(svg, stroke_width="2")
            if len(points) == 2 and np.ptp(points[:, 1]) == 0 and np.isclose(np.ptp(points[:, 0]), 18)
        ]
        plot = next((e for e in elements(svg, "rect") if e.get("fill") == colour("panel")), None)
        if not samples or plot is None:
            continue
        places = np.concatenate(samples)
        assert (places[:, 1] < float(plot.get("y"))).all(), name
        assert (places > 0).all(), name
        rows[name] = len(set(places[:, 1]))
    assert len(rows) > 15
    assert (rows["filled"], rows["narrow"]) == (1, 2)


@needs_node
def test_a_posterior_has_its_band_and_shades_what_is_hidden(found, data):
    """The band is mean +- 1.6449 deviations, there and back; neighbours that are hidden are one stretch."""
    svg = found["drawn"]["posterior"]
    area = next(path(e.get("d")) for e in elements(svg, "path") if e.get("fill") == colour("accent"))
    middle = curve(svg, stroke=colour("accent"), stroke_width="2")
    slope = (middle[:, 1] - middle[0, 1])[1:] / (data["mean"] - data["mean"][0])[1:]
    half = -1.6449 * data["spread"] * np.median(slope)
    np.testing.assert_allclose(area[:D, 1], middle[:, 1] - half, atol=0.03)
    np.testing.assert_allclose(area[D:, 1][::-1], middle[:, 1] + half, atol=0.03)
    assert found["stretches"] == [[0, 2], [5, 5], [7, 8]]
    assert sum(e.get("fill") == colour("grid") for e in elements(svg, "rect")) == 2


@needs_node
def test_bars_end_at_their_values_and_laws_outside_the_range_at_its_ends(found):
    bars = [e for e in elements(found["drawn"]["verdicts"], "rect") if e.get("fill") == colour("second")]
    widths = np.array([float(e.get("width")) for e in bars])
    np.testing.assert_allclose(widths / widths[0], [1, 7, 12], rtol=1e-3)


@needs_node
def test_logarithmic_axes_have_powers_of_ten(found):
    assert [t for t in texts(found["drawn"]["ratio"]) if re.fullmatch("1|10⁻?[⁰¹²³⁴⁵⁶⁷⁸⁹]+", t)] == ["10⁻⁶", "10⁻⁴", "10⁻²", "1"]
    assert {"0.01", "0.1"} <= set(texts(found["drawn"]["mistakes"]))


@needs_node
def test_an_image_has_a_pixel_for_every_entry(found, data):
    """Neighbours of one colour are one rectangle: together they cover the square, less the cells past the end of the curve."""
    side = 300 - 8 - 26

    def cells(name):
        rects = (e for e in elements(found["drawn"][name], "rect") if e.get("fill").startswith("rgb(") and e.get("width") != "9")
        return [(float(e.get("width")), float(e.get("height"))) for e in rects]

    assert sum(w * h for w, h in cells("matrix")) == pytest.approx(side**2, rel=2e-3)
    assert sum(w for w, _ in cells("image")) == pytest.approx(side * D / 4, rel=2e-3)
    np.testing.assert_allclose(cells("blocks"), [(side, side / 2), (2 / 3 * side, side / 2), (side / 3, side / 2)], atol=0.01)


@needs_node
def test_columns_of_a_recording_are_its_extremes(found):
    """Of 1, 5 | -2, nothing | 3, 3 | 0, 9."""
    assert found["ends"] == {"low": [1, -2, 3, 0], "high": [5, -2, 3, 9]}
