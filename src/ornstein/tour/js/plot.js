// Plot: a canvas with two scales, and the few marks that the figures are made of.

const INK = ["ink", "muted", "grid", "panel", "signal", "accent", "second", "near", "far"];
const VIRIDIS = ["440154", "472d7b", "3b528b", "2c728e", "21918c", "28ae80", "5ec962", "addc30", "fde725"];

export function palette(element) {
  const style = getComputedStyle(element);
  return Object.fromEntries(INK.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
}

const channels = (hex) => [0, 2, 4].map((k) => parseInt(hex.replace("#", "").slice(k, k + 2), 16));

// Colour p in [0, 1] between the stops of a ramp, as [r, g, b].
export function blend(stops, p) {
  const place = Math.min(Math.max(p, 0), 1) * (stops.length - 1), i = Math.min(Math.floor(place), stops.length - 2);
  const a = channels(stops[i]), b = channels(stops[i + 1]);
  return a.map((v, k) => Math.round(v + (place - i) * (b[k] - v)));
}

export const ramp = (stops, p) => `rgb(${blend(stops, p).join(",")})`;

function ticks([low, high], count) {
  const raw = (high - low) / count, power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((k) => k * power).find((s) => s >= raw);
  const found = [];
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + 1e-9 * step; k++) found.push(k * step);
  return { found, digits: Math.max(0, -Math.floor(Math.log10(step) + 1e-9)) };
}

const readable = (v, digits) => v.toFixed(digits).replace("-", "−").replace(/^−(0\.?0*)$/, "$1");

// A fresh drawing: pixel ratio, margins, axes with light grid lines, and the scales X and Y.
export function frame(canvas, colours, { x, y, right = 10, bottom = 34, left = 42, top = 12, xlabel = "", ylabel = "", axes = true }) {
  const width = canvas.clientWidth, height = canvas.clientHeight, dense = Math.min(window.devicePixelRatio || 1, 2);
  canvas.width = Math.round(width * dense);
  canvas.height = Math.round(height * dense);
  const g = canvas.getContext("2d");
  g.setTransform(dense, 0, 0, dense, 0, 0);
  g.clearRect(0, 0, width, height);
  const box = { left, top, right: width - right, bottom: height - bottom };
  const plot = {
    g, colours, box, width, height,
    X: (v) => box.left + ((v - x[0]) / (x[1] - x[0])) * (box.right - box.left),
    Y: (v) => box.bottom - ((v - y[0]) / (y[1] - y[0])) * (box.bottom - box.top),
  };
  g.font = `11px ${getComputedStyle(canvas).fontFamily}`;
  if (axes) drawAxes(plot, x, y, xlabel, ylabel);
  return plot;
}

function drawAxes({ g, colours, box, X, Y }, x, y, xlabel, ylabel) {
  g.fillStyle = colours.panel;
  g.fillRect(box.left, box.top, box.right - box.left, box.bottom - box.top);
  g.strokeStyle = colours.grid;
  g.fillStyle = colours.muted;
  g.lineWidth = 1;
  const across = ticks(x, Math.max(2, Math.min(6, (box.right - box.left) / 70)));
  g.textAlign = "center";
  g.textBaseline = "top";
  for (const v of across.found) {
    segment(g, X(v), box.top, X(v), box.bottom);
    g.fillText(readable(v, across.digits), X(v), box.bottom + 5);
  }
  const up = ticks(y, Math.max(2, Math.min(6, (box.bottom - box.top) / 38)));
  g.textAlign = "right";
  g.textBaseline = "middle";
  for (const v of up.found) {
    segment(g, box.left, Y(v), box.right, Y(v));
    g.fillText(readable(v, up.digits), box.left - 6, Y(v));
  }
  g.textAlign = "center";
  g.textBaseline = "bottom";
  if (xlabel) g.fillText(xlabel, (box.left + box.right) / 2, box.bottom + 33);
  if (ylabel) {
    g.save();
    g.translate(11, (box.top + box.bottom) / 2);
    g.rotate(-Math.PI / 2);
    g.fillText(ylabel, 0, 4);
    g.restore();
  }
}

function segment(g, x0, y0, x1, y1) {
  g.beginPath();
  g.moveTo(Math.round(x0) + 0.5, Math.round(y0) + 0.5);
  g.lineTo(Math.round(x1) + 0.5, Math.round(y1) + 0.5);
  g.stroke();
}

// A curve of values at 0, 1, 2, ..., or at the places ``xs``.
export function line(plot, values, { colour, width = 1, alpha = 1, dash = [], xs = null, upto = values.length } = {}) {
  const { g, X, Y, box } = plot;
  g.save();
  g.beginPath();
  g.rect(box.left, box.top, box.right - box.left, box.bottom - box.top);
  g.clip();
  g.beginPath();
  for (let i = 0; i < upto; i++) g.lineTo(X(xs ? xs[i] : i), Y(values[i]));
  g.strokeStyle = colour;
  g.globalAlpha = alpha;
  g.lineWidth = width;
  g.lineJoin = "round";
  g.setLineDash(dash);
  g.stroke();
  g.restore();
}

