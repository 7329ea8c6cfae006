// Condition: what a slow, blurred or sparse sensor leaves open. Choose it, and see the posterior move.
import * as api from "../api.js";
import { h, replace } from "../dom.js";
import { number, say } from "../frame/frame.js";
import { extent, rows } from "/views/arrays.js";
import { moved } from "/views/filled.js";
import { figure } from "./figure.js";
import { channelChoice, chooser, segments, slider, takeaway, told, worker } from "./parts.js";
import { known, length, without } from "./state.js";

const DOTS = 80; // readings that are drawn
const KINDS = ["average", "every", "blur"];

export function condition({ hand }) {
  const work = worker(), away = h("p", { class: "row small" }), list = known(hand), t = length(hand), scene = { found: null, kind: "average" };
  if (!list.includes(hand.channel)) hand.channel = list[0];
  const factors = Array.from({ length: t }, (_, k) => k + 1).filter((k) => k > 1 && k <= t / 2 && t % k === 0);
  const spread = typical(hand), level = (k) => spread * (k / 40) ** 2;
  const choose = chooser(hand, again), channel = channelChoice(hand, () => picture.redraw(), () => list);
  const kinds = segments("bench.sensor", KINDS, scene.kind, (kind) => { scene.kind = kind; again(); }, "bench.sensor");
  const factor = slider("bench.factor", { min: 0, max: Math.max(factors.length - 1, 0), value: Math.min(2, factors.length - 1), shown: (k) => number(factors[k] ?? 1, 0), onchange: again });
  const noise = slider("bench.noise", { min: 0, max: 40, value: 10, shown: (k) => number(level(k), level(k) < 0.1 ? 3 : 2, hand.signals.units[hand.channel]), onchange: again });
  const sentence = told("p", { class: "lead", id: "posterior" }, () => said());

  const picture = figure("posterior", () => {
    if (!scene.found) return null;
    const { arrays, kind, factor: k } = scene.found, own = list.indexOf(hand.channel), at = own * t, part = (values) => Array.from(values.slice(at, at + t));
    const prior = [part(arrays["prior-low"]), part(arrays["prior-high"])], posterior = [part(arrays["posterior-low"]), part(arrays["posterior-high"])], curve = part(arrays.truth);
    const many = arrays.y.length / list.length, step = kind === "blur" ? 1 : k, middle = kind === "average" ? (k - 1) / 2 : 0;
    const readings = Array.from({ length: many }, (_, i) => [i * step + middle, arrays.y[own * many + i]]).filter((_, i) => i % Math.ceil(many / DOTS) === 0);
    return [moved, { curve, prior, posterior, mean: part(arrays.mean), draws: rows(arrays.draws).slice(0, 6).map(part), readings, rate: hand.signals.rate, y: extent([...prior, curve], 0.05), unit: hand.signals.units[hand.channel] }];
  }, { tall: true });

  async function again() {
    const question = { kind: "condition", model: hand.model.id, signals: hand.signals.id, case: hand.case, measurement: scene.kind, factor: factors[factor.value()] ?? 1, noise: Math.max(level(noise.value()), 1e-3 * spread), ...without(hand) };
    const found = await work.start(async (onEvent, onStart) => {
      const job = await api.job(question, onEvent, onStart);
      return job && { id: job.id, kind: question.measurement, factor: question.factor, ...(await api.part(job.id)) };
    });
    if (!found) return;
    scene.found = found;
    sentence.again();
    sentence.dataset.evidence = String(found.evidence);
    picture.redraw();
    replace(away, takeaway(found.id, ["posterior.csv"]));
  }

  function said() {
    if (!scene.found) return "";
    const { arrays, evidence } = scene.found, width = (name) => arrays[`${name}-high`].reduce((sum, v, i) => sum + v - arrays[`${name}-low`][i], 0);
    return say("bench.narrowed", { n: number(arrays.y.length, 0), share: number(100 * (width("posterior") / width("prior")), 0), evidence: evidence === null ? "–" : number(evidence, 1) });
  }

  again();
  return { elements: [h("div", { class: "row" }, choose, channel), h("div", { class: "row" }, kinds, factor, noise), sentence, picture.element, work.element, away] };
}

// A typical deviation of the signals, for the range of the noise.
function typical({ signals }) {
  const { low, high } = signals.arrays;
  let sum = 0, square = 0, n = 0;
  for (let i = 0; i < low.values.length; i += 7) for (const v of [low.values[i], high.values[i]]) if (!Number.isNaN(v)) { sum += v; square += v * v; n += 1; }
  return Math.sqrt(Math.max(square / n - (sum / n) ** 2, 1e-24));
}
