// Calibrate: whether the bands hold, on signals that the law has not seen.
import * as api from "../api.js";
import { h } from "../dom.js";
import { joined, number, say } from "../frame/frame.js";
import { coverage, rankings } from "/views/honest.js";
import { figure } from "./figure.js";
import { button, told, worker } from "./parts.js";
import { leftOut } from "./state.js";

// The level at which coverage is farthest from what was promised.
const farthest = ({ level, value }) => level.reduce((best, v, k) => (Math.abs(value[k] - v) > Math.abs(value[best] - level[best]) ? k : best), 0);

// A network is checked as it was trained, on what it was trained without.
function ofModel({ id, asked }) {
  const left = Object.fromEntries(["without_channels", "without_cases"].filter((name) => asked[name]).map((name) => [name, asked[name]]));
  return { model: id, ...left };
}

export function calibrate({ hand }) {
  const work = worker(), scene = { found: null }, recipe = hand.model?.asked.recipe ?? "gaussian", network = recipe === "network";
  const covered = figure("coverage", () => scene.found && [coverage, scene.found.arrays], { tall: true });
  const ranked = figure("histogram", () => scene.found && [rankings, { density: scene.found.arrays.histogram, tolerance: scene.found.tolerance }], { tall: true });
  const sentence = told("p", { class: "lead", id: "honest" }, () => said());

  async function check(again) {
    const question = { kind: "calibrate", signals: hand.signals.id, recipe, ...(network ? ofModel(hand.model) : leftOut(hand)) };
    const found = await work.start(async (onEvent, onStart) => {
      const job = await api.job(question, onEvent, onStart, again);
      return job && (job.cases ? api.part(job.id) : { cases: 0 });
    });
    if (!found) return;
    scene.found = found.cases ? found : null;
    scene.few = !found.cases;
    sentence.again();
    [covered, ranked].forEach((each) => each.redraw());
  }

  function said() {
    if (scene.few) return say(network ? "bench.too-few-network" : "bench.too-few");
    if (!scene.found) return "";
    const { cases, p, arrays, fillings } = scene.found, k = farthest(arrays), gain = 1 - fillings.model[0] / fillings.linear[0];
    sentence?.setAttribute("data-p", String(p));
    const verdict = p >= 0.05 ? say("bench.honest") : say(arrays.value[k] < arrays.level[k] ? "bench.narrow" : "bench.wide");
    return joined(say("bench.covered", { promised: number(100 * arrays.level[k], 0), held: number(100 * arrays.value[k], 1), cases: number(cases, 0) }), verdict, say(gain < 0 ? "bench.loss" : "bench.gain", { gain: number(Math.abs(100 * gain), 0) }));
  }

  check(false);
  return { elements: [told("p", {}, () => say(network ? "bench.calibrate-network" : "bench.calibrate-what")), h("p", {}, button("bench.check", () => check(true), { id: "check" })), work.element, sentence, h("div", { class: "pair" }, covered.element, ranked.element)] };
}
