// Samples of few calls: their variance in every mode, and how far their law is from the true one.
import { extent, log10 } from "./arrays.js";
import { frame } from "./axes.js";
import { dot, line } from "./marks.js";

const FLOOR = -6;

const places = (values) => Array.from(values, (_, k) => k + 1);
const held = (values) => log10(values).map((v) => Math.max(v, FLOOR));

// Variances of the samples [{ values, name, colour }, ...] beside the true eigenvalues, on a logarithmic scale with a floor.
export function made(surface, { truth, samples }) {
  const { colours, words } = surface, xs = places(truth);
  const keys = [[words.trueLaw, colours.ink, [5, 4]], ...samples.map(({ name, colour }) => [words[name], colours[colour]])];
  const plot = frame(surface, { x: [0, xs.length + 1], y: [FLOOR - 0.15, extent([held(truth)], 0)[1] + 0.3], ylog: true, xlabel: words.index, ylabel: words.variance, keys });
  line(plot, held(truth), { colour: colours.ink, xs, width: 2, dash: [5, 4] });
  for (const { values, colour } of samples) held(values).forEach((v, k) => dot(plot, plot.X(k + 1), plot.Y(v), 2.4, colours[colour]));
}

// Distances of the samples to the law [{ values, name, colour }, ...] against the number of calls, with a mark at ``now``.
export function price(surface, { calls, samples, now }) {
  const { colours, words } = surface, xs = log10(calls), shown = samples.map(({ values }) => log10(values));
  const keys = samples.map(({ name, colour }) => [words[name], colours[colour]]);
  const plot = frame(surface, { x: [0, xs[xs.length - 1] * 1.02], y: extent(shown, 0.12), xlog: true, ylog: true, xlabel: words.calls, ylabel: words.lawDistance, keys });
  samples.forEach(({ colour }, k) => {
    line(plot, shown[k], { colour: colours[colour], xs, width: 2 });
    dot(plot, plot.X(xs[now]), plot.Y(shown[k][now]), 5, colours[colour]);
  });
}
