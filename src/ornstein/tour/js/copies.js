// Chapter two, and the two views of chapter three: copies, distances, averages.
import { distance, extent, mix, row } from "./data.js";
import { bar, frame, heat, legend, line, ramp } from "./plot.js";

// The curve unrolled into a near-square image, row by row; cells past its end stay empty.
export function image(canvas, { data, colours }) {
  const { curve } = data, columns = Math.ceil(Math.sqrt(curve.length)), rows = Math.ceil(curve.length / columns);
  const values = new Float32Array(rows * columns).fill(NaN);
  values.set(curve);
  const [low, high] = extent([curve], 0);
  if (rows === columns) return heat(canvas, colours, { values, rows, columns }, { low, high });
  const padded = new Float32Array(columns * columns).fill(NaN);
  padded.set(values);
  return heat(canvas, colours, { values: padded, rows: columns, columns }, { low, high });
}

export function vector(canvas, { data, colours, words }) {
  const { curve } = data, columns = Math.ceil(Math.sqrt(curve.length));
  const plot = frame(canvas, colours, { x: [0, curve.length - 1], y: extent([curve]), xlabel: words.dimension, ylabel: words.value });
  for (let k = 0; k * columns < curve.length; k += 2) {
    const a = plot.X(k * columns), b = plot.X(Math.min((k + 1) * columns, curve.length - 1));
    plot.g.fillStyle = colours.grid;
    plot.g.globalAlpha = 0.45;
    plot.g.fillRect(a, plot.box.top, b - a, plot.box.bottom - plot.box.top);
    plot.g.globalAlpha = 1;
  }
  line(plot, curve, { colour: colours.signal, width: 2 });
}

// Curves coloured by their Euclidean distance to the signal, the nearest on top, the signal over all.
function coloured(canvas, { data, colours, words }, curves, y, range = null) {
  const { curve } = data, far = curves.map((c) => distance(c, curve));
  const low = range ? range[0] : Math.min(...far), high = range ? range[1] : Math.max(...far), shades = [colours.near, colours.far];
  const plot = frame(canvas, colours, { x: [0, curve.length - 1], y, right: 66, xlabel: words.dimension });
  const order = far.map((_, k) => k).sort((a, b) => far[b] - far[a]);
  for (const k of order) line(plot, curves[k], { colour: ramp(shades, (far[k] - low) / (high - low || 1)), alpha: 0.6 });
  line(plot, curve, { colour: colours.signal, width: 2 });
  bar(plot, shades, low, high, words.distance, high < 3 ? 2 : 1);
  return { plot, nearest: curves[order[order.length - 1]] };
}

const rows = (matrix) => Array.from({ length: matrix.rows }, (_, k) => row(matrix, k));
const around = (data, sigma) => rows(data.noise).map((z) => mix(data.curve, z, 1, sigma));

export const copies = (canvas, scene) => coloured(canvas, scene, around(scene.data, scene.state.sigma), scene.data.wide);
export const strip = (canvas, scene) => coloured(canvas, scene, around(scene.data, Number(canvas.dataset.sigma)), scene.data.wide);
export const white = (canvas, scene) => coloured(canvas, scene, rows(scene.data.noise), scene.data.wide);

export function draws(canvas, scene) {
  const { data, colours } = scene, name = canvas.dataset.curves;
  const { plot, nearest } = coloured(canvas, scene, rows(data[name]), extent([data.paired.values, data.exact.values, data.curve]));
  line(plot, nearest, { colour: colours.ink, width: 1.3, dash: [5, 3] });
}

// The mean of the first n copies, and the variance left in it.
export function mean(canvas, { data, colours, words, state }) {
  const { curve, noise } = data, sum = new Float32Array(curve.length);
  const plot = frame(canvas, colours, { x: [0, curve.length - 1], y: data.wide, xlabel: words.dimension });
  for (let k = 0; k < state.n; k++) row(noise, k).forEach((z, i) => { sum[i] += z / state.n; });
  for (let k = 0; k < state.n; k++) line(plot, mix(curve, row(noise, k), 1, state.sigma), { colour: colours.far, alpha: 0.55 });
  line(plot, mix(curve, sum, 1, state.sigma), { colour: colours.accent, width: 1.8 });
  line(plot, curve, { colour: colours.signal, width: 1.6 });
  legend(plot, [[words.mean, colours.accent], [words.curve, colours.signal]]);
}

export function remaining(canvas, { data, colours, words, state }) {
  const { averaging } = data, count = averaging.length, ns = Array.from({ length: count }, (_, k) => k + 1), s2 = state.sigma ** 2;
  const logs = (values) => Array.from(values, (v) => Math.log10(v * s2));
  const plot = frame(canvas, colours, { x: [0, Math.log10(count) * 1.02], y: [Math.log10(s2 / count) - 0.3, Math.log10(s2) + 0.3], xlabel: words.logN, ylabel: words.logVariance });
  const xs = ns.map(Math.log10);
  line(plot, logs(ns.map((n) => 1 / n)), { colour: colours.ink, xs, dash: [5, 4] });
  line(plot, logs(averaging), { colour: colours.accent, xs, width: 2 });
  plot.g.fillStyle = colours.accent;
  plot.g.beginPath();
  plot.g.arc(plot.X(Math.log10(state.n)), plot.Y(Math.log10(averaging[state.n - 1] * s2)), 5, 0, 7);
  plot.g.fill();
  legend(plot, [[words.measured, colours.accent], ["σ²/n", colours.ink, [5, 4]]]);
}
