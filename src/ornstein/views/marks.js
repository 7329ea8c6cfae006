// Marks: what the views are made of, drawn into a frame.
import { ALMOST } from "./veil.js";

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

const MANY = 8000; // points from which curves are drawn at once

// Many curves of one style, a pixel wide: as one picture where the surface can (veil.js), and a stroke each where it cannot.
export function lines(plot, curves, { colour, alpha = 1, xs = null } = {}) {
  const { X, Y, box, veiled } = plot;
  if (!veiled || alpha > ALMOST || curves.reduce((n, curve) => n + curve.length, 0) < MANY) for (const curve of curves) line(plot, curve, { colour, alpha, xs });
  else {
    const longest = Math.max(...curves.map((curve) => curve.length)), x = scaled(xs ?? Array.from({ length: longest }, (_, i) => i), X, box.left);
    veiled(curves.map((curve) => [x.subarray(0, curve.length), scaled(curve, Y, box.top)]), box, colour, alpha);
  }
}

// Scales are straight lines, so two of their values are all of them.
function scaled(values, scale, from) {
  const out = new Float32Array(values.length), zero = scale(0) - from, one = scale(1) - scale(0);
  for (let i = 0; i < out.length; i++) out[i] = zero + one * values[i];
  return out;
}

// A disc or a ring at a place (not a value) of the surface.
export function dot({ g }, x, y, radius, colour, alpha = 1, hollow = false) {
  g.globalAlpha = alpha;
  g.beginPath();
  g.arc(x, y, radius, 0, 2 * Math.PI);
  g[hollow ? "strokeStyle" : "fillStyle"] = colour;
  g.lineWidth = 1.2;
  g[hollow ? "stroke" : "fill"]();
  g.globalAlpha = 1;
}

export function upright({ g, box, X }, x, colour) {
  g.strokeStyle = colour;
  g.lineWidth = 1.5;
  g.beginPath();
  g.moveTo(X(x), box.top);
  g.lineTo(X(x), box.bottom);
  g.stroke();
}

export function block({ g }, x, y, width, height, colour, alpha = 1) {
  g.fillStyle = colour;
  g.globalAlpha = alpha;
  g.fillRect(x, y, width, height);
  g.globalAlpha = 1;
}

// The area between two curves.
export function band(plot, low, high, { colour, alpha = 0.2, xs = null } = {}) {
  const { g, X, Y, box } = plot, n = low.length;
  g.save();
  g.beginPath();
  g.rect(box.left, box.top, box.right - box.left, box.bottom - box.top);
  g.clip();
  g.beginPath();
  for (let i = 0; i < n; i++) g.lineTo(X(xs ? xs[i] : i), Y(high[i]));
  for (let i = n - 1; i >= 0; i--) g.lineTo(X(xs ? xs[i] : i), Y(low[i]));
  g.fillStyle = colour;
  g.globalAlpha = alpha;
  g.fill();
  g.restore();
}
