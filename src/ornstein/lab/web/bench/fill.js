// Fill: brush a gap on the signal, and see what the law makes of it. For a Gaussian everything is computed here, within the frame.
import * as api from "../api.js";
import { h, replace } from "../dom.js";
import { number, say } from "../frame/frame.js";
import { extent, row, rows } from "/views/arrays.js";
import { hiding, measured, posteriorDeviation, posteriorDraw, posteriorMean } from "/views/conditioning.js";
import { filled } from "/views/filled.js";
import { placed } from "/views/gaussian.js";
import { normals } from "/views/normals.js";
import { placeAt } from "/views/pointer.js";
import { spot } from "/views/surface.js";
import { figure } from "./figure.js";
import { button, channelChoice, chooser, slow, takeaway, told, worker } from "./parts.js";
import { known, length, signal, without } from "./state.js";

const HALF = 0.67449, NINETY = 1.64485, DRAWS = 6;
const EXACT = 1e-4; // the noise, in standard deviations of the law, with which seen entries count as seen

export function fill({ hand }) {
  const work = worker(), away = h("p", { class: "row small" }), t = length(hand), list = known(hand);
  const exact = hand.model.exact && prepared(hand.model.exact);
  const late = slow(hand, exact), scene = { values: null, hidden: new Set(), answer: null, brush: null };
  if (!list.includes(hand.channel)) hand.channel = list[0];
  const own = () => list.indexOf(hand.channel);
  const choose = chooser(hand, load), channel = channelChoice(hand, () => picture.redraw(), () => list);
  const clear = button("bench.clear", () => { scene.hidden.clear(); update(); }, { class: "quiet" });
  const told1 = told("p", { class: "lead", id: "filled" }, () => sentence());
  const picture = figure("gap", drawing, { tall: true, interactive: true, table, plain: true });
  const { canvas } = picture;

  function drawing() {
    if (!scene.values) return null;
    const at = own() * t, part = (values) => values.slice(at, at + t), hidden = [...scene.hidden].filter((i) => i >= at && i < at + t).map((i) => i - at).sort((a, b) => a - b);
    const { answer } = scene, curve = Array.from(part(scene.values));
    const bands = answer ? answer.bands.map(([low, high]) => [part(low), part(high)]) : [];
    const y = extent([curve, ...(answer ? bands[0].map((side) => hidden.map((i) => side[i])) : [])], 0.1);
    return [filled, { curve, hidden, bands, mean: answer && part(answer.mean), draws: answer ? answer.draws.map(part) : [], rate: hand.signals.rate, y, unit: hand.signals.units[hand.channel], brush: scene.brush }];
  }

  async function load() {
    const all = await signal(hand, hand.case), columns = t;
    scene.values = Float64Array.from({ length: list.length * columns }, (_, i) => all.values[list[Math.floor(i / columns)] * columns + (i % columns)]);
    if (!scene.hidden.size) hide(own(), Math.round(t * 0.4), Math.round(t * 0.6));
    update();
  }

  const hide = (c, from, to) => { for (let i = Math.max(from, 0); i < Math.min(to, t); i++) scene.hidden.add(c * t + i); };

  // The answer for the gap of the moment: at once where the law is Gaussian, by a job where it is not.
  function update() {
    const gone = scene.values.map((v, i) => (Number.isNaN(v) ? i : -1)).filter((i) => i >= 0);
    const hidden = [...new Set([...scene.hidden, ...gone])].sort((a, b) => a - b);
    scene.answer = null;
    if (hidden.length && exact) {
      const began = performance.now();
      scene.answer = answered(exact, scene.values, hidden);
      canvas.dataset.milliseconds = String(performance.now() - began);
      show();
    } else if (hidden.length) ask();
    else show();
  }

  function show() {
    const { answer } = scene;
    canvas.dataset.hidden = String(scene.hidden.size);
    canvas.dataset.gaps = JSON.stringify(gaps());
    if (answer) {
      const at = [...scene.hidden].sort((a, b) => a - b);
      Object.assign(canvas.dataset, { mean: JSON.stringify(at.slice(0, 8).map((i) => answer.mean[i])), high: JSON.stringify(at.slice(0, 8).map((i) => answer.bands[0][1][i])) });
    }
    told1.again();
    picture.redraw();
    replace(away, scene.hidden.size ? [button("bench.export-filled", ask)] : []);
  }

  // The same by Python: for laws that are not Gaussian, and for the files to take away.
  async function ask() {
    if (!scene.hidden.size) return;
    const question = { kind: "fill", model: hand.model.id, signals: hand.signals.id, case: hand.case, gaps: gaps(), draws: 200, ...without(hand) };
    const found = await late.timed(() => work.start(async (onEvent, onStart) => {
      const job = await api.job(question, onEvent, onStart);
      return job && { id: job.id, ...(await api.part(job.id)) };
    }));
    if (!found) return;
    const { arrays } = found;
    if (!exact) {
      const draws = Array.from({ length: Math.min(arrays.draws.rows, DRAWS) }, (_, k) => row(arrays.draws, k));
      scene.answer = { mean: arrays.mean, bands: [[arrays["low-0.9"], arrays["high-0.9"]], [arrays["low-0.5"], arrays["high-0.5"]]], draws };
      show();
    }
    replace(away, takeaway(found.id, ["filled.csv"]));
  }

  function gaps() {
    const at = [...scene.hidden].sort((a, b) => a - b), found = [];
    for (const i of at) {
      const last = found[found.length - 1], c = Math.floor(i / t), s = i % t;
      if (last && last[0] === c && last[2] === s) last[2] = s + 1;
      else found.push([c, s, s + 1]);
    }
    return found;
  }

  function table() {
    const [, data] = drawing(), { bands, mean, curve } = data;
    const columns = { sample: curve.map((_, i) => i), seen: curve.map((v, i) => (data.hidden.includes(i) ? "" : v)) };
    return mean ? { ...columns, mean, low_90: bands[0][0], high_90: bands[0][1], low_50: bands[1][0], high_50: bands[1][1] } : columns;
  }

  function sentence() {
    const { answer, hidden, values } = scene;
    if (!values) return "";
    if (!hidden.size) return say("bench.brush");
    if (!answer) return say("bench.thinking");
    const at = [...hidden].filter((i) => !Number.isNaN(values[i])), [low, high] = answer.bands[0];
    const inside = at.filter((i) => values[i] >= low[i] && values[i] <= high[i]).length;
    return at.length ? say("bench.inside", { inside: number(inside, 0), all: number(at.length, 0), share: number((100 * inside) / at.length, 0) }) : say("bench.unknown-truth", { n: number(hidden.size, 0) });
  }

  // Brushing: drag to hide, drag over a gap to move its end; the keyboard does the same.
  const sampleAt = (e) => placeAt(picture.plot(), spot(canvas, e)[0], t);
  let from = null, before = null;
  canvas.addEventListener("pointerdown", (e) => {
    if (!picture.plot()) return;
    canvas.setPointerCapture(e.pointerId);
    from = sampleAt(e);
    before = new Set(e.shiftKey ? scene.hidden : [...scene.hidden].filter((i) => Math.floor(i / t) !== own()));
    drag(from);
  });
  canvas.addEventListener("pointermove", (e) => { if (from !== null) drag(sampleAt(e)); });
  for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => { from = null; if (!exact) update(); });
  function drag(to) {
    scene.hidden = new Set(before);
    hide(own(), Math.min(from, to), Math.max(from, to) + 1);
    if (exact) update();
    else picture.redraw();
  }
  canvas.addEventListener("keydown", (e) => {
    const mine = [...scene.hidden].filter((i) => Math.floor(i / t) === own()).map((i) => i % t), low = Math.min(...mine), high = Math.max(...mine) + 1;
    const step = Math.max(1, Math.round(t / 50)), moves = { ArrowLeft: [-step, -step], ArrowRight: [step, step], ArrowUp: [0, step], ArrowDown: [0, -step] };
    if (e.key === "Escape" || e.key === "Delete") scene.hidden.clear();
    else if (e.key === "PageDown" || e.key === "PageUp") { e.preventDefault(); choose.move(e.key === "PageDown" ? 1 : -1); return; }
    else if (moves[e.key]) {
      e.preventDefault();
      scene.hidden = new Set([...scene.hidden].filter((i) => Math.floor(i / t) !== own()));
      const a = mine.length ? Math.max(low + moves[e.key][0], 0) : Math.round(t * 0.4), b = mine.length ? Math.min(high + moves[e.key][1], t) : Math.round(t * 0.6);
      hide(own(), a, Math.max(b, a + 1));
    } else return;
    update();
  });

  load();
  return { elements: [h("div", { class: "row" }, choose, channel, clear), told1, picture.element, told("p", { class: "small hint" }, () => say("bench.brush-hint")), late, work.element, away], };
}

// The law with what does not depend on the gap: its precision under a noise that nobody sees.
function prepared(law) {
  const scale = Math.sqrt(law.eigenvalues.reduce((a, b) => a + b, 0) / law.mean.length), made = measured(law, EXACT * scale);
  const white = normals(DRAWS, law.eigenvalues.length), draws = rows(white).map((z) => placed(law, z, { alpha: 1, sigma: 0 }));
  return { made, draws };
}

function answered({ made, draws }, values, hidden) {
  const given = hiding(made, hidden), y = Float64Array.from(values, (v) => (Number.isNaN(v) ? 0 : v));
  const mean = posteriorMean(given, y), deviation = posteriorDeviation(given);
  const bands = [NINETY, HALF].map((z) => [mean.map((v, i) => v - z * deviation[i]), mean.map((v, i) => v + z * deviation[i])]);
  return { mean, bands, draws: draws.map((draw) => posteriorDraw(given, y, draw, draw)) };
}
