// Condition: what a slow, blurred or sparse sensor leaves open. Choose it, and see the posterior move: within the frame where the law is
// Gaussian, by a job where it is not.
import * as api from "../api.js";
import { h, replace } from "../dom.js";
import { number, say } from "../frame/frame.js";
import { extent, rows } from "/views/arrays.js";
import { moved } from "/views/filled.js";
import { placed } from "/views/gaussian.js";
import { normals } from "/views/normals.js";
import { SENSORS, covarianceOf, noisy, sensedDraw, sensedMean, sensing } from "/views/sensed.js";
import { figure } from "./figure.js";
import { button, channelChoice, chooser, segments, slider, slow, takeaway, told, worker } from "./parts.js";
import { known, length, signal, without } from "./state.js";

const DOTS = 80; // readings that are drawn
const DRAWS = 6, NINETY = 1.64485;

export function condition({ hand }) {
  const work = worker(), away = h("p", { class: "row small" }), list = known(hand), t = length(hand), scene = { found: null, kind: "average", turn: 0 };
  if (!list.includes(hand.channel)) hand.channel = list[0];
  const factors = Array.from({ length: t }, (_, k) => k + 1).filter((k) => k > 1 && k <= t / 2 && t % k === 0);
  const spread = typical(hand), level = (k) => spread * (k / 40) ** 2, exact = hand.model.exact && answering(hand.model.exact, list.length, t), late = slow(hand, exact);
  const choose = chooser(hand, again), channel = channelChoice(hand, () => picture.redraw(), () => list);
  const kinds = segments("bench.sensor", Object.keys(SENSORS), scene.kind, (kind) => { scene.kind = kind; again(); }, "bench.sensor");
  const rests = exact ? {} : { onchange: again }, moves = exact ? { oninput: again } : {};
  const factor = slider("bench.factor", { min: 0, max: Math.max(factors.length - 1, 0), value: Math.min(2, factors.length - 1), shown: (k) => number(factors[k] ?? 1, 0), ...moves, ...rests });
  const noise = slider("bench.noise", { min: 0, max: 40, value: 10, shown: (k) => number(level(k), level(k) < 0.1 ? 3 : 2, hand.signals.units[hand.channel]), ...moves, ...rests });
  const sentence = told("p", { class: "lead", id: "posterior" }, () => said());

  const picture = figure("posterior", () => {
    if (!scene.found) return null;
    const { found, asked: { kind, factor: k } } = scene, own = list.indexOf(hand.channel), at = own * t, part = (values) => Array.from(values.slice(at, at + t));
    const prior = found.prior.map(part), posterior = found.posterior.map(part), curve = part(found.truth);
    const many = found.y.length / list.length, step = kind === "blur" ? 1 : k, middle = kind === "average" ? (k - 1) / 2 : 0;
    const readings = Array.from({ length: many }, (_, i) => [i * step + middle, found.y[own * many + i]]).filter((_, i) => i % Math.ceil(many / DOTS) === 0);
    return [moved, { curve, prior, posterior, mean: part(found.mean), draws: found.draws.map(part), readings, rate: hand.signals.rate, y: extent([...prior, curve], 0.05), unit: hand.signals.units[hand.channel] }];
  }, { tall: true });

  const asked = () => ({ kind: scene.kind, factor: factors[factor.value()] ?? 1, noise: Math.max(level(noise.value()), 1e-3 * spread) });

  // What a change of sensor, noise or signal makes of it.
  async function again() {
    const turn = ++scene.turn;
    if (!exact) return ask();
    const all = await signal(hand, hand.case), truth = Float64Array.from({ length: list.length * t }, (_, i) => all.values[list[Math.floor(i / t)] * t + (i % t)]);
    if (turn !== scene.turn) return;
    if (truth.some(Number.isNaN)) return ask(); // Python says what it makes of values that are missing
    const question = asked(), began = performance.now();
    show(exact(truth, question), question);
    picture.canvas.dataset.milliseconds = String(performance.now() - began);
    replace(away, [button("bench.export-filled", ask)]);
  }

  // The same by Python, with files to take away.
  async function ask() {
    const question = asked(), { kind, ...rest } = question;
    const job = await late.timed(() => work.start(async (onEvent, onStart) => {
      const ended = await api.job({ kind: "condition", model: hand.model.id, signals: hand.signals.id, case: hand.case, measurement: kind, ...rest, ...without(hand) }, onEvent, onStart);
      return ended && { id: ended.id, ...(await api.part(ended.id)) };
    }));
    if (!job) return;
    const { arrays, evidence } = job, band = (name) => [arrays[`${name}-low`], arrays[`${name}-high`]];
    if (!exact || !scene.found) show({ truth: arrays.truth, y: arrays.y, mean: arrays.mean, draws: rows(arrays.draws).slice(0, DRAWS), prior: band("prior"), posterior: band("posterior"), evidence }, question);
    replace(away, takeaway(job.id, ["posterior.csv"]));
  }

  function show(found, question) {
    Object.assign(scene, { found, asked: question });
    sentence.again();
    Object.assign(sentence.dataset, { evidence: String(found.evidence), mean: JSON.stringify(Array.from(found.mean.slice(0, 8))), high: JSON.stringify(Array.from(found.posterior[1].slice(0, 8))) });
    picture.redraw();
  }

  function said() {
    if (!scene.found) return "";
    const { y, evidence } = scene.found, width = ([low, high]) => high.reduce((sum, v, i) => sum + v - low[i], 0);
    return say("bench.narrowed", { n: number(y.length, 0), share: number(100 * (width(scene.found.posterior) / width(scene.found.prior)), 0), evidence: evidence === null ? "–" : number(evidence, 1) });
  }

  again();
  return { elements: [h("div", { class: "row" }, choose, channel), h("div", { class: "row" }, kinds, factor, noise), sentence, picture.element, late, work.element, away] };
}

// (values of a signal, what is asked) -> what a Gaussian law makes of it; what a sensor or a noise takes is kept while it stays.
function answering(law, channels, t) {
  const covariance = covarianceOf(law), draws = rows(normals(DRAWS, law.mean.length)).map((z) => placed(law, z, { alpha: 1, sigma: 0 })), errors = rows(normals(DRAWS, law.mean.length, { seed: 1 }));
  const kept = { sensor: null, noise: null };
  const band = (mean, deviation) => [mean.map((v, i) => v - NINETY * deviation[i]), mean.map((v, i) => v + NINETY * deviation[i])];
  return (truth, { kind, factor, noise }) => {
    if (kept.sensor !== `${kind} ${factor}`) Object.assign(kept, { sensor: `${kind} ${factor}`, known: sensing(law, covariance, SENSORS[kind](factor, t), channels), noise: null });
    if (kept.noise !== noise) Object.assign(kept, { noise, given: noisy(kept.known, noise) });
    const { given } = kept, y = given.sees(truth), { mean, evidence } = sensedMean(given, y);
    return { truth, y, mean, evidence, prior: band(law.mean, given.prior), posterior: band(mean, given.deviation), draws: draws.map((x, k) => sensedDraw(given, y, x, errors[k])) };
  };
}

// A typical deviation of the signals, for the range of the noise.
function typical({ signals }) {
  const { low, high } = signals.arrays;
  let sum = 0, square = 0, n = 0;
  for (let i = 0; i < low.values.length; i += 7) for (const v of [low.values[i], high.values[i]]) if (!Number.isNaN(v)) { sum += v; square += v * v; n += 1; }
  return Math.sqrt(Math.max(square / n - (sum / n) ** 2, 1e-24));
}
