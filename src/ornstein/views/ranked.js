// Scores: signals by how odd they are, and where in one the oddness lies.
import { clock, timed } from "./ensemble.js";
import { extent } from "./arrays.js";
import { frame } from "./axes.js";
import { ramp } from "./colours.js";
import { bar } from "./keys.js";
import { block, dot, line } from "./marks.js";

// Surprise in nats in the order of rank, the chosen one marked; p below ``alarm`` in the colour of signals.
export function ranks(surface, { nats, order, p = null, chosen, alarm = 0.05 }) {
  const { colours, words } = surface, values = Array.from(order, (k) => nats[k]), last = Math.max(values.length - 1, 1);
  const plot = frame(surface, { x: [0.5, last + 1.5], y: extent([values]), xlabel: words.rank, ylabel: words.surprise }), { X, Y, box } = plot;
  const wide = Math.max(1, Math.min(14, (box.right - box.left) / values.length - 1));
  values.forEach((v, i) => block(plot, X(i + 1) - wide / 2, Y(v), wide, box.bottom - Y(v), p && p[order[i]] < alarm ? colours.signal : colours.accent, 0.8));
  dot(plot, X(chosen + 1), Y(values[chosen]), 5, colours.ink);
  return plot;
}

// One signal, its background shaded by the nats of each sample: pale where it is as the law expects.
export function oddness(surface, { curve, nats, rate = null, y, unit = "" }) {
  const { colours, words } = surface, xs = clock(curve.length, rate), [low, high] = extent([nats], 0), shades = [colours.panel, colours.second];
  const plot = frame(surface, { x: [xs[0], xs[xs.length - 1]], y, right: 66, xlabel: words[timed(curve.length, rate).word], ylabel: unit || words.value });
  const { X, box } = plot, half = (xs[1] - xs[0]) / 2;
  nats.forEach((v, i) => {
    const left = Math.max(X(xs[i] - half), box.left), right = Math.min(X(xs[i] + half), box.right);
    block(plot, left, box.top, right - left + 0.5, box.bottom - box.top, ramp(shades, (v - low) / (high - low || 1)), 0.9);
  });
  line(plot, curve, { colour: colours.signal, xs, width: 2 });
  bar(plot, shades, low, high, words.nats, 1);
  return plot;
}
