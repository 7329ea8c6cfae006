// A sample's eigenvalues on a logarithmic scale, and the edge below which white noise alone would put them.
import { extent, log10 } from "./arrays.js";
import { frame } from "./axes.js";
import { dot, line } from "./marks.js";

const DEEPEST = 1e-7;

export function eigenvalues(surface, { values, edge = null, above = 0 }) {
  const { colours, words } = surface, least = values[0] * DEEPEST, shown = log10(values.filter((v) => v > least)), xs = shown.map((_, k) => k + 1);
  const y = extent([edge === null ? shown : [...shown, Math.log10(edge)]]);
  const keys = [...(above ? [[words.aboveNoise, colours.signal]] : []), ...(edge === null ? [] : [[words.likeNoise, colours.near], [words.noiseEdge, colours.ink, [5, 4]]])];
  const plot = frame(surface, { x: [0, xs.length + 1], y, ylog: true, xlabel: words.index, ylabel: words.eigenvalue, keys });
  if (edge !== null) line(plot, [Math.log10(edge), Math.log10(edge)], { colour: colours.ink, xs: [0, xs.length + 1], dash: [5, 4] });
  shown.forEach((v, k) => dot(plot, plot.X(k + 1), plot.Y(v), k < above ? 3.4 : 2.2, k < above ? colours.signal : colours.near, k < above ? 1 : 0.6));
  return plot;
}
