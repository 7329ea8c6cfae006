// Parts of a chapter as elements: texts, side notes, and figures with their panels, controls, formulas and what can be taken away.
import { h } from "../dom.js";
import { say } from "../frame/frame.js";
import { controlled } from "./controls.js";
import { asCsv, asPng, asSvg } from "./take.js";
import { program } from "./python.js";

const written = (tag, key, attributes = {}) => h(tag, { "data-t": key, ...attributes });
const formula = (name) => written("div", `formula.${name}`, { class: "formula" });

// ``page`` answers for what the parts need: of (the present scene and state), set (change the state), watch (a canvas, its panel).
export function part(item, page) {
  if (item.is === "text") return written("p", item.key);
  if (item.is === "title") return written("h2", item.key);
  if (item.is === "pair") return h("div", { class: "pair" }, item.figures.map((figure) => figured(figure, page)));
  if (item.is === "training") return page.training();
  if (item.is === "slip") {
    return h("aside", { class: "note", id: item.id }, written("h3", `${item.key}.title`), written("p", `${item.key}.text`), item.formula && formula(item.formula));
  }
  return figured(item, page);
}

function figured(figure, page) {
  const canvases = figure.panels.map((asked) => {
    const canvas = h("canvas", { role: "img", "data-view": asked.view, "data-alt": asked.alt, class: asked.tall ? "tall" : null });
    page.watch(canvas, asked);
    return asked.hand ? h("div", { class: "hand" }, canvas, h("p", { class: "hint", "data-t": `hand.${asked.hand}` })) : canvas;
  });
  const caption = h("figcaption", {}, figure.mark && h("b", {}, figure.mark), " ", written("span", figure.caption));
  return h("figure", { id: `fig-${figure.id}` }, figure.control && controlled(figure.control, page),
    h("div", { class: `panels ${figure.layout}` }, canvases), figure.formulas.map(formula), caption, taken(figure, page));
}

// What a reader may take away: the Python of the figure, its picture, its numbers.
function taken(figure, page) {
  const button = (word, act) => h("button", { type: "button", class: "quiet", "data-say": word, "aria-label": null, onclick: act }, say(word));
  const code = h("pre", { tabindex: "0" }), copied = h("button", { type: "button", class: "quiet", "data-say": "take.copy", onclick: () => navigator.clipboard?.writeText(code.textContent) }, say("take.copy"));
  const shown = figure.python && h("details", { class: "python", "data-python": figure.python, ontoggle: () => write() }, h("summary", { "data-say": "take.python" }, say("take.python")), code, copied);
  const write = async () => { if (shown.open) code.textContent = await program(figure.python, page.of()); };
  if (shown) page.follow(write);
  return h("div", { class: "take" }, shown, button("take.svg", () => asSvg(figure, page)), button("take.png", () => asPng(figure, page)), button("take.csv", () => asCsv(figure, page)));
}
