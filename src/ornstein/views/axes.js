// Axes: a surface with two scales, light grid lines, and labels that never run into one another.
import { heightOf, inRows, legend } from "./keys.js";
import { logTicks, ticks } from "./ticks.js";

const SIZE = 11;
const ABOVE = 12;
const GAP = 6;
const BARE = 18; // half of the first label under the axis

// The frame of a drawing: margins, and the scales X and Y from values to places. Where ``xlog`` or ``ylog`` is set, x, y and what
// X and Y are given are logarithms to base ten; a ``bare`` frame has no scale upwards; ``keys`` [[text, colour, dash], ...] are its legend.
// The left margin follows the widest label, so the title of the axis stays clear of it.
export function frame(surface, { x, y, right = 10, bottom = 34, xlabel = "", ylabel = "", xlog = false, ylog = false, bare = false, keys = [] }) {
  const { g, width, height } = surface;
  font(surface);
  const rows = inRows(g, keys, width - right - BARE), top = ABOVE + heightOf(rows);
  const up = bare ? [] : (ylog ? logTicks : ticks)(y, Math.max(2, Math.min(6, (height - top - bottom) / 34)));
  const labels = Math.max(0, ...up.map(([, text]) => g.measureText(text).width));
  const left = bare ? BARE : Math.ceil(labels) + GAP + (ylabel ? SIZE + GAP + 4 : 2);
  const plot = scales(surface, { left, top, right: width - right, bottom: height - bottom }, x, y);
  drawAxes(plot, (xlog ? logTicks : ticks)(x, Math.max(2, Math.min(6, (plot.box.right - left) / 70))), up, xlabel, ylabel);
  legend(plot, rows);
  return plot;
}

// The same without axes, for what has its own.
export function scales(surface, box, x = [0, 1], y = [0, 1]) {
  font(surface);
  return {
    ...surface, box,
    X: (v) => box.left + ((v - x[0]) / (x[1] - x[0])) * (box.right - box.left),
    Y: (v) => box.bottom - ((v - y[0]) / (y[1] - y[0])) * (box.bottom - box.top),
  };
}

function font({ g, font: family }) {
  g.font = `${SIZE}px ${family}`;
}

function drawAxes({ g, width, colours, box, X, Y }, across, up, xlabel, ylabel) {
  g.fillStyle = colours.panel;
  g.fillRect(box.left, box.top, box.right - box.left, box.bottom - box.top);
  g.strokeStyle = colours.grid;
  g.fillStyle = colours.muted;
  g.lineWidth = 1;
  g.textAlign = "center";
  g.textBaseline = "top";
  for (const [v, text] of across) {
    segment(g, X(v), box.top, X(v), box.bottom);
    g.fillText(text, Math.min(X(v), width - g.measureText(text).width / 2), box.bottom + 5); // the last one ends with the figure
  }
  g.textAlign = "right";
  g.textBaseline = "middle";
  for (const [v, text] of up) {
    segment(g, box.left, Y(v), box.right, Y(v));
    g.fillText(text, box.left - GAP, Y(v));
  }
  g.textAlign = "center";
  g.textBaseline = "bottom";
  if (xlabel) g.fillText(xlabel, (box.left + box.right) / 2, box.bottom + 33);
  if (ylabel) {
    g.save();
    g.translate(SIZE + 4, (box.top + box.bottom) / 2);
    g.rotate(-Math.PI / 2);
    g.fillText(ylabel, 0, 0);
    g.restore();
  }
}

function segment(g, x0, y0, x1, y1) {
  g.beginPath();
  g.moveTo(Math.round(x0) + 0.5, Math.round(y0) + 0.5);
  g.lineTo(Math.round(x1) + 0.5, Math.round(y1) + 0.5);
  g.stroke();
}