export function dot(plot, x, y, radius, colour, alpha = 1, hollow = false) {
  const { g } = plot;
  g.globalAlpha = alpha;
  g.beginPath();
  g.arc(x, y, radius, 0, 2 * Math.PI);
  g[hollow ? "strokeStyle" : "fillStyle"] = colour;
  g.lineWidth = 1.2;
  g[hollow ? "stroke" : "fill"]();
  g.globalAlpha = 1;
}

export function upright(plot, x, colour) {
  const { g, box, X } = plot;
  g.strokeStyle = colour;
  g.lineWidth = 1.5;
  g.beginPath();
  g.moveTo(X(x), box.top);
  g.lineTo(X(x), box.bottom);
  g.stroke();
}

// A colour bar in the right margin: the colours of a ramp from ``low`` (bottom) to ``high``, with a title.
export function bar(plot, stops, low, high, title, digits = 1) {
  const { g, box, width, colours } = plot, x = width - 52, height = box.bottom - box.top - 16;
  for (let k = 0; k < height; k++) {
    g.fillStyle = ramp(stops, 1 - k / (height - 1));
    g.fillRect(x, box.top + 16 + k, 9, 1.5);
  }
  g.fillStyle = colours.muted;
  g.textAlign = "left";
  g.textBaseline = "middle";
  [high, (low + high) / 2, low].forEach((v, k) => g.fillText(readable(v, digits), x + 13, box.top + 20 + (k * (height - 8)) / 2));
  g.textAlign = "right";
  g.textBaseline = "top";
  g.fillText(title, width - 6, box.top);
}

// The legend, in the upper right corner or halfway up on the left.
export function legend(plot, entries, corner = "right") {
  const { g, box } = plot, top = corner === "right" ? box.top : (box.top + box.bottom) / 2 - 8 * entries.length;
  g.textBaseline = "middle";
  g.textAlign = "left";
  const widest = Math.max(...entries.map(([text]) => g.measureText(text).width));
  const x = corner === "right" ? box.right - widest - 34 : box.left + 8;
  g.globalAlpha = 0.85;
  g.fillStyle = plot.colours.panel;
  g.fillRect(x, top + 6, widest + 30, 16 * entries.length + 6);
  g.globalAlpha = 1;
  entries.forEach(([text, colour, dash = []], k) => {
    const y = top + 17 + 16 * k;
    g.strokeStyle = colour;
    g.lineWidth = 2;
    g.setLineDash(dash);
    g.beginPath();
    g.moveTo(x + 4, y);
    g.lineTo(x + 20, y);
    g.stroke();
    g.setLineDash([]);
    g.fillStyle = plot.colours.ink;
    g.fillText(text, x + 25, y + 0.5);
  });
}

// A matrix as an image: rows downwards, with its colour bar.
export function heat(canvas, colours, matrix, { low, high, digits = 1 }) {
  const size = Math.min(canvas.clientWidth - 84, canvas.clientHeight - 34);
  const room = canvas.clientWidth - size - 84;
  const left = 26 + room / 2, top = 8;
  const plot = frame(canvas, colours, { x: [0, 1], y: [0, 1], left, top, right: 58 + room / 2, bottom: canvas.clientHeight - size - top, axes: false });
  const { g } = plot, image = new ImageData(matrix.columns, matrix.rows);
  const table = Array.from({ length: 256 }, (_, k) => blend(VIRIDIS, k / 255));
  matrix.values.forEach((v, k) => {
    const colour = table[Math.round(255 * Math.min(Math.max((v - low) / (high - low), 0), 1))] ?? [0, 0, 0];
    image.data.set(Number.isNaN(v) ? [0, 0, 0, 0] : [...colour, 255], 4 * k);
  });
  const small = document.createElement("canvas");
  small.width = matrix.columns;
  small.height = matrix.rows;
  small.getContext("2d").putImageData(image, 0, 0);
  g.imageSmoothingEnabled = false;
  g.drawImage(small, left, top, size, size);
  g.fillStyle = colours.muted;
  g.textBaseline = "top";
  g.textAlign = "center";
  for (const p of [0, 0.5, 1]) g.fillText(String(Math.round(p * (matrix.columns - 1))), left + p * size, top + size + 5);
  g.textAlign = "right";
  g.textBaseline = "middle";
  for (const p of [0, 0.5, 1]) g.fillText(String(Math.round(p * (matrix.rows - 1))), left - 5, top + Math.max(4, p * size));
  plot.width = left + size + 62;
  bar(plot, VIRIDIS, low, high, "", digits);
  return plot;
}
