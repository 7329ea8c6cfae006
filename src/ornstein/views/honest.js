// Whether bands hold: how often they held the truth against how often they promised to.
import { frame } from "./axes.js";
import { band, block, dot, line } from "./marks.js";

// Measured coverage with two standard errors on either side; on the diagonal, bands are honest.
export function coverage(surface, { level, value, error }) {
  const { colours, words } = surface, xs = [0, ...level, 1], grow = (sign) => xs.map((x, k) => (k && k < xs.length - 1 ? value[k - 1] + sign * 2 * error[k - 1] : x));
  const keys = [[words.measured, colours.accent], [words.honest, colours.ink, [5, 4]]];
  const plot = frame(surface, { x: [0, 1], y: [0, 1], xlabel: words.promised, ylabel: words.held, keys });
  band(plot, grow(-1), grow(1), { colour: colours.accent, xs, alpha: 0.18 });
  line(plot, [0, 1], { colour: colours.ink, xs: [0, 1], dash: [5, 4] });
  line(plot, [0, ...value, 1], { colour: colours.accent, xs, width: 2 });
  level.forEach((x, k) => dot(plot, plot.X(x), plot.Y(value[k]), 4, colours.accent));
  return plot;
}

// Where the truth ranked among the draws: 1 everywhere where bands are honest, a U where they are too narrow.
export function rankings(surface, { density, tolerance }) {
  const { colours, words } = surface, n = density.length, top = Math.max(...density, 1 + tolerance) * 1.1;
  const plot = frame(surface, { x: [0, 1], y: [0, top], xlabel: words.rankOfTruth, ylabel: words.density }), { X, Y, box } = plot;
  block(plot, box.left, Y(1 + tolerance), box.right - box.left, Y(1 - tolerance) - Y(1 + tolerance), colours.grid, 0.9);
  density.forEach((v, k) => block(plot, X(k / n) + 1, Y(v), X(1 / n) - X(0) - 2, Y(0) - Y(v), colours.accent, 0.7));
  line(plot, [1, 1], { colour: colours.ink, xs: [0, 1], dash: [5, 4] });
  return plot;
}
