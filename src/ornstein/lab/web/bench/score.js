// Score: which signals are odd, and where in them.
import * as api from "../api.js";
import { h, replace } from "../dom.js";
import { number, say } from "../frame/frame.js";
import { extent, row } from "/views/arrays.js";
import { oddness, ranks } from "/views/ranked.js";
import { spot } from "/views/surface.js";
import { figure } from "./figure.js";
import { button, channelChoice, takeaway, told, worker } from "./parts.js";
import { known, length } from "./state.js";

const LISTED = 8;

export function score({ hand, go }) {
  const work = worker(), away = h("p", { class: "row small" }), list = known(hand), t = length(hand), scene = { found: null, rank: 0 };
  if (!list.includes(hand.channel)) hand.channel = list[0];
  const channel = channelChoice(hand, () => detail.redraw(), () => list);
  const table = h("ol", { class: "ranking" });
  const overview = figure("ranks", () => scene.found && [ranks, { nats: scene.found.arrays.nats, order: scene.found.arrays.order, p: fair() ? (scene.found.arrays.p ?? null) : null, chosen: scene.rank }], { interactive: true });
  const detail = figure("oddness", () => {
    if (!scene.found || scene.rank >= scene.found.arrays.odd.rows) return null;
    const at = list.indexOf(hand.channel) * t, part = (matrix) => row(matrix, scene.rank).subarray(at, at + t), curve = part(scene.found.arrays.odd);
    return [oddness, { curve, nats: part(scene.found.arrays.where), rate: hand.signals.rate, y: extent([curve], 0.1), unit: hand.signals.units[hand.channel] }];
  });
  const sentence = told("p", { class: "lead", id: "oddest" }, () => said());

  // The law has seen these signals, and no laws were kept that have not.
  const fair = () => scene.found.held_out || hand.model.asked.signals !== hand.signals.id;

  function said() {
    if (!scene.found) return "";
    const { order, nats, p } = scene.found.arrays, k = order[scene.rank], values = { k: number(k + 1, 0), nats: number(nats[k], 1), rank: number(scene.rank + 1, 0), n: number(order.length, 0) };
    if (scene.found.held_out) return say("bench.odd-held", { ...values, p: number(100 * p[k], 1) });
    if (!fair()) return say("bench.odd-seen", values);
    return p ? say("bench.odd-p", { ...values, p: number(100 * p[k], 1) }) : say("bench.odd", values);
  }

  function choose(rank) {
    scene.rank = Math.min(Math.max(rank, 0), scene.found.arrays.order.length - 1);
    sentence.again();
    overview.redraw();
    detail.redraw();
    [...table.children].forEach((entry, k) => entry.classList.toggle("on", k === scene.rank));
  }

  overview.canvas.addEventListener("pointerdown", (e) => {
    const { box } = overview.plot(), part = (spot(overview.canvas, e)[0] - box.left) / (box.right - box.left);
    choose(Math.round(part * scene.found.arrays.order.length - 0.5));
  });
  overview.canvas.addEventListener("keydown", (e) => {
    const step = { ArrowRight: 1, ArrowLeft: -1, Home: -1e9, End: 1e9 }[e.key];
    if (!step || !scene.found) return;
    e.preventDefault();
    choose(scene.rank + step);
  });

  work.start(async (onEvent, onStart) => {
    const gone = hand.model.asked.without_channels;
    const job = await api.job({ kind: "score", model: hand.model.id, signals: hand.signals.id, ...(gone ? { without_channels: gone } : {}) }, onEvent, onStart, false);
    return job && { id: job.id, ...(await api.part(job.id)) };
  }).then((found) => {
    if (!found) return;
    scene.found = found;
    const { order, nats } = found.arrays;
    replace(table, Array.from(order.slice(0, LISTED), (k, rank) => h("li", {}, told("button", { type: "button", class: "quiet", onclick: () => choose(rank) }, () => say("bench.signal-k", { k: number(k + 1, 0) })), h("span", { class: "now" }, ` ${number(nats[k], 1)}`))));
    replace(away, [...takeaway(found.id, ["scores.csv"]), button("bench.fill-it", () => { hand.case = order[scene.rank]; go("fill"); }, { class: "quiet" })]);
    overview.canvas.dataset.first = String(nats[order[0]]);
    choose(0);
  });
  return { elements: [sentence, overview.element, h("div", { class: "row" }, channel), detail.element, table, work.element, away] };
}
