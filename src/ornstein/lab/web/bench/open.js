// Open: drop a file, see what was taken for what, and change it.
import * as api from "../api.js";
import { h, replace } from "../dom.js";
import { number, say } from "../frame/frame.js";
import { extent } from "/views/arrays.js";
import { ensemble } from "/views/ensemble.js";
import { figure } from "./figure.js";
import { button, channelChoice, label, named, told, worker } from "./parts.js";
import { firstRows } from "./rows.js";
import { open, pictures, single } from "./state.js";

const SHORTEST = 4; // samples of a recording that can be cut into two windows
const EXAMPLES = ["heartbeats", "electricity", "cosines"];
const ACCEPTED = ".csv,.tsv,.txt,.npy,.npz,.wav,.edf,.bdf,.parquet";
const TABLES = /\.(csv|tsv|txt|parquet)$/i, ORIENTED = /\.(csv|tsv|txt|parquet|npy|npz)$/i;

export function opening(context) {
  const { hand, go } = context;
  const work = worker(), input = h("input", { type: "file", accept: ACCEPTED, hidden: true, onchange: () => input.files[0] && upload(input.files[0]) });
  const pick = button("bench.choose-file", () => input.click(), { class: "main" });
  const shelved = { largest: "…" }, formats = told("p", { class: "small" }, () => say("bench.formats", { limit: shelved.largest }));
  const zone = h("div", { class: "drop", ondragover: () => zone.classList.add("over"), ondragleave: () => zone.classList.remove("over") },
    told("p", { class: "lead" }, () => say("bench.drop")), h("p", {}, pick, input), formats);
  const examples = h("p", { class: "row" }, label("bench.or-example"), ...EXAMPLES.map((example) => button(`bench.example.${example}`, () => begin({ example }), { "data-example": example })));
  const shelf = h("ul", { class: "shelf" }), what = h("section", { class: "what" });
  list();
  if (hand.signals) describe();
  if (context.dropped) upload(context.dropped);
  context.dropped = null;

  async function upload(file) {
    const kept = await work.start((onEvent) => api.upload(file, (share) => onEvent({ is: "progress", share })), undefined, "bench.sending");
    input.value = "";
    if (kept) await begin({ file: kept.id });
    list();
  }

  async function begin(question) {
    if (await work.start((onEvent, onStart) => open(hand, question, onEvent, onStart), undefined, "bench.reading")) describe();
  }

  async function list() {
    const { files, largest } = await api.get("/api/files");
    shelved.largest = largest;
    formats.again();
    replace(shelf, files.reverse().map((file) => h("li", {},
      h("button", { type: "button", class: "quiet", onclick: () => begin({ file: file.id }) }, file.name),
      h("span", { class: "small" }, ` ${size(file.size)} `),
      button("bench.remove", async () => { await api.remove(`/api/files/${file.id}`); list(); }, { class: "quiet small" }))));
  }

  // What was opened: its picture, what was assumed, and the ways to read it differently.
  function describe() {
    const picture = figure("preview", () => {
      const curves = pictures(hand, hand.channel, 60);
      const rate = hand.signals.rate && (hand.signals.rate * curves[0].length) / hand.signals.shape[2];
      return [ensemble, { curves, chosen: single(hand) ? null : curves[0], tint: single(hand) ? "near" : "far", alpha: single(hand) ? 1 : 0.6, rate, y: extent(curves), unit: hand.signals.units[hand.channel] }];
    }, { alt: () => (single(hand) ? "recorded" : "preview") });
    const notes = [...hand.signals.notes], onward = single(hand) ? null : [button("bench.onward", () => go("explore"), { class: "main" }), button("bench.onward-fill", () => go("fill"), { id: "onward-fill" })];
    replace(what,
      h("div", { class: "row" }, channelChoice(hand, picture.redraw), onward),
      picture.element,
      firstRows(hand),
      notes.length ? h("div", { class: "note" }, told("h3", {}, () => say("bench.assumed")), h("ul", {}, notes.map((note) => h("li", {}, note)))) : null,
      hand.badCases.size ? told("p", { class: "small", id: "left-out" }, () => say("bench.left-out", { n: number(hand.badCases.size, 0) })) : null,
      single(hand) ? (hand.signals.shape[2] >= SHORTEST ? cutting() : told("p", { class: "note" }, () => say("bench.too-short"))) : null,
      differently());
  }

  // A recording becomes signals by being cut.
  function cutting() {
    const { shape, rate, asked } = hand.signals, whole = shape[2], usual = Math.round(rate >= 8 ? rate : whole / 100), guess = Math.min(Math.max(8, Math.min(usual, 512)), whole >> 1);
    const window = h("input", { type: "number", min: "2", max: String(whole), value: String(guess) });
    named(window, "bench.window");
    const seconds = told("span", { class: "small" }, () => (rate ? say("bench.lasts", { s: number(Number(window.value) / rate, 2) }) : ""));
    window.addEventListener("input", () => seconds.again());
    return h("div", { class: "note" }, told("p", {}, () => say("bench.one-recording")),
      h("p", { class: "row" }, label("bench.window"), window, seconds, button("bench.cut", () => begin({ ...asked, window: Number(window.value) }), { class: "main", id: "cut" }), button("bench.look", () => go("explore"), { class: "quiet" })));
  }

  function differently() {
    const { asked, name, channels, units } = hand.signals;
    if (!asked.file) return null;
    const fields = [];
    const field = (key, element) => { fields.push([key, element]); return h("label", { class: "field" }, label(`bench.read.${key}`), element); };
    const text = (key, hint = "") => field(key, h("input", { type: "text", value: asked[key] ?? "", placeholder: hint, size: "10" }));
    const whole = (key) => field(key, h("input", { type: "number", min: "1", value: asked[key] ?? "" }));
    const orient = h("select", {}, ["auto", "rows", "columns", "vectors"].map((way) => told("option", { value: way, selected: way === (asked.orient ?? "auto") }, () => say(`bench.orient.${way}`))));
    const form = h("form", { class: "fields", onsubmit: again },
      ORIENTED.test(name) ? field("orient", orient) : null,
      TABLES.test(name) ? [text("time", say("bench.none")), text("index", say("bench.none"))] : null,
      text("labels"),
      whole("window"), whole("hop"),
      field("rate", h("input", { type: "number", min: "0", step: "any", value: asked.rate ?? "" })),
      /\.npz$/i.test(name) ? text("key") : null,
      text("channels", channels.slice(0, 3).join(", ")),
      text("units", units.filter(Boolean).slice(0, 3).join(", ")),
      h("p", {}, told("button", { type: "submit", class: "main" }, () => say("bench.read-again"))));
    return h("details", {}, told("summary", {}, () => say("bench.differently")), form);

    function again(e) {
      e.preventDefault();
      const question = { file: asked.file };
      for (const [key, element] of fields) {
        const value = element.value.trim();
        if (!value || value === "auto") continue;
        question[key] = element.type === "number" ? Number(value) : key === "channels" || key === "units" ? value.split(/\s*[,，]\s*/) : value;
      }
      begin(question);
    }
  }

  const leave = hand.on((event) => { if (event === "signals") describe(); });
  return { elements: [zone, examples, work.element, what, shelf], leave };
}

function size(bytes) {
  const units = ["B", "KB", "MB", "GB"], k = Math.min(Math.floor(Math.log10(Math.max(bytes, 1)) / 3), 3);
  return number(bytes / 1000 ** k, k ? 1 : 0, units[k]);
}
