// One number on its way back: two normal laws of it, and their product.
import { frame } from "./axes.js";
import { band, dot, line, upright } from "./marks.js";

const POINTS = 241;
const HALF = 4;

export const density = (x, { mean, deviation }) => Math.exp(-0.5 * ((x - mean) / deviation) ** 2) / (deviation * Math.sqrt(2 * Math.PI));

// Laws [{ mean, deviation, name, colour }, ...], the last filled; each is drawn at its own height, and marks [[place, colour], ...] stand below.
export function bells(surface, { laws, marks }) {
  const { colours, words } = surface, xs = Array.from({ length: POINTS }, (_, k) => HALF * ((2 * k) / (POINTS - 1) - 1));
  const keys = laws.map(({ name, colour }) => [words[name], colours[colour]]);
  const plot = frame(surface, { x: [-HALF, HALF], y: [-0.06, 1.08], xlabel: words.oneNumber, bare: true, keys });
  laws.forEach((law, k) => {
    const ys = xs.map((x) => density(x, law) * law.deviation * Math.sqrt(2 * Math.PI)), last = k === laws.length - 1;
    if (last) band(plot, xs.map(() => 0), ys, { colour: colours[law.colour], alpha: 0.25, xs });
    line(plot, ys, { colour: colours[law.colour], xs, width: last ? 2.4 : 1.8 });
  });
  for (const [place, colour] of marks) {
    upright(plot, place, colours.grid);
    dot(plot, plot.X(place), plot.Y(0), 7, colours[colour]);
  }
  return plot;
}
