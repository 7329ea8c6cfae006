// Signals beside one another: many of them faint, one chosen, and what they have in common.
import { frame } from "./axes.js";
import { band, line, lines } from "./marks.js";

const UNITS = [["seconds", 1], ["minutes", 60], ["hours", 3600], ["days", 86400]];
const FEW = 3; // of a unit, from which on it is used

// The unit in which signals of that length are timed: { word, per } with ``per`` samples to the unit; samples where there is no rate.
export function timed(length, rate) {
  if (!rate) return { word: "sample", per: 1 };
  const [word, seconds] = UNITS.findLast(([, s], k) => k === 0 || length / rate >= FEW * s);
  return { word, per: rate * seconds };
}

// Places of samples in that unit.
export const clock = (length, rate) => Array.from({ length }, (_, i) => i / timed(length, rate).per);

// ``curves`` behind, ``tint`` of the palette; the mean with its band of two deviations; ``chosen`` in front.
export function ensemble(surface, { curves, chosen = null, mean = null, deviation = null, rate = null, y, tint = "far", front = "signal", unit = "", alpha = 0.6 }) {
  const { colours, words } = surface, length = (chosen ?? mean ?? curves[0]).length, xs = clock(length, rate);
  const keys = mean ? [[words.meanOfAll, colours.accent], ...(chosen ? [[words.curve, colours[front]]] : [])] : [];
  const plot = frame(surface, { x: [xs[0], xs[length - 1] || 1], y, xlabel: words[timed(length, rate).word], ylabel: unit || words.value, keys });
  lines(plot, curves, { colour: colours[tint], xs, alpha });
  if (mean) {
    band(plot, mean.map((v, i) => v - 2 * deviation[i]), mean.map((v, i) => v + 2 * deviation[i]), { colour: colours.accent, xs, alpha: 0.14 });
    line(plot, mean, { colour: colours.accent, xs, width: 2 });
  }
  if (chosen) line(plot, chosen, { colour: colours[front], xs, width: 1.8 });
  return plot;
}
