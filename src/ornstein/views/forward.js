// The way out: points leave the curve, the factors of signal and noise, one run of the chain, and what a curve is made of.
import { at, extent, histogram, mix, normalCount, rms, row } from "./arrays.js";
import { frame } from "./axes.js";
import { ramp } from "./colours.js";
import { bar } from "./keys.js";
import { block, dot, line, upright } from "./marks.js";

const RANGE = [-4, 4];
const BIN = 0.5;

// Points at the last ``trail`` steps up to t, shaded by step, and their histogram as dots: area = count; rings = what N(0, 1) expects.
// The values ``mark`` are ringed: points of another step, to compare.
export function cloud(surface, { curve, noise, alpha, sigma, t, trail, mark = null }) {
  const { colours, words, width } = surface, d = curve.length, last = Math.ceil(t), first = Math.max(0, last - trail);
  const plot = frame(surface, { x: [-1, d], y: RANGE, right: 112, xlabel: words.dimension, ylabel: words.value });
  line(plot, curve, { colour: colours.muted, width: 1.2, alpha: 0.8 });
  const shades = [colours.far, colours.near], inside = (v) => plot.Y(Math.min(Math.max(v, RANGE[0]), RANGE[1]));
  let x = curve;
  for (let s = first; s <= last; s++) {
    const now = Math.min(s, t), fresh = s === last;
    x = mix(curve, noise, at(alpha, now), at(sigma, now));
    const colour = ramp(shades, trail ? (s - first) / Math.max(1, last - first) : 1);
    for (let i = 0; i < d; i++) dot(plot, plot.X(i), inside(x[i]), fresh ? 2.4 : 1.5, colour, fresh ? 1 : 0.75);
  }
  mark?.forEach((v, i) => dot(plot, plot.X(i), inside(v), 2.8, colours.ink, 0.9, true));
  const { centres, counts } = histogram(x, ...RANGE, BIN), place = width - 82;
  const unit = (0.72 * (plot.Y(0) - plot.Y(BIN))) / Math.sqrt(normalCount(d, 0, BIN));
  centres.forEach((c, k) => {
    if (counts[k]) dot(plot, place, plot.Y(c), unit * Math.sqrt(counts[k]), colours.signal, 0.85);
    dot(plot, place, plot.Y(c), Math.max(0.8, unit * Math.sqrt(normalCount(d, c, BIN))), colours.ink, 0.7, true);
  });
  bar(plot, shades, first, last, words.step, 0);
}

export function factors(surface, { alpha, sigma, t }) {
  const { colours, words } = surface;
  const keys = [[words.signalFactor, colours.second], [words.noiseFactor, colours.accent]];
  const plot = frame(surface, { x: [0, alpha.length - 1], y: [-0.03, 1.03], xlabel: words.step, keys });
  upright(plot, t, colours.grid);
  for (const [values, colour] of [[alpha, colours.second], [sigma, colours.accent]]) {
    line(plot, values, { colour, width: 2 });
    dot(plot, plot.X(t), plot.Y(at(values, t)), 5, colour);
  }
}

// One run of the chain (step, dimension): every fourth step up to now.
export function chain(surface, { path, curve, t }) {
  const { colours, words } = surface, shades = [colours.near, colours.far], last = path.rows - 1;
  const plot = frame(surface, { x: [0, curve.length - 1], y: extent([path.values], 0.03), right: 66, xlabel: words.dimension });
  for (let s = Math.floor(t); s >= 0; s -= 4) line(plot, row(path, s), { colour: ramp(shades, s / last), alpha: 0.8 });
  line(plot, row(path, Math.round(t)), { colour: colours.ink, width: 1.4 });
  line(plot, curve, { colour: colours.signal, width: 2 });
  bar(plot, shades, 0, last, words.step, 0);
}

// Histograms of the values at the start and at step t of a run, and what N(0, 1) expects.
export function ends(surface, { path, curve, t }) {
  const { colours, words } = surface, now = row(path, Math.round(t)), d = now.length;
  const start = histogram(curve, ...RANGE, BIN), end = histogram(now, ...RANGE, BIN);
  const top = Math.max(...start.counts, ...end.counts, normalCount(d, 0, BIN)) * 1.08, edge = 4.3;
  const keys = [["x₀", colours.signal], [`t = ${Math.round(t)}`, colours.accent], ["N(0, 1)", colours.ink, [4, 3]]];
  const plot = frame(surface, { x: [-edge, edge], y: [0, top], xlabel: words.value, ylabel: words.count, keys });
  const half = 0.42 * (plot.X(BIN) - plot.X(0));
  for (const [counts, colour, shift] of [[start.counts, colours.signal, -half], [end.counts, colours.accent, 0]]) {
    counts.forEach((n, k) => block(plot, plot.X(start.centres[k]) + shift, plot.Y(n), half, plot.Y(0) - plot.Y(n), colour, 0.85));
  }
  const xs = Array.from({ length: 87 }, (_, k) => k / 10 - edge);
  line(plot, xs.map((v) => normalCount(d, v, BIN)), { colour: colours.ink, xs, width: 1.3, dash: [4, 3] });
}

// A curve and the parts that it is the sum of, all faded by ``alpha``; behind them ``noisy``, the curve x_t that they are still in.
export function components(surface, { parts, curve, alpha = 1, noisy = null, y = extent([curve, parts.values]) }) {
  const { colours, words } = surface, sum = new Float32Array(parts.columns), faded = (values) => values.map((v) => alpha * v);
  for (let k = 0; k < parts.rows; k++) row(parts, k).forEach((v, i) => { sum[i] += v; });
  const whole = rms(sum, curve) <= 1e-3, keys = [[words.curve, colours.signal], [words.component, colours.muted]];
  if (noisy) keys.push(["xₜ", colours.far]);
  if (!whole) keys.push([words.sum, colours.accent, [5, 4]]);
  const plot = frame(surface, { x: [0, curve.length - 1], y, xlabel: words.dimension, ylabel: words.value, keys });
  if (noisy) line(plot, noisy, { colour: colours.far, width: 1.2 });
  for (let k = 0; k < parts.rows; k++) line(plot, faded(row(parts, k)), { colour: colours.muted, alpha: 0.7 });
  line(plot, faded(curve), { colour: colours.signal, width: 2.2 });
  if (!whole) line(plot, faded(sum), { colour: colours.accent, width: 1.4, dash: [5, 4] });
}
