// The workbench: open, explore, fit, and use a law of one's own signals; one step in sight at a time, all of them in the address.
import { h, replace } from "../dom.js";
import { joined, number, state as address, say } from "../frame/frame.js";
import { calibrate } from "./calibrate.js";
import { condition } from "./condition.js";
import { explore } from "./explore.js";
import { fill } from "./fill.js";
import { fitting } from "./fit.js";
import { opening } from "./open.js";
import { label, named, told, worker } from "./parts.js";
import { sample } from "./sample.js";
import { score } from "./score.js";
import { COMPUTED, entries, fit, hand as empty, open, single, take, taught } from "./state.js";

const STEPS = { open: opening, explore, fit: fitting, fill, sample, score, condition, calibrate };
const NEEDS_MODEL = new Set(["fill", "sample", "score", "condition"]);
const UNITS = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];
const SLOW = 0.1; // samples per second below which seconds per sample are easier to read
const FIRST = ["heartbeats", "cosines"]; // what is shown to who has opened nothing yet, as lab/first.py begins it

export async function show(root) {
  const hand = empty(), work = worker(), panel = h("div", { class: "panel", id: "panel" });
  const about = told("p", { class: "about" }, () => sentence(hand));
  const tabs = Object.keys(STEPS).map((name) => h("a", { href: `?step=${name}`, "data-step": name, onclick: (e) => { e.preventDefault(); go(name); } }, label(`bench.step.${name}`)));
  root.classList.add("bench");
  replace(root, told("h1", {}, () => say("bench.title")), about, named(h("nav", { class: "steps" }, ...tabs), "bench.stages"), work.element, panel);
  const context = { hand, go, work, dropped: null };
  let shown = null, leave = () => {}, begun = false;

  function go(name) {
    const wanted = name in STEPS ? name : "open";
    shown = wanted;
    address.set("step", wanted);
    for (const tab of tabs) {
      const on = tab.dataset.step === wanted;
      tab.setAttribute("aria-current", on ? "step" : "false");
      tab.classList.toggle("off", !ready(tab.dataset.step));
    }
    leave();
    const page = !hand.signals && wanted !== "open" ? null : !ready(wanted) ? missing(wanted) : STEPS[wanted](context);
    leave = page?.leave ?? (() => {});
    replace(panel, page?.elements ?? []);
    panel.dataset.step = wanted;
  }

  const ready = (name) => name === "open" || (hand.signals && (!NEEDS_MODEL.has(name) || hand.model) && (name === "explore" || !single(hand)));

  function missing(name) {
    const key = single(hand) ? "bench.needs-windows" : "bench.needs-model";
    const to = single(hand) ? "open" : "fit";
    return { elements: [h("p", { class: "lead" }, label(key)), h("p", {}, h("button", { type: "button", class: "main", onclick: () => go(to) }, label(`bench.to-${to}`)))] };
  }

  // A file is opened wherever on the page it is dropped; a browser would leave the page for it.
  document.addEventListener("dragover", (e) => e.preventDefault());
  document.addEventListener("drop", (e) => {
    e.preventDefault();
    [context.dropped = null] = e.dataTransfer.files;
    if (context.dropped) go("open");
  });

  hand.on((what) => {
    about.again();
    root.dataset.signals = hand.signals?.id ?? "";
    root.dataset.model = hand.model?.id ?? "";
    if (!begun) return;
    if (what === "signals" && !single(hand) && entries(hand) <= COMPUTED) first();
    if (what === "signals" || NEEDS_MODEL.has(shown)) go(shown ?? "open");
    else for (const tab of tabs) tab.classList.toggle("off", !ready(tab.dataset.step));
  });

  // A Gaussian is a matter of a second, so it is there before anyone asks.
  const first = () => work.start((onEvent, onStart) => fit(hand, { recipe: "gaussian" }, onEvent, onStart, false));

  const wanted = address.get("step"), signals = address.get("signals"), model = address.get("model");
  if (signals) {
    try {
      await take(hand, signals);
      if (model) await taught(hand, model);
    } catch {
      address.set("signals", null);
    }
  }
  begun = true;
  go(wanted ?? "open");
  if (hand.signals && !hand.model && ready("fit") && entries(hand) <= COMPUTED) first();
  for (const example of FIRST) {
    if (hand.signals) break;
    await work.start((onEvent, onStart) => open(hand, { example }, onEvent, onStart, false));
  }
}

// Seconds in the largest unit of which they are one or more.
function lasting(seconds) {
  const [unit, per] = UNITS.find(([, s]) => seconds >= s) ?? UNITS.at(-1), v = seconds / per;
  return number(v, v % 1 ? 2 : 0, unit);
}

// What is in hand, in one sentence.
function sentence({ signals, model }) {
  if (!signals) return say("bench.nothing");
  const [n, c, m] = signals.shape, name = signals.asked.example ? say(`bench.example.${signals.name}`) : signals.name;
  const slow = signals.rate && signals.rate < SLOW, rounded = (v) => number(v, v % 1 ? 2 : 0);
  const rate = slow ? say("bench.every", { s: lasting(1 / signals.rate) }) : signals.rate ? say("bench.at-rate", { rate: rounded(signals.rate) }) : "";
  const what = say(n === 1 ? "bench.about-recording" : c === 1 ? "bench.about-one" : "bench.about-many", { name, n: number(n, 0), c: number(c, 0), m: number(m, 0), rate });
  return joined(what, model && say("bench.about-model", { law: say(`bench.recipe.${model.asked.recipe}`) }));
}
