// Explore: the signals, their covariance, and how many directions they really take.
import * as api from "../api.js";
import { h, replace } from "../dom.js";
import { joined, number, say } from "../frame/frame.js";
import { extent } from "/views/arrays.js";
import { eigenvalues } from "/views/edge.js";
import { ensemble } from "/views/ensemble.js";
import { heat } from "/views/heat.js";
import { figure } from "./figure.js";
import { channelChoice, takeaway, told, worker } from "./parts.js";
import { recording } from "./recording.js";
import { length, pictures, single } from "./state.js";

const LONG = 4096; // samples from which a signal is looked at page by page

export function explore({ hand }) {
  const elements = [], work = worker();
  let found = null, id = null;
  if (length(hand) >= LONG || single(hand)) elements.push(...recording(hand));
  if (single(hand)) return { elements };

  const choice = channelChoice(hand, () => signals.redraw());
  const signals = figure("signals", () => {
    const curves = pictures(hand, hand.channel, 80), whole = curves[0].length === length(hand);
    const part = (values) => values.slice(hand.channel * length(hand), (hand.channel + 1) * length(hand));
    const common = found && whole ? { mean: part(found.arrays.mean), deviation: part(found.arrays.deviation) } : {};
    return [ensemble, { curves, ...common, rate: hand.signals.rate && (hand.signals.rate * curves[0].length) / length(hand), y: extent(curves), unit: hand.signals.units[hand.channel] }];
  });
  const matrix = figure("covariance", () => found?.arrays.correlation && [heat, { matrix: found.arrays.correlation, low: -1, high: 1 }], { tall: true });
  const spectrum = figure("spectrum", () => found && [eigenvalues, { values: found.arrays.eigenvalues, edge: found.edge, above: found.above ?? 0 }], { tall: true });
  const say1 = told("p", { class: "lead" }, () => (found ? sentence(found) : ""));
  const away = h("p", { class: "row small" });
  elements.push(h("div", { class: "row" }, choice), signals.element, work.element, say1, h("div", { class: "pair" }, matrix.element, spectrum.element), away);

  work.start(async (onEvent, onStart) => {
    const job = await api.job({ kind: "explore", signals: hand.signals.id }, onEvent, onStart, false);
    return job && { id: job.id, ...(await api.part(job.id)) };
  }).then((result) => {
    if (!result) return;
    ({ id, ...found } = result);
    say1.again();
    say1.dataset.effective = found.effective;
    [signals, matrix, spectrum].forEach((each) => each.redraw());
    replace(away, takeaway(id, []));
  });
  return { elements };
}

function sentence({ size, effective, ninety, above, edge, reason }) {
  const first = say("bench.rank", { size: number(size, 0), effective: number(effective, 1), ninety: number(ninety, 0) });
  return joined(first, above === null ? say(`bench.no-edge.${reason}`) : say(edge === null ? "bench.above-least" : "bench.above", { above: number(above, 0) }));
}
