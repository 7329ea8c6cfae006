// Sample: new signals out of noise, there and back, by any sampler; and exactly how far a sampler of so many calls is from the law.
import * as api from "../api.js";
import { h, replace } from "../dom.js";
import { number, say } from "../frame/frame.js";
import { price } from "/views/accuracy.js";
import { extent } from "/views/arrays.js";
import { ensemble } from "/views/ensemble.js";
import { figure } from "./figure.js";
import { button, channelChoice, label, slider, takeaway, told, worker } from "./parts.js";
import { known, length } from "./state.js";

const SAMPLERS = ["exact", "exact-stochastic", "ddim", "ddpm", "euler", "heun", "dpm++2m", "dpm++3m", "unipc", "deis", "adams-bashforth", "exponential", "ancestral", "rk4", "restart", "heun-churn"];
const NOTHING = 1e-7; // what rounding leaves
const CASES = 24, RUN = 5000; // milliseconds of a whole way there and back

export function sample({ hand }) {
  const work = worker(), certifying = worker(), away = h("p", { class: "row small" }), list = known(hand), t = length(hand);
  const scene = { found: null, at: 1, playing: false, exact: null };
  let sampler = hand.model.exact ? "exact" : "exponential", steps = 10, seed = 0;
  if (!list.includes(hand.channel)) hand.channel = list[0];
  const channel = channelChoice(hand, () => picture.redraw(), () => list);
  const names = h("select", { id: "sampler", onchange: () => { sampler = names.value; again(); certify(); } }, SAMPLERS.map((name) => h("option", { value: name, selected: name === sampler }, name)));
  const calls = slider("bench.steps", { min: 2, max: 50, value: steps, oninput: (v) => { steps = v; truth.again(); certificate.redraw(); }, onchange: again });
  const time = slider("bench.time", { min: 0, max: 1000, value: 1000, shown: (v) => number(1 - v / 1000, 2), oninput: (v) => { stop(); scene.at = v / 1000; picture.redraw(); } });
  const play = button("bench.play", () => (scene.playing ? stop() : start()), { id: "run" });
  const anew = button("bench.anew", () => { seed += 1; again(); }, { class: "quiet" });
  const truth = told("p", { class: "lead", id: "certificate" }, () => sentence());

  const picture = figure("samples", () => {
    if (!scene.found) return null;
    const { path } = scene.found.arrays, [frames, n, d] = path.shape, place = scene.at * (frames - 1), i = Math.min(Math.floor(place), frames - 2), part = place - i;
    const from = list.indexOf(hand.channel) * t, curves = Array.from({ length: n }, (_, k) => Float32Array.from({ length: t }, (_, s) => {
      const a = path.values[(i * n + k) * d + from + s], b = path.values[((i + 1) * n + k) * d + from + s];
      return a + part * (b - a);
    }));
    return [ensemble, { curves, chosen: curves[0], rate: hand.model.rate, y: scene.y[list.indexOf(hand.channel)], unit: hand.signals.units[hand.channel], tint: "accent", front: "ink", alpha: 0.45 }];
  }, { tall: true });
  const certificate = figure("certificate", () => {
    if (!scene.exact?.steps.length || Math.max(...scene.exact.arrays.distance) < NOTHING) return null;
    const { calls: counts, arrays } = scene.exact;
    return [price, { calls: counts, samples: [{ values: Array.from(arrays.distance, (v) => Math.max(v, 1e-9)), name: "distanceToLaw", colour: "accent" }], now: nearest() }];
  });

  const nearest = () => scene.exact.steps.reduce((best, s, k) => (Math.abs(s - steps) < Math.abs(scene.exact.steps[best] - steps) ? k : best), 0);

  async function again() {
    stop();
    const found = await work.start(async (onEvent, onStart) => {
      const job = await api.job({ kind: "sample", model: hand.model.id, cases: CASES, seed, sampler, steps }, onEvent, onStart, false);
      return job && { id: job.id, ...(await api.part(job.id)) };
    });
    if (!found) return;
    scene.found = found;
    scene.y = list.map((_, c) => range(found.arrays.path, c * t, t));
    replace(away, takeaway(found.id, ["samples.csv", "samples.npz"]));
    picture.canvas.dataset.frames = String(found.arrays.path.shape[0]);
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) { scene.at = 1; picture.redraw(); } else { scene.at = 0; start(); }
  }

  async function certify() {
    scene.exact = null;
    const found = await certifying.start(async (onEvent, onStart) => {
      const job = await api.job({ kind: "certify", model: hand.model.id, sampler }, onEvent, onStart, false);
      return job && api.part(job.id);
    });
    scene.exact = found;
    truth.again();
    certificate.redraw();
  }

  function sentence() {
    if (!scene.exact) return say("bench.certifying");
    if (!scene.exact.steps.length) return say("bench.no-certificate");
    const k = nearest(), share = scene.exact.arrays.distance[k];
    truth?.setAttribute("data-distance", String(share));
    if (share < NOTHING && sampler.startsWith("exact")) return say("bench.exact");
    return say("bench.certificate", { calls: number(scene.exact.calls[k], 0), share: percent(share) });
  }

  let direction = 1, rest = 0;
  function start() {
    scene.playing = true;
    replace(play, say("bench.pause"));
    let before = performance.now();
    const tick = (now) => {
      if (!scene.playing) return;
      if (rest > 0) rest -= now - before;
      else {
        scene.at = Math.min(Math.max(scene.at + (direction * (now - before)) / RUN, 0), 1);
        if (scene.at === 0 || scene.at === 1) { direction = scene.at ? -1 : 1; rest = 900; }
        time.set(Math.round(scene.at * 1000));
        picture.redraw();
      }
      before = now;
      requestAnimationFrame(tick);
    };
    requestAnimationFrame(tick);
  }
  function stop() {
    scene.playing = false;
    replace(play, say("bench.play"));
  }

  again();
  certify();
  return {
    elements: [
      h("div", { class: "row" }, play, time, channel, anew), picture.element,
      h("div", { class: "row" }, h("label", { class: "field" }, label("bench.sampler"), names), calls), truth, certificate.element, work.element, certifying.element, away,
    ],
    leave: stop,
  };
}

// The range of one channel over the whole way, without the farthest thousandth.
function range({ values, shape }, from, t) {
  const d = shape[2], found = [];
  for (let r = 0; r < shape[0] * shape[1]; r += 3) for (let s = 0; s < t; s += 2) found.push(values[r * d + from + s]);
  found.sort((a, b) => a - b);
  return extent([[found[Math.floor(0.002 * found.length)], found[Math.ceil(0.998 * found.length) - 1]]], 0.1);
}

function percent(share) {
  if (share >= 0.001) return `${number(100 * share, share < 0.1 ? 2 : 1)} %`;
  return share < NOTHING ? say("bench.rounding") : `${(100 * share).toExponential(1).replace(/e([+-]?)(\d+)/, (_, s, e) => ` × 10${(s === "-" ? "⁻" : "") + e.replace(/\d/g, (c) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[c])}`)} %`;
}
