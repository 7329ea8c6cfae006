// Pieces that several steps share: a sentence of a job's progress, things to take away, a choice of signal and channel.
import * as api from "../api.js";
import { h, replace } from "../dom.js";
import { joined, number, onChange, say } from "../frame/frame.js";
import { COMPUTED, cases, channels, entries } from "./state.js";

// Text that is written again when the language changes. ``write`` returns a string or nodes.
export function told(tag, attributes, write) {
  const element = h(tag, attributes);
  const again = () => replace(element, write() ?? "");
  follow(element, again);
  again();
  return Object.assign(element, { again });
}

// Call ``again`` when language, theme or size change, for as long as the element is on the page.
export function follow(element, again) {
  let seen = false;
  const off = onChange(() => {
    seen ||= element.isConnected;
    if (seen && !element.isConnected) off();
    else again();
  });
}

// The name that a screen reader says, in the language of the moment.
export function named(element, key) {
  const again = () => element.setAttribute("aria-label", say(key));
  follow(element, again);
  again();
  return element;
}

export const label = (key, attributes = {}) => told("span", attributes, () => say(key));

export function button(key, onclick, attributes = {}) {
  return told("button", { type: "button", onclick, ...attributes }, () => say(key));
}

// Runs one job at a time; says how far it is, how long it will take, and what went wrong.
export function worker({ stoppable = false } = {}) {
  let doing = () => "";
  const bar = h("progress", { max: "1" }), text = told("span", { class: "now" }, () => doing());
  const says = (write) => { doing = write; text.again(); };
  const stop = button("bench.cancel", () => run.id && api.post(`/api/jobs/${run.id}/cancel`), { class: "quiet" });
  const enough = stoppable ? button("bench.enough", () => run.id && api.post(`/api/jobs/${run.id}/enough`), { class: "quiet" }) : null;
  const busy = h("div", { class: "busy", hidden: true }, bar, text, enough, stop);
  const problem = h("p", { class: "problem", role: "alert", hidden: true });
  const run = { id: null, turn: 0, element: h("div", { class: "work", "aria-live": "polite" }, busy, problem) };

  // ``work(onEvent, onStart)`` begins the job; an earlier one of this place is cancelled. Returns what it returned, or null.
  // Where nothing says how far it is, ``word`` and the seconds so far do.
  run.start = async (work, onEvent = () => {}, word = "bench.working") => {
    const turn = ++run.turn, began = performance.now();
    if (run.id) api.post(`/api/jobs/${run.id}/cancel`).catch(() => {});
    run.id = null;
    problem.hidden = true;
    const late = setTimeout(() => { if (turn === run.turn) busy.hidden = false; }, 250);
    bar.removeAttribute("value");
    says(() => say(word));
    const ticking = setInterval(() => {
      if (turn === run.turn && bar.position < 0 && run.id) says(() => say("bench.so-far", { what: say(word), s: number((performance.now() - began) / 1000, 0) }));
    }, 1000);
    try {
      const found = await work((event) => {
        if (turn !== run.turn) return;
        if (event.is === "queued" || event.is === "started") says(() => say(event.is === "queued" ? "bench.queued" : word));
        if (event.is === "progress") {
          says(() => left(event.share, performance.now() - began) || event.note || say(word));
          if (event.share) bar.value = event.share;
        }
        onEvent(event);
      }, (id) => { if (turn === run.turn) run.id = id; });
      return turn === run.turn ? found : null;
    } catch (error) {
      if (turn === run.turn) {
        problem.textContent = error.message || say("bench.gone");
        problem.hidden = false;
      }
      return null;
    } finally {
      clearTimeout(late);
      clearInterval(ticking);
      if (turn === run.turn) {
        run.id = null;
        busy.hidden = true;
      }
    }
  };
  return run;
}

