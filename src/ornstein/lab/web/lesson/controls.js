// The few controls that a figure has beside the clock.
import { h } from "../dom.js";
import { say } from "../frame/frame.js";
import { CALLS } from "./scene.js";

const label = (word, ...inside) => h("p", { class: "control" }, h("label", { "data-say": word }, say(word)), " ", ...inside);

// A slider on a number of the state; ``shown`` is the live number that it shows.
function slider(name, word, shown, digits, limits, page) {
  const range = h("input", { type: "range", id: `control-${name}`, "data-aria": word, "aria-label": say(word), ...limits(page), oninput: () => page.set({ [name]: Number(range.value) }) });
  page.follow((state) => { Object.entries(limits(page)).forEach(([k, v]) => range.setAttribute(k, v)); range.value = state[name]; });
  return label(word, range, h("output", {}, h("span", { "data-live": shown, "data-digits": digits })));
}

function choice(name, word, options, page) {
  const buttons = options.map(([value, text]) => {
    const radio = h("input", { type: "radio", name: `control-${name}`, value, onchange: () => page.set({ [name]: value }) });
    const box = h("label", {}, radio, " ", h("span", { "data-say": text }, say(text)));
    page.follow((state) => {
      radio.checked = state[name] === value || (name === "law" && options.length === 2 && value === "ensemble" && state.law !== "kernel");
      box.hidden = value === "learned" && !page.of().scene.training;
    });
    return box;
  });
  return h("fieldset", { class: "control" }, h("legend", { "data-say": word }, say(word)), buttons);
}

const LAWS = [["one", "law.one"], ["learned", "law.learned"], ["kernel", "law.kernel"], ["ensemble", "law.ensemble"]];
const jump = (t) => (page) => h("p", { class: "control" }, h("button", { type: "button", class: "quiet", onclick: () => page.jump(t) }, "t → ", String(t)));

const CONTROLS = {
  jump20: jump(20),
  jump100: jump(100),
  copies: (page) => slider("n", "control.copies", "n", 0, () => ({ min: "1", max: "50", step: "1" }), page),
  moment: (page) => slider("moment", "control.moment", "moment", 0, ({ of }) => ({ min: "0", max: String(Math.max((of().scene.training?.moments.length ?? 1) - 1, 0)), step: "1" }), page),
  dimension: (page) => slider("dimension", "control.dimension", "dimension", 0, ({ of }) => ({ min: "0", max: String(of().scene.d - 1), step: "1" }), page),
  calls: (page) => slider("calls", "control.calls", "calls", 0, () => ({ min: "0", max: String(CALLS.length - 1), step: "1" }), page),
  law: (page) => choice("law", "control.law", LAWS, page),
  gaussian: (page) => choice("law", "control.law", LAWS.slice(2), page),
  measurement: (page) => h("div", { class: "controls" }, choice("law", "control.law", LAWS.slice(2), page), slider("noise", "control.noise", "noise", 2, () => ({ min: "0.05", max: "1", step: "0.05" }), page)),
  straighten: (page) => h("p", { class: "control" }, h("button", { type: "button", class: "quiet", "data-say": "control.straighten", onclick: () => page.set({ bend: null }) }, say("control.straighten"))),
};

export const controlled = (name, page) => CONTROLS[name](page);
