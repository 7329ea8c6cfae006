// Chapter five: the training, what the network makes of noise at each moment of it, and where its errors are.
import { extent, row } from "./data.js";
import { dot, frame, legend, line, upright } from "./plot.js";
import { momentOf, runOf } from "./reverse.js";

// The loss of every step, faint after the present moment; the dashed line is what a network that predicts 0 pays.
export function losses(canvas, scene) {
  const { data, colours, words } = scene, now = data.moments[momentOf(canvas, scene)], xs = Array.from(data.losses, (_, k) => k + 1);
  const top = extent([data.losses, [1]], 0)[1] * 1.05;
  const plot = frame(canvas, colours, { x: [0, xs.length], y: [-0.02 * top, top], xlabel: words.iteration, ylabel: words.loss });
  line(plot, xs.map(() => 1), { colour: colours.ink, xs, dash: [5, 4] });
  line(plot, data.losses, { colour: colours.far, xs });
  line(plot, data.losses, { colour: colours.accent, xs, width: 1.4, upto: now });
  upright(plot, now, colours.ink);
  legend(plot, [[words.loss, colours.accent], [words.knowsNothing, colours.ink, [5, 4]]]);
}

// Noise, result and signal.
export function result(canvas, scene) {
  const { data, colours, words } = scene, path = runOf(canvas, scene);
  const plot = frame(canvas, colours, { x: [0, path.columns - 1], y: data.resultRange, xlabel: words.dimension, ylabel: words.value });
  line(plot, row(path, path.rows - 1), { colour: colours.muted, alpha: 0.8 });
  line(plot, data.curve, { colour: colours.signal, width: 2 });
  line(plot, row(path, 0), { colour: colours.accent, width: 1.8 });
  legend(plot, [[words.startNoise, colours.muted], [words.result, colours.accent], [words.curve, colours.signal]]);
}

// The error of the predicted noise at every step, and what it is worth in the curve: sigma / alpha times as much.
export function mistakes(canvas, { data, colours, words, state }) {
  const { eps_error: eps, alpha } = data, clean = inCurve(data), log = (values) => Array.from(values.slice(1), (v) => Math.log10(v));
  const xs = log(eps).map((_, k) => k + 1);
  const plot = frame(canvas, colours, { x: [0, alpha.length - 1], y: extent([log(eps), log(clean)]), xlabel: words.step, ylabel: words.logError });
  line(plot, log(eps), { colour: colours.second, width: 2, xs });
  line(plot, log(clean), { colour: colours.accent, width: 2, xs });
  const t = Math.max(1, Math.round(state.t));
  for (const [values, colour] of [[eps, colours.second], [clean, colours.accent]]) dot(plot, plot.X(t), plot.Y(Math.log10(values[t])), 5, colour);
  legend(plot, [[words.epsError, colours.second], [words.cleanError, colours.accent]]);
}

export const inCurve = ({ eps_error: eps, alpha, sigma }) => Float32Array.from(eps, (v, t) => (v * sigma[t]) / alpha[t]);

export const resultRange = (data) => extent([data.curve, ...data.runs.flatMap((run) => [row(run, 0), row(run, run.rows - 1)])]);
