// Keys: the colour bar in the right margin, and the legend.
import { ramp } from "./colours.js";
import { block } from "./marks.js";
import { readable } from "./ticks.js";

// The colours of a ramp from ``low`` (bottom) to ``high``, with a title; ``right`` is the edge it stands at.
export function bar(plot, stops, low, high, title, digits = 1, right = plot.width) {
  const { g, box, colours } = plot, x = right - 52, top = box.top + 16, height = box.bottom - top;
  for (let k = 0; k < height; k++) block(plot, x, top + k, 9, Math.min(1.5, height - k), ramp(stops, 1 - k / (height - 1)));
  g.fillStyle = colours.muted;
  g.textAlign = "left";
  g.textBaseline = "middle";
  [high, (low + high) / 2, low].forEach((v, k) => g.fillText(readable(v, digits), x + 13, top + 4 + (k * (height - 8)) / 2));
  g.textAlign = "right";
  g.textBaseline = "top";
  if (title) g.fillText(title, right - 6, box.top);
}

const ROW = 16;
const SAMPLE = 25; // of a line and its distance to the text
const APART = 14;

// [[text, colour, dash], ...] as the rows of a legend that are not wider than ``width``.
export function inRows(g, entries, width) {
  const rows = [];
  for (const [text, colour, dash = []] of entries) {
    const long = SAMPLE + g.measureText(text).width, last = rows[rows.length - 1];
    const at = last ? last[last.length - 1].end + APART : 0;
    if (last && at + long <= width) last.push({ text, colour, dash, at, end: at + long });
    else rows.push([{ text, colour, dash, at: 0, end: long }]);
  }
  return rows;
}

// The height that so many rows take above a plot.
export const heightOf = (rows) => (rows.length ? ROW * rows.length + 2 : 0);

// The rows above a plot, where they hide nothing of it, ending with its right side.
export function legend({ g, box, colours }, rows) {
  g.textBaseline = "middle";
  g.textAlign = "left";
  rows.forEach((row, k) => {
    const y = box.top - heightOf(rows) + ROW * k + ROW / 2 - 2, left = Math.max(box.right - row[row.length - 1].end, 0);
    for (const { text, colour, dash, at } of row) {
      g.strokeStyle = colour;
      g.lineWidth = 2;
      g.setLineDash(dash);
      g.beginPath();
      g.moveTo(left + at, y);
      g.lineTo(left + at + 18, y);
      g.stroke();
      g.setLineDash([]);
      g.fillStyle = colours.ink;
      g.fillText(text, left + at + SAMPLE, y + 0.5);
    }
  });
}
