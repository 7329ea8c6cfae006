// The reader's own curve: drawn with the mouse or by keys, a row of a file, or five random cosines.
import { pad } from "/views/pad.js";
import { h } from "../dom.js";
import { post } from "../api.js";
import { number, say, surface } from "../frame/frame.js";
import { speakIn } from "./prose.js";

const POINTS = 100;
const FEWEST = 8;
const STEP = 0.1;

// What a pointer drew between two events: every point in between, by a straight line.
export function stroke(values, from, to) {
  const [a, b] = from[0] <= to[0] ? [from, to] : [to, from];
  for (let i = a[0]; i <= b[0]; i++) values[i] = b[0] === a[0] ? to[1] : a[1] + ((i - a[0]) / (b[0] - a[0])) * (b[1] - a[1]);
}

// A whole curve from what was drawn: straight lines over what was left out, the first and last value beyond the ends.
export function completed(values) {
  const known = Array.from(values, (v, i) => [i, v]).filter(([, v]) => !Number.isNaN(v));
  if (known.length < 2) return null;
  const whole = Float64Array.from(values);
  whole.fill(known[0][1], 0, known[0][0]);
  known.slice(1).forEach((entry, k) => stroke(whole, known[k], entry));
  whole.fill(known[known.length - 1][1], known[known.length - 1][0] + 1);
  return whole.every((v) => v === whole[0]) ? null : whole;
}

// Rows of numbers of a text file; one number a line is one row. Lines that are no numbers are headers.
export function rowsOf(text) {
  const lines = text.split(/\r?\n/).map((line) => line.trim()).filter(Boolean).map((line) => line.split(/[,;\t ]+/).map(Number));
  const found = lines.filter((row) => row.every((v) => Number.isFinite(v)));
  if (found.length && found.every((row) => row.length === 1)) return [found.map(([v]) => v)];
  return found.filter((row) => row.length >= FEWEST);
}

export function ownCurve(chosen) {
  let values = new Float32Array(POINTS).fill(NaN), last = null, pen = null, rows = [], plot = null;
  const canvas = h("canvas", { id: "pad", role: "application", tabindex: "0", "data-alt": "own.pad" });
  const problem = h("p", { class: "problem", role: "alert" });
  const use = h("button", { type: "button", class: "main", id: "use-drawing", disabled: true, "data-say": "own.use", onclick: () => keep(completed(values)) }, say("own.use"));
  const clear = h("button", { type: "button", class: "quiet", "data-say": "own.clear", onclick: () => { values.fill(NaN); last = null; draw(); } }, say("own.clear"));
  const file = h("input", { type: "file", id: "own-file", accept: ".csv,.txt,.tsv", onchange: () => file.files[0] && read(file.files[0]) });
  const row = h("input", { type: "range", min: "0", value: "0", "data-aria": "own.row", "aria-label": say("own.row"), oninput: () => pick() });
  const shown = h("output"), useRow = h("button", { type: "button", class: "main", "data-say": "own.use", onclick: () => keep(rows[Number(row.value)]) }, say("own.use"));
  const picked = h("p", { class: "control", hidden: true }, h("label", { "data-say": "own.row" }, say("own.row")), " ", row, shown, " ", useRow);
  const close = h("button", { type: "button", class: "quiet close", "data-say": "own.close", onclick: () => element.close() }, say("own.close"));
  const standard = h("button", { type: "button", class: "quiet", id: "use-cosines", "data-say": "own.cosines", onclick: () => { element.close(); chosen(null, null); } }, say("own.cosines"));
  const element = h("dialog", { id: "own", "aria-labelledby": "own-title" },
    h("h2", { id: "own-title", "data-say": "own.title" }, say("own.title")), canvas, h("p", { class: "hint", "data-t": "own.hint" }),
    h("p", { class: "control" }, use, " ", clear), h("p", { class: "control" }, h("label", { for: "own-file", "data-say": "own.file" }, say("own.file")), " ", file), picked, problem,
    h("p", { class: "control" }, standard, close));

  function draw() {
    plot = pad(surface(canvas), { values, pen }) && pad(surface(canvas), { values, pen });
    use.disabled = completed(values) === null;
  }

  const place = (event) => {
    const box = canvas.getBoundingClientRect(), x = event.clientX - box.left, y = event.clientY - box.top;
    const i = Math.round(((x - plot.box.left) / (plot.box.right - plot.box.left)) * (POINTS - 1));
    return [Math.min(Math.max(i, 0), POINTS - 1), Math.min(Math.max((y - plot.Y(0)) / (plot.Y(1) - plot.Y(0)), -1), 1)];
  };
  canvas.addEventListener("pointerdown", (event) => { canvas.setPointerCapture(event.pointerId); last = place(event); stroke(values, last, last); draw(); });
  canvas.addEventListener("pointermove", (event) => {
    if (!last || !event.buttons) return;
    const next = place(event);
    stroke(values, last, next);
    last = next;
    draw();
  });
  canvas.addEventListener("pointerup", () => { last = null; });
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
    rows = rowsOf(await chosenFile.text());
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

  return { element, open() { speakIn(element); element.showModal(); pen = null; draw(); canvas.focus(); } };
}
