// A signal as an image and a vector; many curves by their distance to it; averages of noisy copies.
import { distance, extent, log10, mix, row } from "./arrays.js";
import { frame } from "./axes.js";
import { ramp } from "./colours.js";
import { heat } from "./heat.js";
import { bar } from "./keys.js";
import { block, dot, line } from "./marks.js";

// The curve row by row as a square image; cells past its end stay empty.
export function image(surface, { curve }) {
  const columns = Math.ceil(Math.sqrt(curve.length)), values = new Float32Array(columns * columns).fill(NaN);
  values.set(curve);
  const [low, high] = extent([curve], 0);
  heat(surface, { matrix: { values, rows: columns, columns }, low, high });
}

export function vector(surface, { curve }) {
  const { colours, words } = surface, columns = Math.ceil(Math.sqrt(curve.length)), last = curve.length - 1;
  const plot = frame(surface, { x: [0, last], y: extent([curve]), xlabel: words.dimension, ylabel: words.value }), { box } = plot;
  for (let k = 0; k * columns <= last; k += 2) {
    const left = plot.X(k * columns), right = plot.X(Math.min((k + 1) * columns, last));
    block(plot, left, box.top, right - left, box.bottom - box.top, colours.grid, 0.45);
  }
  line(plot, curve, { colour: colours.signal, width: 2 });
}

// Curves coloured by their Euclidean distance to the signal, the nearest on top, the signal over all; ``mark`` dashes the nearest.
export function nearness(surface, { curves, curve, y, mark = false }) {
  const { colours, words } = surface, far = curves.map((c) => distance(c, curve));
  const low = Math.min(...far), high = Math.max(...far), shades = [colours.near, colours.far];
  const plot = frame(surface, { x: [0, curve.length - 1], y, right: 66, xlabel: words.dimension });
  const order = far.map((_, k) => k).sort((a, b) => far[b] - far[a]);
  for (const k of order) line(plot, curves[k], { colour: ramp(shades, (far[k] - low) / (high - low || 1)), alpha: 0.6 });
  line(plot, curve, { colour: colours.signal, width: 2 });
  if (mark) line(plot, curves[order[order.length - 1]], { colour: colours.ink, width: 1.3, dash: [5, 3] });
  bar(plot, shades, low, high, words.distance, high < 3 ? 2 : 1);
}

// The mean of the first n copies curve + sigma noise.
export function mean(surface, { curve, noise, sigma, n, y }) {
  const { colours, words } = surface, sum = new Float32Array(curve.length);
  const keys = [[words.mean, colours.accent], [words.curve, colours.signal]];
  const plot = frame(surface, { x: [0, curve.length - 1], y, xlabel: words.dimension, keys });
  for (let k = 0; k < n; k++) {
    const z = row(noise, k);
    z.forEach((v, i) => { sum[i] += v / n; });
    line(plot, mix(curve, z, 1, sigma), { colour: colours.far, alpha: 0.55 });
  }
  line(plot, mix(curve, sum, 1, sigma), { colour: colours.accent, width: 1.8 });
  line(plot, curve, { colour: colours.signal, width: 1.6 });
}

// The variance left in the mean of n copies: ``left`` for sigma = 1 and n = 1, 2, ..., against sigma^2 / n.
export function remaining(surface, { left, sigma, n }) {
  const { colours, words } = surface, ns = Array.from(left, (_, k) => k + 1), xs = log10(ns), s2 = sigma ** 2;
  const measured = log10(left.map((v) => v * s2)), expected = log10(ns.map((k) => s2 / k));
  const keys = [[words.measured, colours.accent], ["σ²/n", colours.ink, [5, 4]]];
  const plot = frame(surface, { x: [0, xs[xs.length - 1] * 1.02], y: extent([measured, expected]), xlog: true, ylog: true, xlabel: words.copies, ylabel: words.variance, keys });
  line(plot, expected, { colour: colours.ink, xs, dash: [5, 4] });
  line(plot, measured, { colour: colours.accent, xs, width: 2 });
  dot(plot, plot.X(xs[n - 1]), plot.Y(measured[n - 1]), 5, colours.accent);
}
