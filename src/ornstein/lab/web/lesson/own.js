// The reader's own curve: drawn with the mouse or by keys, a row of a file, or five random cosines.
import { pad } from "/views/pad.js";
import { dragged, heightAt, placeAt } from "/views/pointer.js";
import { spot } from "/views/surface.js";
import { h } from "../dom.js";
import { post } from "../api.js";
import { number, onChange, say, surface } from "../frame/frame.js";
import { speakIn } from "./prose.js";
import { FEWEST, completed, rowsOf, stroke } from "/views/strokes.js";

const POINTS = 100;
const STEP = 0.1;

export function ownCurve(chosen) {
  let values = new Float32Array(POINTS).fill(NaN), last = null, pen = null, rows = [], plot = null;
  const canvas = h("canvas", { id: "pad", role: "application", tabindex: "0", "data-alt": "own.pad" });
  const problem = h("p", { class: "problem", role: "alert" });
  const use = h("button", { type: "button", class: "main", id: "use-drawing", disabled: true, "data-say": "own.use", onclick: () => keep(completed(values)) }, say("own.use"));
  const clear = h("button", { type: "button", class: "quiet", "data-say": "own.clear", onclick: () => { values.fill(NaN); last = null; draw(); } }, say("own.clear"));
  const file = h("input", { type: "file", id: "own-file", accept: ".csv,.txt,.tsv", hidden: true, onchange: () => file.files[0] && read(file.files[0]) }), named = h("span");
  const choose = h("button", { type: "button", class: "quiet", "data-say": "bench.choose-file", onclick: () => file.click() }, say("bench.choose-file"));
  const row = h("input", { type: "range", min: "0", value: "0", "data-aria": "own.row", "aria-label": say("own.row"), oninput: () => pick() });
  const shown = h("output"), useRow = h("button", { type: "button", class: "main", id: "use-row", "data-say": "own.use", onclick: () => keep(rows[Number(row.value)]) }, say("own.use"));
  const picked = h("p", { class: "control", hidden: true }, h("label", { "data-say": "own.row" }, say("own.row")), " ", row, shown, " ", useRow);
  const close = h("button", { type: "button", class: "quiet close", "data-say": "own.close", onclick: () => element.close() }, say("own.close"));
  const standard = h("button", { type: "button", class: "quiet", id: "use-cosines", "data-say": "own.cosines", onclick: () => { element.close(); chosen(null, null); } }, say("own.cosines"));
  const element = h("dialog", { id: "own", "aria-labelledby": "own-title" },
    h("h2", { id: "own-title", "data-say": "own.title" }, say("own.title")), canvas, h("p", { class: "hint", "data-t": "own.hint" }),
    h("p", { class: "control" }, use, " ", clear), h("p", { class: "control" }, h("span", { "data-say": "own.file" }, say("own.file")), " ", choose, named, file), picked, problem,
    h("p", { class: "control" }, standard, close));

  function draw() {
    plot = pad(surface(canvas), { values, pen });
    use.disabled = completed(values) === null;
  }

  const place = (event) => {
    const [x, y] = spot(canvas, event);
    return [placeAt(plot, x, POINTS), Math.min(Math.max(heightAt(plot, y), -1), 1)];
  };
  const put = (event, from) => {
    const next = place(event);
    stroke(values, from ?? next, next);
    last = next;
    draw();
  };
  dragged(canvas, (event) => put(event, null), (event) => put(event, last));
  // by keys: arrows move the pen, and with Space down it draws
  canvas.addEventListener("keydown", (event) => {
    const move = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, STEP], ArrowDown: [0, -STEP] }[event.key];
    if (!move) return;
    event.preventDefault();
    const from = pen ? [Math.round(pen[0] * (POINTS - 1)), pen[1]] : [0, 0];
    const to = [Math.min(Math.max(from[0] + (event.shiftKey ? 5 : 2) * move[0], 0), POINTS - 1), Math.min(Math.max(from[1] + move[1], -1), 1)];
    if (move[0]) stroke(values, from, to);
    pen = [to[0] / (POINTS - 1), to[1]];
    draw();
  });

  async function read(chosenFile) {
    named.textContent = chosenFile.name;
    rows = rowsOf(await chosenFile.text());
    file.value = "";
    problem.textContent = rows.length ? "" : say("own.no-rows", { points: number(FEWEST, 0) });
    picked.hidden = !rows.length;
    row.max = String(Math.max(rows.length - 1, 0));
    if (rows.length) pick();
  }

  function pick() {
    const found = rows[Number(row.value)], low = Math.min(...found), high = Math.max(...found), half = (high - low) / 2 || 1;
    values = Float32Array.from(found, (v) => (v - low) / half - 1);
    shown.textContent = say("own.of", { row: number(Number(row.value) + 1, 0), rows: number(rows.length, 0), points: number(found.length, 0) });
    pad(surface(canvas), { values });
  }

  async function keep(found) {
    problem.textContent = "";
    try {
      const { id } = await post("/api/curves", { values: Array.from(found) });
      element.close();
      values = new Float32Array(POINTS).fill(NaN);
      chosen(id, found);
    } catch (error) {
      problem.textContent = error.message || say("frame.gone");
    }
  }

  const again = () => element.open && draw();
  onChange(again);
  new ResizeObserver(again).observe(canvas);

  return { element, open() { speakIn(element); element.showModal(); pen = null; draw(); canvas.focus(); } };
}
