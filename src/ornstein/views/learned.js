// A training: its losses, what the network makes of noise, and where its errors are.
import { extent, log10, row } from "./arrays.js";
import { frame } from "./axes.js";
import { dot, line, upright } from "./marks.js";

// The loss of every step, faint after step ``now``; the dashed line is what a network that predicts 0 pays.
export function losses(surface, { losses: values, now }) {
  const { colours, words } = surface, xs = Array.from(values, (_, k) => k + 1), top = extent([values, [1]], 0)[1] * 1.05;
  const keys = [[words.loss, colours.accent], [words.knowsNothing, colours.ink, [5, 4]]];
  const plot = frame(surface, { x: [0, xs.length], y: [-0.02 * top, top], xlabel: words.iteration, ylabel: words.loss, keys });
  line(plot, xs.map(() => 1), { colour: colours.ink, xs, dash: [5, 4] });
  line(plot, values, { colour: colours.far, xs });
  line(plot, values, { colour: colours.accent, xs, width: 1.4, upto: now });
  upright(plot, now, colours.ink);
}

// The noise at the start of a run, its result, and the signal, on a scale of their own.
export function result(surface, { path, curve }) {
  const { colours, words } = surface, start = row(path, path.rows - 1), end = row(path, 0);
  const keys = [[words.startNoise, colours.muted], [words.result, colours.accent, [7, 4]], [words.curve, colours.signal]];
  const plot = frame(surface, { x: [0, path.columns - 1], y: extent([curve, start, end]), xlabel: words.dimension, ylabel: words.value, keys });
  line(plot, start, { colour: colours.muted, alpha: 0.8 });
  line(plot, curve, { colour: colours.signal, width: 2 });
  line(plot, end, { colour: colours.accent, width: 1.8, dash: [7, 4] });
}

// The error of the predicted noise at the steps 1, 2, ... (entry 0 is not drawn), and what it is worth in the curve.
export function mistakes(surface, { eps, clean, t }) {
  const { colours, words } = surface, step = Math.max(1, Math.round(t));
  const drawn = [[words.epsError, eps, colours.second], [words.cleanError, clean, colours.accent]];
  const keys = drawn.map(([name, , colour]) => [name, colour]);
  const plot = frame(surface, { x: [0, eps.length - 1], y: extent(drawn.map(([, values]) => log10(values.slice(1)))), ylog: true, xlabel: words.step, ylabel: words.error, keys });
  for (const [, values, colour] of drawn) {
    line(plot, log10(values.slice(1)), { colour, width: 2, xs: Array.from(values.slice(1), (_, k) => k + 1) });
    dot(plot, plot.X(step), plot.Y(Math.log10(values[step])), 5, colour);
  }
}

// The error of the noise as an error of the curve: x_t = alpha x_0 + sigma eps, so it is larger by sigma / alpha.
export const inCurve = (eps, alpha, sigma) => Float32Array.from(eps, (v, t) => (v * sigma[t]) / alpha[t]);