// One line on why an answer does not follow the hand, and how long the last one took: "" where the page answers itself.
export function slow(hand, exact) {
  let took = 0;
  const line = told("p", { class: "small", id: "by-job" }, () => {
    if (exact) return "";
    const why = hand.model.gaussian ? say("bench.by-job-large", { n: number(entries(hand), 0), most: number(COMPUTED, 0) }) : say("bench.by-job-law");
    return joined(why, took && say("bench.by-job-took", { s: number(took, 1) }));
  });
  // Runs ``work`` and keeps its seconds.
  line.timed = async (work) => {
    const began = performance.now(), found = await work();
    if (found) took = (performance.now() - began) / 1000;
    line.again();
    return found;
  };
  return line;
}

function left(share, elapsed) {
  if (!share || share < 0.03 || elapsed < 1500) return "";
  const seconds = (elapsed / 1000) * (1 / share - 1);
  return seconds > 90 ? say("bench.minutes-left", { n: number(seconds / 60, 0) }) : say("bench.seconds-left", { n: number(Math.ceil(seconds), 0) });
}

// Links to what a job wrote, and to the script that does the same.
export function takeaway(id, files, script = true) {
  const link = (href, text) => h("a", { href, download: text, class: "file" }, h("span", { "aria-hidden": "true" }, "↓ "), text);
  return [...files.map((name) => link(`/api/jobs/${id}/files/${name}`, name)), script && link(`/api/jobs/${id}/script`, "done.py")];
}

// Which signal: earlier, later, its number; arrow keys where the figure has the focus. ``changed`` is called with the new number.
export function chooser(hand, changed) {
  const back = h("button", { type: "button", class: "quiet", onclick: () => move(-1) }, "‹");
  const next = h("button", { type: "button", class: "quiet", onclick: () => move(1) }, "›");
  const where = told("span", { class: "now" }, () => (hand.signals ? say("bench.signal-of", { k: number(hand.case + 1, 0), n: number(cases(hand), 0) }) : ""));
  const element = h("span", { class: "chooser" }, back, where, next);
  follow(element, names);
  names();
  function names() {
    back.setAttribute("aria-label", say("bench.previous"));
    next.setAttribute("aria-label", say("bench.next"));
  }
  function move(step) {
    hand.case = (hand.case + step + cases(hand)) % cases(hand);
    where.again();
    changed(hand.case);
  }
  return Object.assign(element, { move, again: () => where.again() });
}

// Which channel, where there are several.
export function channelChoice(hand, changed, list = () => hand.signals.channels.map((_, k) => k)) {
  const select = h("select", { onchange: () => { hand.channel = Number(select.value); changed(); } });
  const element = h("label", { class: "field" }, label("bench.channel"), select);
  const fill = () => {
    element.hidden = !hand.signals || channels(hand) < 2;
    if (!hand.signals) return;
    replace(select, list().map((k) => h("option", { value: String(k), selected: k === hand.channel }, hand.signals.channels[k])));
  };
  fill();
  return Object.assign(element, { again: fill });
}

// A slider with its value beside it. ``oninput`` while it moves, ``onchange`` when it rests.
export function slider(key, { min, max, step = 1, value, shown = (v) => number(v, 0), oninput = () => {}, onchange = () => {} }) {
  const output = h("output"), input = h("input", { type: "range", min: String(min), max: String(max), step: String(step), value: String(value) });
  const again = () => { output.textContent = shown(Number(input.value)); input.setAttribute("aria-valuetext", output.textContent); };
  input.addEventListener("input", () => { again(); oninput(Number(input.value)); });
  input.addEventListener("change", () => onchange(Number(input.value)));
  const element = h("label", { class: "field" }, label(key), input, output);
  follow(element, again);
  again();
  return Object.assign(element, { input, again, value: () => Number(input.value), set(v) { input.value = String(v); again(); } });
}

// One of a few, all of them in sight.
export function segments(key, names, value, changed, prefix) {
  const group = `g${Math.trunc(performance.now() * 1000)}${names.length}`;
  const radios = names.map((name) => {
    const input = h("input", { type: "radio", name: group, value: name, checked: name === value, onchange: () => changed(name) });
    return h("label", { class: "segment" }, input, label(`${prefix}.${name}`));
  });
  return h("fieldset", { class: "segments" }, told("legend", {}, () => say(key)), ...radios);
}
