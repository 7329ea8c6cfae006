// Signals beside one another: many of them faint, one chosen, and what they have in common.
import { frame } from "./axes.js";
import { legend } from "./keys.js";
import { band, line } from "./marks.js";

// Places of samples in seconds (or in samples where there is no rate), and the word for it.
export const clock = (length, rate) => Array.from({ length }, (_, i) => (rate ? i / rate : i));

// ``curves`` behind, ``tint`` of the palette; the mean with its band of two deviations; ``chosen`` in front.
export function ensemble(surface, { curves, chosen = null, mean = null, deviation = null, rate = null, y, tint = "far", front = "signal", unit = "", alpha = 0.6 }) {
  const { colours, words } = surface, length = (chosen ?? mean ?? curves[0]).length, xs = clock(length, rate);
  const plot = frame(surface, { x: [xs[0], xs[length - 1] || 1], y, xlabel: rate ? words.seconds : words.sample, ylabel: unit || words.value });
  for (const curve of curves) line(plot, curve, { colour: colours[tint], xs, alpha });
  if (mean) {
    band(plot, mean.map((v, i) => v - 2 * deviation[i]), mean.map((v, i) => v + 2 * deviation[i]), { colour: colours.accent, xs, alpha: 0.14 });
    line(plot, mean, { colour: colours.accent, xs, width: 2 });
    legend(plot, [[words.meanOfAll, colours.accent], ...(chosen ? [[words.curve, colours.signal]] : [])]);
  }
  if (chosen) line(plot, chosen, { colour: colours[front], xs, width: 1.8 });
  return plot;
}
