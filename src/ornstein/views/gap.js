// A measurement: what is hidden of a curve, and what the law makes of it.
import { frame } from "./axes.js";
import { band, block, dot, line } from "./marks.js";

const NINETY = 1.6449;
const MOST_DOTS = 120;

// [first, last] of each run of neighbours in increasing ``index``.
export function stretches(index) {
  const found = [];
  for (const i of index) {
    if (found.length && found[found.length - 1][1] === i - 1) found[found.length - 1][1] = i;
    else found.push([i, i]);
  }
  return found;
}

// The readings at the seen entries (null for none yet), the band of 90 %, the mean and some draws of the posterior, and the curve itself.
export function posterior(surface, { curve, readings, hidden, mean, deviation, draws, y }) {
  const { colours, words } = surface, d = curve.length, shut = new Set(hidden);
  const keys = [[words.curve, colours.signal, [5, 4]], [words.posterior, colours.accent]];
  const plot = frame(surface, { x: [0, d - 1], y, xlabel: words.dimension, ylabel: words.value, keys }), { box, X, Y } = plot;
  for (const [first, last] of stretches(hidden)) {
    const left = Math.max(X(first - 0.5), box.left), right = Math.min(X(last + 0.5), box.right);
    block(plot, left, box.top, right - left, box.bottom - box.top, colours.grid, 0.7);
  }
  band(plot, mean.map((v, i) => v - NINETY * deviation[i]), mean.map((v, i) => v + NINETY * deviation[i]), { colour: colours.accent, alpha: 0.22 });
  for (const draw of draws) line(plot, draw, { colour: colours.accent, alpha: 0.35 });
  line(plot, curve, { colour: colours.signal, width: 1.6, dash: [5, 4] });
  line(plot, mean, { colour: colours.accent, width: 2 });
  if (readings) {
    const every = Math.max(1, Math.round(d / MOST_DOTS));
    for (let i = 0; i < d; i += every) if (!shut.has(i)) dot(plot, X(i), Y(readings[i]), 2, colours.ink, 0.8);
  }
  return plot;
}
